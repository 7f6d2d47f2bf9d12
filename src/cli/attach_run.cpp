#include "cli/attach_run.hpp"

#include "cli/attach_held_keys.hpp"
#include "cli/attach_stream.hpp"
#include "cli/broker_client.hpp"
#include "cli/output.hpp"
#include "cli/real_terminal.hpp"
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>
#include <csignal>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include "base/clock.hpp"
#include "base/json_writer.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "net/event.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "net/url.hpp"
#include "os/system_random.hpp"
#include "os/terminal.hpp"

namespace relay::cli {
namespace {

/// The broker is on this machine: for one answer.
constexpr Duration kAttachWithin = std::chrono::seconds(10);
/// Waits that are ended by what they wait for.
constexpr Duration kAttachLook = std::chrono::hours(1);
/// How often the size is said again: well within the 300 s after which a silent owner loses it.
constexpr Duration kSizeAgain = std::chrono::seconds(60);
/// A broker that takes the place of another.
constexpr Duration kNextBrokerWithin = std::chrono::seconds(10);
constexpr Duration kLookForNext = std::chrono::milliseconds(50);
/// For the last output to reach a terminal that is stopped.
constexpr Duration kScreenWithin = std::chrono::seconds(10);

/// "ann@pts/3": who the others see.
std::string name_of_driver() {
  const char* user = ::getlogin();
  const char* terminal = ::ttyname(STDIN_FILENO);
  std::string place = terminal == nullptr ? "terminal" : terminal;
  if (place.starts_with("/dev/")) place.erase(0, 5);
  return fmt::format("{}@{} (process {})", user == nullptr ? "somebody" : user, place, ::getpid());
}

class Attached {
 public:
  Attached(asio::any_io_executor executor, broker::Instance instance, AttachOptions options)
      : options_(std::move(options)),
        me_(name_of_driver()),
        path_(net::path_segment(options_.agent)),
        client_(executor, std::move(instance)),
        keys_(options_.detach),
        signals_(executor),
        over_(executor),
        size_due_(executor),
        answered_(executor),
        tasks_(executor),
        executor_(executor) {}

  asio::awaitable<Result<void>> run(Context* context) {
    auto ready = co_await prepare();
    if (ready) {
      tasks_.spawn(heed_signals());
      tasks_.spawn(terminal_->write_screen({}));
      tasks_.spawn(read_keys());
      tasks_.spawn(show_output());
      if (input_) start_hearing();
      if (input_) tasks_.spawn(keep_size());
      while (!end_) (void)co_await over_.wait(kAttachLook);
      co_await leave();
    }
    tasks_.cancel();
    co_await tasks_.join();
    co_await hang_up();
    if (!ready) co_return fail(std::move(ready).error());
    if (end_->signal != 0) context->status = 128 + end_->signal;
    if (end_->status) context->status = end_->status;
    if (!end_->line.empty()) tell(end_->line);
    if (end_->error) co_return fail(*end_->error);
    co_return Result<void>();
  }

 private:
  /// Why it is over.
  struct End {
    int signal = 0;
    std::optional<int> status;
    std::string line;
    std::optional<Error> error;
  };

  void end(End why) {
    if (!end_) end_ = std::move(why);
    over_.notify();
  }
  void end_with(Error error) {
    End why;
    why.error = std::move(error);
    end(std::move(why));
  }

  static void tell(const std::string& line) {
    Output out(STDERR_FILENO);
    out.line(line);
    (void)out.flush();
  }

  /// A stream that ended without a word.
  [[nodiscard]] Error broker_gone() const {
    return {Code::broker_not_running, "the broker has ended while " + shown_name() + " was shown",
            "its agents may live on: start it again with relay-broker serve, then attach"};
  }
  /// For an error of a stream itself.
  [[nodiscard]] Error gone_if_lost(const Error& error) const {
    return error.code == Code::connection_closed ? broker_gone() : error;
  }
  [[nodiscard]] std::string shown_name() const { return printable(options_.agent); }

