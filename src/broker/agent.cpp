#include "broker/agent.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/failpoint.hpp"
#include "base/printable.hpp"
#include "net/timeout.hpp"
#include "node_control/recent_marks.hpp"

namespace relay::broker {
namespace {

/// Ends of messages that the disk may have yet to take while the next is typed.
constexpr std::size_t kMostEndsUnkept = 256;

/// Keys that wait for a message, before the terminal is left.
constexpr Duration kLookAtKeys = std::chrono::milliseconds(10);
/// A wait that is ended by what it waits for.
constexpr Duration kLookAtMailbox = std::chrono::hours(1);
/// When the journal is out of order, or a terminal takes no more for the moment.
constexpr Duration kOfferAgain = std::chrono::milliseconds(500);
constexpr std::size_t kMostChunk = 4096;
constexpr std::size_t kMostLastRows = 5;

/// How many bytes at the end begin a character and do not end it.
std::size_t unfinished_tail(std::string_view bytes) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const auto lead = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((lead & 0xC0U) == 0x80U) continue;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

void write_delivery(JsonWriter& out, const std::string& agent, const Mail& message) {
  out.field("name", agent);
  out.field("delivery_id", message.key.delivery_id);
  out.field("event_id", message.inbound.event_id);
}

}  // namespace

Agent::Agent(asio::any_io_executor executor, AgentHost& host, EventLog& events, const Clock& clock,
             SpawnRequest request, pty::Profile profile)
    : executor_(executor),
      host_(host),
      events_(events),
      clock_(clock),
      request_(std::move(request)),
      profile_(std::move(profile)),
      activity_(request_.idle_after),
      changed_(std::move(executor)) {}

Agent::~Agent() = default;

// The program

Result<void> Agent::start(Program program, pty::InputWatch& watch, pty::OutputTurns& turns) {
  pty::SessionSettings settings(profile_, program.size);
  settings.turns = &turns;
  settings.on_step = [this](const pty::InjectionStep& step) { on_step(step); };
  settings.on_change = [this] { on_change(); };
  const pid_t pid = program.process->pid();
  auto session = pty::Session::make(executor_, std::move(program.master),
                                    std::move(program.process), std::move(settings), watch, clock_);
  if (!session) return fail(std::move(session).error());
  session_ = *std::move(session);
  generation_ = std::move(program.generation);
  pid_ = pid;
  begin_life();
  return {};
}

void Agent::start(std::unique_ptr<GuestTerminal> guest, std::string generation) {
  guest_ = std::move(guest);
  GuestTerminal::Hooks hooks;
  hooks.on_step = [this](const pty::InjectionStep& step) { on_step(step); };
  hooks.on_change = [this] { on_change(); };
  hooks.on_full = [this](std::uint64_t number) { life_->spawn(offer_later(number)); };
  guest_->set_hooks(std::move(hooks));
  generation_ = std::move(generation);
  begin_life();
}

void Agent::begin_life() {
  ended_ = false;
  exit_.reset();
  seen_ = 0;
  told_ = 0;
  activity_.start(clock_.now(), clock_.wall());
  life_ = std::make_unique<net::TaskGroup>(executor_);
  life_->spawn(attend());
  life_->spawn(feed());
}

asio::awaitable<void> Agent::attend() {
  // A program without a box is ready before it has printed anything.
  on_change();
  auto life = guest_ ? guest_->run() : session_->run();
  const auto how = co_await std::move(life);
  if (!how && how.error().code == Code::cancelled) co_return;
  pid_ = 0;
  ended_ = true;
  if (how) exit_ = *how;
  activity_.exited();
  mailbox_.start_over(typing_);
  typing_.clear();
  changed_.notify();
  host_.program_ended(*this, how);
}

asio::awaitable<void> Agent::stop() {
  if (!life_) co_return;
  co_await net::shielded();
  letting_go_ = true;
  life_->cancel();
  co_await life_->join();
  life_.reset();
  letting_go_ = false;
  mailbox_.start_over(typing_);
  typing_.clear();
  changed_.notify();
}

// Messages

bool Agent::is_idle() const {
  return !ended_ && !leaving && !handing_over_ && mailbox_.size() == 0 &&
         mailbox_.mode() == DeliveryMode::auto_inject;
}

Result<void> Agent::accept(Mail message) {
  if (leaving) return fail(Code::agent_not_found, "the agent " + name() + " is being released");
  auto taken = mailbox_.accept(std::move(message));
  changed_.notify();
  return taken;
}

asio::awaitable<void> Agent::feed() {
  for (;;) {
    if (ended_ || handing_over_ || !mailbox_.may_take()) {
      (void)co_await changed_.wait(kLookAtMailbox);
      continue;
    }
    std::vector<std::uint64_t> numbers;
    returned_ = false;
    for (const Mail* message : mailbox_.take()) numbers.push_back(message->number);
    failpoint(Failpoint::before_begin);
    auto work = begin(numbers);
    const auto begun = co_await std::move(work);
    failpoint(Failpoint::begun);
    if (!begun) {
      for (const std::uint64_t number : numbers) mailbox_.put_back(number);
      (void)co_await changed_.wait(kOfferAgain);
      continue;
    }
    bool refused = false;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      // The marks know better: the beginning of some was written that never were typed.
      const bool again = (*begun)[i] == Begun::again && !host_.records().keeps_typing();
      mailbox_.begun(numbers[i], generation_, again);
      if ((*begun)[i] == Begun::not_now) {
        pty::InjectionOutcome before;
        before.end = pty::InjectionEnd::typed;
        before.reason = "ended_before";
        end_message(numbers[i], std::move(before));
        continue;
      }
      while (!ended_ && !may_type()) (void)co_await changed_.wait(kLookAtMailbox);
      if (ended_) break;
      const bool overtaken = host_.records().keeps_typing() && !mailbox_.still_next(numbers[i]);
      if (!overtaken && !returned_ && offer(numbers[i])) continue;
      // Those behind it stay behind it.
      for (std::size_t rest = i; rest < numbers.size(); ++rest) mailbox_.put_back(numbers[rest]);
      refused = !overtaken;
      break;
    }
    // Not at once: what was put back would be begun again and again.
    if (refused) (void)co_await changed_.wait(kOfferAgain);
  }
}

