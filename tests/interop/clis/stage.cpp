#include "clis/stage.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <deque>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_writer.hpp"
#include "net/channel.hpp"
#include "net/dial.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "os/system_random.hpp"
#include "pty/injection/envelope.hpp"
#include "pty/injection/profile_file.hpp"
#include "pty/screen/snapshot.hpp"
#include "pty/session/input_watch.hpp"
#include "pty/session/session.hpp"
#include "support/run_binary.hpp"
#include "wire/json.hpp"

namespace relay::interop {
namespace {

using namespace std::chrono_literals;

constexpr os::WindowSize kSize{120, 40};
constexpr Duration kStartWithin = 20s;
constexpr Duration kLook = std::chrono::hours(1);
constexpr std::string_view kGeneration = "cli";
constexpr std::string_view kSender = "tester";

std::string text_at(const wire::JsonView& root, std::string_view name) {
  const auto member = root.find(name);
  return std::string(member ? member->string().value_or("") : "");
}

}  // namespace

std::string_view name_of(Host host) {
  return host == Host::wrap ? "wrap" : "session";
}

struct Stage::Impl {
  Impl(asio::any_io_executor executor_in, pty::KeeperClient* keeper_in, Host host_in)
      : executor(executor_in),
        keeper(keeper_in),
        host(host_in),
        watch(executor_in),
        lines(executor_in, 1024),
        changed(executor_in),
        tasks(executor_in) {}

  asio::awaitable<Result<void>> start(Launch launch, os::Path directory);
  asio::awaitable<Result<void>> connect(std::string socket);
  asio::awaitable<void> heed_keeper();
  asio::awaitable<void> run_session();
  asio::awaitable<void> write_control();
  asio::awaitable<void> read_control();
  void take_answer(std::string_view line);
  void on_step(const pty::InjectionStep& step);
  asio::awaitable<void> make_film();
  void note(std::string_view what);
  void offer(const std::string& id, std::string body);

  asio::any_io_executor executor;
  pty::KeeperClient* keeper;
  Host host;
  SystemClock clock;
  os::SystemRandom random;
  pty::InputWatch watch;
  pty::KeptProcess* process = nullptr;
  std::unique_ptr<pty::Session> session;
  std::uint64_t last = 0;
  std::map<std::uint64_t, std::string> numbers;
  net::StreamPtr control;
  net::Channel<std::string> lines;
  std::map<std::string, Ending> endings;
  bool ended = false;
  bool stopping = false;
  std::ofstream film;
  Monotonic began = clock.now();
  net::Event changed;
  net::TaskGroup tasks;
};

asio::awaitable<Result<void>> Stage::Impl::start(Launch launch, os::Path directory) {
  const std::string socket = (directory / "c" / "s").string();
  const auto profiles = pty::builtin_profiles();
  const std::string cli = launch.argv.front();
  std::vector<std::string> argv = std::move(launch.argv);
  if (host == Host::wrap) {
    std::vector<std::string> words{test::relay_broker().string(), "wrap", "--control", socket};
    argv.insert(argv.begin(), words.begin(), words.end());
  }
  pty::SpawnOrder order(std::string(kGeneration), "cli", std::move(argv),
                        std::move(launch.environment), std::move(launch.cwd));
  order.columns = kSize.columns;
  order.rows = kSize.rows;
  auto spawned = co_await keeper->spawn(std::move(order), kStartWithin);
  if (!spawned) co_return fail(std::move(spawned).error());
  auto kept = std::make_unique<pty::KeptProcess>(executor, spawned->pid);
  process = kept.get();
  // A terminal of wrap's is plain: all it has to do is to answer queries, as a real one does.
  const std::string_view reader = host == Host::wrap ? std::string_view("wrap") : cli;
  pty::SessionSettings settings(pty::profile_for(profiles, reader), kSize);
  settings.on_step = [this](const pty::InjectionStep& step) { on_step(step); };
  auto made = pty::Session::make(executor, std::move(spawned->master), std::move(kept),
                                 std::move(settings), watch, clock);
  if (!made) co_return fail(std::move(made).error());
  session = *std::move(made);
  tasks.spawn(watch.run());
  tasks.spawn(heed_keeper());
  tasks.spawn(run_session());
  if (host == Host::session) co_return Result<void>();
  co_return co_await connect(socket);
}

asio::awaitable<Result<void>> Stage::Impl::connect(std::string socket) {
  const Monotonic deadline = clock.now() + kStartWithin;
  for (;;) {
    auto stream = co_await net::dial_unix(socket, kStartWithin);
    if (stream) {
      control = *std::move(stream);
      tasks.spawn(write_control());
      tasks.spawn(read_control());
      co_return Result<void>();
    }
    if (ended || clock.now() > deadline) co_return fail(std::move(stream).error());
    co_await net::pause(5ms);
  }
}

asio::awaitable<void> Stage::Impl::heed_keeper() {
  for (;;) {
    auto event = co_await keeper->next_event(kLook);
    if (!event && event.error().code == Code::timeout) continue;
    if (!event) co_return;
    if (const auto* exited = std::get_if<pty::SessionExited>(&*event)) {
      if (exited->generation == kGeneration) process->report(exited->status);
    }
  }
}

asio::awaitable<void> Stage::Impl::run_session() {
  const auto status = co_await session->run();
  ended = true;
  if (status && !stopping) fmt::print("    the program has ended: {}\n", status->text());
  changed.notify();
}

asio::awaitable<void> Stage::Impl::write_control() {
  for (;;) {
    auto line = co_await lines.receive(kLook);
    if (!line && line.error().code == Code::timeout) continue;
    if (!line) co_return;
    const auto sent = co_await control->write(*line);
    if (!sent.ok()) co_return;
  }
}

asio::awaitable<void> Stage::Impl::read_control() {
  std::string text;
  std::array<char, 4096> piece;
  for (;;) {
    const auto got = co_await control->read_some(piece);
    if (!got.ok()) co_return;
    text.append(piece.data(), got.bytes);
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      take_answer(std::string_view(text).substr(0, end));
      text.erase(0, end + 1);
    }
  }
}