  /// Everything that may be refused, before the terminal is touched.
  asio::awaitable<Result<void>> prepare() {
    for (const int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT}) {
      std::error_code error;
      signals_.add(number, error);
    }
    if (options_.drive) {
      auto driving = co_await take_the_wheel();
      if (!driving) co_return fail(std::move(driving).error());
    }
    auto first = co_await open_output();
    if (!first) co_return fail(std::move(first).error());
    const bool keys = os::is_terminal(STDIN_FILENO);
    auto terminal = RealTerminal::open(executor_, keys ? STDIN_FILENO : -1, STDOUT_FILENO);
    if (!terminal) co_return fail(std::move(terminal).error());
    terminal_ = *std::move(terminal);
    greet(first->screen);
    if (keys) {
      auto raw = os::RawMode::enter(STDIN_FILENO);
      if (!raw) co_return fail(std::move(raw).error());
      raw_.emplace(*std::move(raw));
    }
    show_title();
    show(*std::move(first));
    co_return Result<void>();
  }

  asio::awaitable<Result<void>> take_the_wheel() {
    driving_ = false;
    auto input =
        co_await client_.stream("/api/input/" + path_ + "/stream?driver=" + net::path_segment(me_),
                                kAttachWithin, &random_);
    if (!input) co_return fail(std::move(input).error());
    input_ = std::make_shared<net::WebSocket>(*std::move(input));
    const auto first = co_await input_->receive(kAttachWithin);
    if (!first) co_return fail(gone_if_lost(first.error()));
    auto note = read_input_note(first->payload);
    if (!note) co_return fail(std::move(note).error());
    if (note->kind == InputNote::Kind::refused) co_return fail(std::move(note->error));
    const auto list = co_await input_->receive(kAttachWithin);
    if (!list) co_return fail(gone_if_lost(list.error()));
    note = read_input_note(list->payload);
    if (!note) co_return fail(std::move(note).error());
    see(std::move(note->drivers));
    auto sized = co_await say_size();
    driving_ = sized.has_value();
    co_return sized;
  }

  /// A new look at the terminal: up to its picture, or to the end of the program.
  asio::awaitable<Result<AttachStep>> open_output() {
    stream_ = AttachStream();
    auto output = co_await client_.stream("/api/output/" + path_, kAttachWithin, &random_);
    if (!output) co_return fail(std::move(output).error());
    output_ = std::make_shared<net::WebSocket>(*std::move(output));
    for (;;) {
      auto step = co_await next_step(kAttachWithin);
      if (!step || step->kind != AttachStep::Kind::nothing) co_return step;
    }
  }

  /// After a cut: the broker drops who says nothing for 90 s, as somebody stopped does. One that
  /// has left the viewer in order makes room for the next one, which is waited for.
  asio::awaitable<Result<AttachStep>> come_back() {
    const SystemClock clock;
    const Monotonic deadline = clock.now() + kNextBrokerWithin;
    const bool waits = std::exchange(left_in_order_, false);
    for (;;) {
      auto step = co_await look_again();
      const bool away = !step && is_away(step.error());
      if (!away) co_return step;
      if (!waits || end_ || clock.now() >= deadline) co_return fail(broker_gone());
      co_await net::pause(kLookForNext);
    }
  }
  static bool is_away(const Error& error) {
    return error.code == Code::broker_not_running || error.detail == kBrokerNotReady;
  }
  asio::awaitable<Result<AttachStep>> look_again() {
    if (input_ && (input_->end() || !hearing_)) {
      co_await see_keys_out();
      auto driving = co_await take_the_wheel();
      // Nobody would read what it says.
      if (!driving) input_->abort();
      if (!driving) co_return fail(std::move(driving).error());
      start_hearing();
      co_await send_keys();
    }
    auto step = co_await open_output();
    co_return step;
  }