/// A verdict for each of what was taken.
asio::awaitable<Result<std::vector<Begun>>> Agent::begin(std::vector<std::uint64_t> numbers) {
  std::vector<Begun> verdicts(numbers.size(), Begun::fresh);
  std::vector<MessageKey> keys;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const Mail& message = *mailbox_.find(numbers[i]);
    if (message.begun && message.generation == generation_) continue;
    keys.push_back(message.key);
    places.push_back(i);
  }
  if (keys.empty()) co_return verdicts;
  auto work = host_.records().begin(std::move(keys), generation_);
  auto begun = co_await std::move(work);
  mailbox_.settle_pace(typing_.empty() && host_.records().keeps_typing());
  if (!begun) co_return fail(std::move(begun).error());
  for (std::size_t i = 0; i < places.size(); ++i) verdicts[places[i]] = (*begun)[i];
  co_return verdicts;
}

/// One at a time: so a crash leaves one message in doubt. Where nothing but the journal tells the
/// next broker of an end, it has to be there first.
bool Agent::may_type() const {
  const std::size_t most = host_.records().keeps_typing() ? kMostEndsUnkept : 0;
  return typing_.empty() && ends_.size() <= most && !handing_over_;
}

asio::awaitable<void> Agent::offer_later(std::uint64_t number) {
  co_await net::pause(kOfferAgain);
  returned_ = true;
  withdraw(number);
  changed_.notify();
}

/// The terminal did not take it.
void Agent::withdraw(std::uint64_t number) {
  std::erase(typing_, number);
  const Mail* message = mailbox_.find(number);
  // What was in doubt before stays so.
  if (message != nullptr && !message->recovering) host_.records().not_typed(message->key);
  mailbox_.put_back(number);
}

bool Agent::offer(std::uint64_t number) {
  const Mail* message = mailbox_.find(number);
  // It was taken back meanwhile.
  if (message == nullptr) return true;
  if (guest_) {
    host_.records().typing(message->key);
    typing_.push_back(number);
    const auto given = guest_->offer(*message);
    if (!given) withdraw(number);
    return given.has_value();
  }
  auto item = item_of(*message);
  if (!item) {
    pty::InjectionOutcome outcome;
    outcome.reason = name_of(item.error().code);
    end_message(number, std::move(outcome));
    return true;
  }
  host_.records().typing(message->key);
  typing_.push_back(number);
  const auto offered = session_->offer(*std::move(item));
  if (!offered) withdraw(number);
  return offered.has_value();
}