void Stage::Impl::note(std::string_view what) {
  if (!film.is_open()) return;
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(clock.now() - began);
  film << fmt::format("== {} ms {}\n", since.count(), what) << std::flush;
}

asio::awaitable<void> Stage::Impl::make_film() {
  std::vector<std::string> shown;
  for (;;) {
    auto view = session->screen();
    std::string changes;
    shown.resize(static_cast<std::size_t>(view.rows));
    for (int row = 0; row < view.rows; ++row) {
      std::string& old = shown[static_cast<std::size_t>(row)];
      std::string text = view.row_text(row);
      if (text == old) continue;
      changes += fmt::format("{:2} {}\n", row, text);
      old = std::move(text);
    }
    if (!changes.empty()) {
      note("screen");
      film << changes;
    }
    co_await net::pause(5ms);
  }
}

void Stage::Impl::take_answer(std::string_view line) {
  const auto parsed = wire::JsonDocument::parse(line, wire::kInboundLimits);
  if (!parsed) return;
  const auto root = parsed->root();
  Ending ending;
  ending.at = clock.now();
  ending.outcome = text_at(root, "outcome");
  ending.proof = text_at(root, "proof");
  ending.reason = text_at(root, "reason");
  if (const auto error = root.find("error")) {
    ending.outcome = "refused";
    ending.reason = text_at(*error, "code");
  }
  const std::string id = text_at(root, "id");
  note(id + " " + ending.outcome + " " + ending.proof + ending.reason);
  endings[id] = std::move(ending);
  changed.notify();
}

void Stage::Impl::on_step(const pty::InjectionStep& step) {
  if (step.act == pty::InjectionAct::blocked) fmt::print("    blocked by: {}\n", step.note);
  if (step.act == pty::InjectionAct::warn || step.act == pty::InjectionAct::blocked)
    note(step.note);
  if (step.act == pty::InjectionAct::written) note(numbers[step.item] + " written");
  if (step.act == pty::InjectionAct::warn) fmt::print("    warning: {}\n", step.note);
  if (step.act != pty::InjectionAct::ended) return;
  Ending ending;
  ending.at = clock.now();
  ending.outcome = pty::name_of(step.outcome.end);
  ending.proof = pty::name_of(step.outcome.proof);
  ending.reason = step.outcome.reason;
  const std::string& id = numbers[step.item];
  note(id + " " + ending.outcome + " " + ending.proof + ending.reason);
  endings[id] = std::move(ending);
  changed.notify();
}

void Stage::Impl::offer(const std::string& id, std::string body) {
  pty::Letter letter;
  letter.id = id;
  letter.sender = kSender;
  letter.body = std::move(body);
  pty::EnvelopeRules rules;
  rules.inline_bytes = session->injection().profile().limits.inline_bytes;
  auto envelope = pty::make_envelope(letter, rules, random.next(), "/nowhere");
  if (!envelope) throw std::runtime_error(envelope.error().message);
  pty::InjectionItem item;
  item.id = ++last;
  item.text = std::move(envelope->text);
  numbers[item.id] = id;
  const auto offered = session->offer(std::move(item));
  if (offered) return;
  Ending ending;
  ending.at = clock.now();
  ending.outcome = "refused";
  ending.reason = name_of(offered.error().code);
  endings[id] = std::move(ending);
}

Stage::Stage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stage::~Stage() = default;

asio::awaitable<Result<std::unique_ptr<Stage>>> Stage::start(asio::any_io_executor executor,
                                                             pty::KeeperClient* keeper, Host host,
                                                             Launch launch, os::Path directory) {
  std::unique_ptr<Stage> stage(new Stage(std::make_unique<Impl>(executor, keeper, host)));
  auto started = co_await stage->impl_->start(std::move(launch), std::move(directory));
  if (!started) {
    co_await stage->stop();
    co_return fail(std::move(started).error());
  }
  co_return stage;
}

void Stage::send(std::string id, std::string body) {
  if (impl_->host == Host::session) return impl_->offer(id, std::move(body));
  std::string line;
  JsonWriter json(line);
  json.begin_object();
  json.field("id", id);
  json.field("from", kSender);
  json.field("text", body);
  json.end_object();
  json.finish();
  line += '\n';
  if (!impl_->lines.try_send(line)) throw std::runtime_error("the control socket takes no more");
}

void Stage::signal(int number) {
  if (!impl_->ended) (void)::kill(-impl_->process->pid(), number);
}

const std::map<std::string, Ending>& Stage::endings() const {
  return impl_->endings;
}

net::Event& Stage::changed() {
  return impl_->changed;
}

bool Stage::ended() const {
  return impl_->ended;
}

std::string Stage::screen() const {
  return pty::plain_snapshot(impl_->session->screen());
}

void Stage::film(const os::Path& file) {
  impl_->film.open(file);
  impl_->tasks.spawn(impl_->make_film());
}

asio::awaitable<void> Stage::stop() {
  co_await net::shielded();
  impl_->stopping = true;
  const auto killed = co_await impl_->keeper->kill_tree(std::string(kGeneration), 2s, 20s);
  if (!killed) fmt::print("    not ended: {}\n", killed.error().message);
  impl_->lines.close();
  if (impl_->control) impl_->control->close();
  impl_->tasks.cancel();
  co_await impl_->tasks.join();
}

}  // namespace relay::interop