  asio::awaitable<Result<AttachStep>> next_step(Duration at_most) {
    const auto output = output_;
    const auto message = co_await output->receive(at_most);
    if (!message) {
      const Code code = message.error().code;
      if (code == Code::timeout || code == Code::cancelled) co_return fail(message.error());
      const auto& how = output->end();
      left_in_order_ = how && how->code == net::ws_close::kNormal;
      co_return fail(broker_gone());
    }
    co_return message->is_text ? stream_.text(message->payload) : stream_.binary(message->payload);
  }

  // Screen

  /// What the person is told before the agent has the screen.
  void greet(const AttachScreen& screen) {
    const std::string leave =
        options_.detach.empty() ? "" : fmt::format("; {} leaves it", printable(options_.key_name));
    tell(fmt::format("{} {}{}", input_ ? "driving" : "viewing", shown_name(), leave));
    if (!others_.empty()) tell("also driven by " + join(others_, ", "));
    const auto here = os::window_size(STDOUT_FILENO);
    if (here && (here->rows < screen.rows || here->columns < screen.columns)) {
      tell(fmt::format("its terminal has {}x{} cells, more than this one ({}x{})", screen.columns,
                       screen.rows, here->columns, here->rows));
    }
  }

  /// False: the terminal takes no more for now.
  bool show(AttachStep step) {
    // Another picture follows.
    if (hidden_ && step.kind != AttachStep::Kind::ended) return true;
    switch (step.kind) {
      case AttachStep::Kind::nothing:
      case AttachStep::Kind::gap: return true;
      case AttachStep::Kind::print: keys_.shown(step.bytes); return terminal_->take(step.bytes);
      case AttachStep::Kind::paint:
        // What is on the screen is the person's own the first time: it goes up, not away.
        if (!std::exchange(painted_, true) && !step.screen.alternate) {
          const auto here = os::window_size(STDOUT_FILENO);
          (void)terminal_->take(std::string(here ? here->rows : 24, '\n'));
        }
        return terminal_->take(step.screen.paint);
      case AttachStep::Kind::ended: break;
    }
    if (step.exit.empty()) {
      end_with(Error(Code::connection_closed,
                     shown_name() + " is gone, and how it ended is not known",
                     "relay-broker status shows who is there"));
      return true;
    }
    End why;
    why.status = step.status;
    why.line = fmt::format("{} has ended: {}", shown_name(), step.exit);
    end(std::move(why));
    return true;
  }

  asio::awaitable<void> show_output() {
    while (!end_) {
      auto step = co_await next_step(kAttachLook);
      bool lost = !step && step.error().code == Code::broker_not_running;
      while (repaint_ || lost || is_gap(step)) {
        repaint_ = false;
        lost = false;
        step = co_await come_back();
      }
      if (!step && step.error().code == Code::timeout) continue;
      if (!step && step.error().code == Code::cancelled) co_return;
      if (!step) {
        end_with(std::move(step).error());
        co_return;
      }
      const bool more = show(*std::move(step));
      // A broker whose viewer does not read loses nothing but this viewer's place.
      if (!more) co_await terminal_->flush(kAttachLook);
    }
  }

  static bool is_gap(const Result<AttachStep>& step) {
    return step && step->kind == AttachStep::Kind::gap;
  }

  /// Has `show_output` fetch another picture.
  void repaint() {
    repaint_ = true;
    if (output_) output_->abort();
  }

  /// The terminal is as it was, and its cursor below everything.
  asio::awaitable<void> leave_screen() {
    hidden_ = true;
    if (std::exchange(title_shown_, false)) (void)terminal_->take("\x1B[23;2t");
    terminal_->put_right();
    (void)terminal_->take("\x1B[999;1H\r\n");
    co_await terminal_->flush(kScreenWithin);
    painted_ = false;
  }

  asio::awaitable<void> leave() {
    // After SIGHUP there is no terminal that could take it.
    if (end_->signal != SIGHUP) co_await leave_screen();
    // An answer of the terminal that is on its way is nothing for the shell.
    if (raw_) ::tcflush(STDIN_FILENO, TCIFLUSH);
    raw_.reset();
  }

  asio::awaitable<void> hang_up() {
    // In this order: the broker frees the size, then sees the viewer go.
    if (input_) co_await input_->close(net::ws_close::kNormal, "");
    if (output_) output_->abort();
  }