Result<pty::InjectionItem> Agent::item_of(const Mail& message) {
  pty::EnvelopeRules rules;
  rules.style = profile_.envelope;
  rules.inline_bytes = profile_.limits.inline_bytes;
  rules.line_bytes = session_->mode().canonical ? pty::InjectionSettings().canonical_line : 0;
  const std::string path = host_.body_path(*this, message);
  // Unknown to who sends, and the same for the next broker: by it the text is found on the screen.
  const std::uint64_t mark = node_control::mark_of(generation_ + message.key.delivery_id);
  auto envelope = pty::make_envelope(message.inbound.letter, rules, mark, path);
  if (!envelope) return fail(std::move(envelope).error());
  if (envelope->file) {
    auto kept = host_.keep_body(path, *envelope->file);
    if (!kept) return fail(std::move(kept).error());
  }
  pty::InjectionItem item;
  item.id = message.number;
  item.text = std::move(envelope->text);
  // Order is kept but for what its sender calls urgent.
  item.priority = message.urgent() ? 1 : 0;
  item.recovering = message.recovering;
  if (message.recovering) {
    pty::Letter repeat = message.inbound.letter;
    repeat.repeat = true;
    auto again = pty::make_envelope(repeat, rules, mark, path);
    if (again) item.repeat_text = std::move(again->text);
  }
  return item;
}

void Agent::on_step(const pty::InjectionStep& step) {
  switch (step.act) {
    case pty::InjectionAct::write: break;
    case pty::InjectionAct::written: {
      const Mail* message = mailbox_.find(step.item);
      if (message == nullptr) break;
      events_.add("delivery_injected", [&](JsonWriter& out) {
        write_delivery(out, name(), *message);
        out.field("timestamp", unix_ms(clock_.wall()));
      });
      break;
    }
    case pty::InjectionAct::ended: {
      const bool program_ended = readiness() == pty::Readiness::exited;
      // What the program has not read waits for the next one, or for its burial. What was typed
      // into the terminal of one that is being ended was perhaps never read either.
      const bool unread = step.outcome.end == pty::InjectionEnd::dead ||
                          (leaving && step.outcome.end == pty::InjectionEnd::typed);
      if (letting_go_ || (program_ended && unread)) break;
      end_message(step.item, step.outcome);
      break;
    }
    case pty::InjectionAct::blocked:
    case pty::InjectionAct::clear: host_.agent_changed(*this); break;
    case pty::InjectionAct::warn:
      events_.add("worker_error", [&](JsonWriter& out) {
        out.field("name", name());
        out.key("error");
        out.begin_object();
        out.field("code", "injection");
        out.field("message", printable(step.note));
        out.field("retryable", true);
        out.end_object();
      });
      break;
  }
}

void Agent::end_message(std::uint64_t number, pty::InjectionOutcome outcome) {
  std::erase(typing_, number);
  auto message = mailbox_.ended(number);
  if (!message) return;
  ends_.insert(number);
  host_.records().typed(message->key, outcome);
  switch (outcome.end) {
    case pty::InjectionEnd::submitted: ++submitted_; break;
    case pty::InjectionEnd::typed: ++(outcome.reason == pty::kNotRead ? unread_ : typed_); break;
    // Counted where the dead letter is told of: most die without an end in the terminal.
    case pty::InjectionEnd::dead: break;
  }
  changed_.notify();
  host_.message_ended(*this, *std::move(message), std::move(outcome));
}

void Agent::end_kept(std::uint64_t number) {
  if (ends_.erase(number) > 0) changed_.notify();
}

asio::awaitable<void> Agent::finish_typing(Duration at_most) {
  handing_over_ = true;
  const Monotonic deadline = clock_.now() + at_most;
  while (!typing_.empty() || (session_ && session_->owes_keys())) {
    Duration left = deadline - clock_.now();
    if (left <= Duration::zero()) break;
    // Nobody tells of keys.
    if (typing_.empty()) left = std::min(left, kLookAtKeys);
    (void)co_await changed_.wait(left);
  }
  // Into the middle of a message nothing is typed.
  if (typing_.empty() && session_) session_->let_keys_go();
}

std::vector<MessageKey> Agent::untyped() const {
  return mailbox_.begun_except(generation_, typing_);
}

void Agent::hook(std::uint64_t number) {
  if (session_) session_->hook(number);
  if (guest_) guest_->hook(number);
}

std::size_t Agent::set_mode(DeliveryMode mode) {
  const std::size_t let_go = mailbox_.set_mode(mode);
  changed_.notify();
  return let_go;
}

std::size_t Agent::flush() {
  const std::size_t let_go = mailbox_.flush();
  changed_.notify();
  return let_go;
}

// What it does

bool Agent::reads_late() const {
  if (unread_ == 0 || ended_) return false;
  return guest_ ? !guest_->state().unread : session_ && !session_->terminal().unread();
}