  // Keys

  asio::awaitable<void> read_keys() {
    for (;;) {
      const std::string bytes = co_await terminal_->next_keys();
      if (bytes.empty()) co_return;
      auto typed = keys_.feed(bytes);
      if (input_ && !typed.keys.empty()) co_await type(std::move(typed.keys), typed.detach);
      const bool interrupted = !input_ && typed.controls.find('\x03') != std::string::npos;
      if (typed.detach || interrupted) {
        End why;
        why.line = "left " + shown_name() + ", which goes on";
        const std::size_t untyped = held_.waiting_bytes();
        if (untyped > 0) why.line += fmt::format("; {} bytes of keys did not reach it", untyped);
        end(std::move(why));
        co_return;
      }
      if (!input_ && typed.controls.find('\x1A') != std::string::npos) co_await suspend();
    }
  }

  /// The last keys before the terminal is left wait for nothing.
  asio::awaitable<void> type(std::string keys, bool last) {
    const SystemClock clock;
    const Monotonic deadline = clock.now() + kAttachWithin;
    bool held = held_.add(keys);
    while (!held && !last && clock.now() < deadline) {
      (void)co_await answered_.wait(deadline - clock.now());
      held = held_.add(keys);
    }
    if (held) {
      co_await send_keys();
    } else {
      ring();
    }
  }

  /// All that waits, as long as there is a broker. Whoever finds it at work leaves it to it.
  asio::awaitable<void> send_keys() {
    if (std::exchange(sending_, true)) co_return;
    while (driving_ && !input_->end()) {
      auto keys = held_.next();
      if (!keys) break;
      const auto input = input_;
      const auto sent = co_await input->send_binary(*std::move(keys), kAttachWithin);
      if (sent) continue;
      // How a conversation ended that is over tells what becomes of the keys; one that goes on
      // without them would count its answers wrongly.
      if (sent.error().code == Code::queue_full) input->abort();
      break;
    }
    sending_ = false;
  }

  /// The conversation in which keys went out is over.
  asio::awaitable<void> see_keys_out() {
    // What it has answered may not be read yet.
    while (hearing_) (void)co_await answered_.wait(kAttachLook);
    const auto& how = input_->end();
    const bool in_order =
        how && (how->code == net::ws_close::kNormal || how->code == net::ws_close::kGoingAway);
    held_.over(in_order);
    answered_.notify();
  }

  /// As a terminal does whose program does not read.
  void ring() { (void)terminal_->take("\a"); }

  void start_hearing() {
    hearing_ = true;
    tasks_.spawn(hear_answers());
  }

  asio::awaitable<void> hear_answers() {
    co_await hear_to_the_end();
    hearing_ = false;
    answered_.notify();
  }

  asio::awaitable<void> hear_to_the_end() {
    const auto input = input_;
    bool refused_by_ending = false;
    for (;;) {
      const auto message = co_await input->receive(kAttachLook);
      if (!message && message.error().code == Code::timeout) continue;
      if (!message && message.error().code == Code::cancelled) co_return;
      if (!message) {
        // Of a broker that ends the output ends as well.
        const auto& how = input->end();
        const bool ends = refused_by_ending || (how && how->code == net::ws_close::kGoingAway);
        if (!ends) repaint();
        co_return;
      }
      auto note = read_input_note(message->payload);
      if (!note) continue;
      heed(*note);
      refused_by_ending = refused_by_ending || is_of_ending(*note);
      if (note->kind == InputNote::Kind::drivers) {
        see(std::move(note->drivers));
        if (!hidden_) show_title();
        size_due_.notify();
      }
    }
  }

  static bool is_of_ending(const InputNote& note) {
    return note.kind == InputNote::Kind::refused && note.error.code == Code::node_not_ready;
  }
  /// What has become of the first keys that have no answer yet.
  void heed(const InputNote& note) {
    const bool refused = note.kind == InputNote::Kind::refused;
    if (!refused && note.kind != InputNote::Kind::typed) return;
    if (is_of_ending(note)) {
      held_.refused_by_ending();
    } else {
      held_.answered();
      if (refused) ring();
    }
    answered_.notify();
  }