pty::Readiness Agent::readiness() const {
  return guest_ ? guest_->state().readiness : session_->injection().readiness();
}

void Agent::on_change() {
  const AgentState before = activity_.state();
  if (guest_) pid_ = guest_->state().pid;
  const std::uint64_t end = session_ ? session_->output().end() : guest_->state().printed;
  if (end != seen_) {
    seen_ = end;
    activity_.output(clock_.now(), clock_.wall());
    if (session_) tell_output();
  }
  if (reads_late()) typed_ += std::exchange(unread_, 0);
  const auto change = activity_.readiness(
      readiness(), guest_ ? guest_->state().blocked_by : session_->injection().blocked_by());
  if (change == Activity::Change::ready) {
    changed_.notify();
    events_.add("worker_ready", [this](JsonWriter& out) {
      out.field("name", name());
      out.field("runtime", "pty");
      out.key("provider");
      out.null();
      out.field("cli", request_.command.front());
      out.field("model", request_.model);
      out.field("sessionId", session_id);
      out.field("pid", std::int64_t{pid_});
    });
  }
  if (activity_.state() != before) host_.agent_changed(*this);
}

/// In pieces that cut no character; what a program leaves unfinished waits for its rest.
void Agent::tell_output() {
  for (;;) {
    const auto piece = session_->output().read(told_, kMostChunk);
    std::string_view bytes = piece.bytes;
    if (bytes.empty()) return;
    const std::size_t unfinished = unfinished_tail(bytes);
    if (unfinished < bytes.size()) bytes.remove_suffix(unfinished);
    told_ = piece.from + bytes.size();
    events_.add_ephemeral("worker_stream", [&](JsonWriter& out) {
      out.field("name", name());
      out.field("stream", "stdout");
      out.field("chunk", bytes);
      out.field("offset", piece.from);
    });
  }
}

void Agent::on_time(Monotonic now) {
  if (activity_.on_time(now) != Activity::Change::idle) return;
  events_.add("agent_idle", [&](JsonWriter& out) {
    out.field("name", name());
    out.field("idle_secs",
              static_cast<std::uint64_t>(
                  std::chrono::duration_cast<std::chrono::seconds>(activity_.quiet(now)).count()));
    out.field("since", unix_ms(activity_.last()));
  });
}

asio::awaitable<bool> Agent::wait_ready(Duration at_most) {
  const Monotonic deadline = clock_.now() + at_most;
  while (!activity_.was_ready() && !ended_ && !leaving) {
    const Duration left = deadline - clock_.now();
    if (left <= Duration::zero()) co_return false;
    (void)co_await changed_.wait(left);
  }
  co_return activity_.was_ready();
}

asio::awaitable<bool> Agent::wait_exit(Duration at_most) {
  const Monotonic deadline = clock_.now() + at_most;
  while (!ended_) {
    const Duration left = deadline - clock_.now();
    if (left <= Duration::zero()) co_return false;
    (void)co_await changed_.wait(left);
  }
  co_return true;
}

AgentView Agent::view() const {
  AgentView out;
  out.name = name();
  out.agent_id = agent_id;
  out.generation = generation_;
  out.cli = request_.command.front();
  out.profile = profile_.name;
  out.model = request_.model;
  out.session_id = session_id;
  out.cwd = request_.cwd;
  out.wrapped = !request_.guest_control.empty();
  if (guest_) out.terminal = guest_->state().terminal;
  out.team = request_.team;
  out.parent = request_.parent;
  out.channels = request_.channels;
  out.pid = pid_;
  out.state = leaving && !ended_ ? AgentState::ending : activity_.state();
  out.blocked_by = activity_.blocked_by();
  out.exit = exit_;
  out.started = started;
  out.last_activity = activity_.last();
  out.quiet = activity_.quiet(clock_.now());
  out.mode = mailbox_.mode();
  out.mode_revision = mailbox_.revision();
  out.pending = mailbox_.size();
  out.submitted = submitted_;
  out.unread = reads_late() ? 0 : unread_;
  out.typed = typed_ + unread_ - out.unread;
  out.dead = dead_;
  out.restarts = restarts;
  return out;
}

std::string Agent::last_words() {
  if (!session_) return {};
  const pty::ScreenView screen = session_->screen();
  std::string out;
  std::size_t rows = 0;
  for (int row = screen.rows - 1; row >= 0 && rows < kMostLastRows; --row) {
    const std::string text = screen.row_text(row);
    if (text.empty()) continue;
    out = printable(text) + (out.empty() ? "" : "\n") + out;
    ++rows;
  }
  return out;
}

}  // namespace relay::broker