  /// Who else drives.
  void see(std::vector<std::string> drivers) {
    others_.clear();
    for (auto& driver : drivers) {
      if (driver != printable(me_)) others_.push_back(std::move(driver));
    }
  }

  /// In the window's title: the screen is the program's. Its own title comes back at the end.
  void show_title() {
    if (!std::exchange(title_shown_, true)) (void)terminal_->take("\x1B[22;2t");
    std::string title = shown_name();
    if (!options_.detach.empty()) title += ", left with " + printable(options_.key_name);
    if (!others_.empty()) title += ", also driven by " + join(others_, ", ");
    (void)terminal_->take("\x1B]2;" + title + "\x1B\\");
  }

  // Size

  /// This terminal's size for the agent's; whoever came first keeps it.
  asio::awaitable<Result<void>> say_size() {
    const auto here = os::window_size(STDOUT_FILENO);
    if (!here) co_return Result<void>();
    std::string body;
    JsonWriter out(body);
    out.begin_object();
    out.field("session_id", me_);
    out.field("rows", std::uint64_t{here->rows});
    out.field("cols", std::uint64_t{here->columns});
    out.end_object();
    out.finish();
    const auto said =
        co_await client_.call("POST", "/api/resize/" + path_, std::move(body), kAttachWithin);
    if (!said) co_return fail(said.error());
    co_return Result<void>();
  }

  asio::awaitable<void> keep_size() {
    for (;;) {
      (void)co_await size_due_.wait(kSizeAgain);
      // What keeps it from coming about ends the output too.
      (void)co_await say_size();
    }
  }

  // Signals

  asio::awaitable<void> heed_signals() {
    for (;;) {
      std::error_code error;
      const int number =
          co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      if (number == SIGWINCH) {
        size_due_.notify();
      } else if (number == SIGTSTP) {
        co_await suspend();
      } else if (number == SIGCONT) {
        go_on();
      } else {
        End why;
        why.signal = number;
        end(std::move(why));
      }
    }
  }

  asio::awaitable<void> suspend() {
    co_await leave_screen();
    if (raw_) raw_->leave();
    stop_until_continued();
    go_on();
  }

  /// We were stopped, whoever did it.
  void go_on() {
    if (raw_) {
      raw_->leave();
      (void)raw_->enter_again();
    }
    hidden_ = false;
    show_title();
    size_due_.notify();
    repaint();
  }

  AttachOptions options_;
  std::string me_;
  std::string path_;
  os::SystemRandom random_;
  BrokerClient client_;
  AttachKeys keys_;
  HeldKeys held_;
  /// The broker takes keys.
  bool driving_ = false;
  bool hearing_ = false;
  bool sending_ = false;
  AttachStream stream_;
  /// Shared with the coroutines that are in it when another one takes its place.
  std::shared_ptr<net::WebSocket> input_;
  std::shared_ptr<net::WebSocket> output_;
  std::unique_ptr<RealTerminal> terminal_;
  std::optional<os::RawMode> raw_;
  std::vector<std::string> others_;
  bool painted_ = false;
  /// The output has ended without an end of the program: the broker lets go of it.
  bool left_in_order_ = false;
  bool repaint_ = false;
  /// The terminal is somebody else's for now.
  bool hidden_ = false;
  bool title_shown_ = false;
  std::optional<End> end_;
  asio::signal_set signals_;
  net::Event over_;
  net::Event size_due_;
  net::Event answered_;
  net::TaskGroup tasks_;
  asio::any_io_executor executor_;
};

}  // namespace

asio::awaitable<Result<void>> run_attached(Context* context, asio::any_io_executor executor,
                                           broker::Instance instance, AttachOptions options) {
  Attached attached(std::move(executor), std::move(instance), std::move(options));
  co_return co_await attached.run(context);
}

}  // namespace relay::cli
