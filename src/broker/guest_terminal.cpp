#include "broker/guest_terminal.hpp"

#include <array>
#include <asio/this_coro.hpp>
#include <unistd.h>
#include <utility>

#include "net/dial.hpp"
#include "net/task_group.hpp"

namespace relay::broker {
namespace {

constexpr Duration kGuestConnectWithin = std::chrono::seconds(5);
/// A wait that is ended by what it waits for.
constexpr Duration kGuestLook = std::chrono::hours(1);

}  // namespace

GuestTerminal::GuestTerminal(asio::any_io_executor executor, net::StreamPtr stream)
    : executor_(executor), stream_(std::move(stream)), lines_(std::move(executor), kMostLines) {}

GuestTerminal::~GuestTerminal() = default;

asio::awaitable<Result<std::unique_ptr<GuestTerminal>>> GuestTerminal::connect(
    asio::any_io_executor executor, std::string socket) {
  auto stream = co_await net::dial_unix(std::move(socket), kGuestConnectWithin);
  if (!stream) co_return fail(std::move(stream).error());
  if ((*stream)->peer_uid() != ::geteuid()) {
    co_return fail(Code::forbidden, "another user listens on the control socket");
  }
  std::unique_ptr<GuestTerminal> made(new GuestTerminal(std::move(executor), *std::move(stream)));
  std::string watch = guest_watch_line();
  (void)made->lines_.try_send(watch);
  co_return made;
}

void GuestTerminal::set_hooks(Hooks hooks) {
  hooks_ = std::move(hooks);
}

asio::awaitable<Result<os::ExitStatus>> GuestTerminal::run() {
  net::TaskGroup writing(executor_);
  writing.spawn(write_lines());
  co_await read_lines();
  // A read that is cancelled ends as one that failed.
  const auto state = co_await asio::this_coro::cancellation_state;
  const bool cancelled = state.cancelled() != asio::cancellation_type::none;
  co_await net::shielded();
  lines_.close();
  stream_->cancel();
  writing.cancel();
  co_await writing.join();
  if (cancelled) co_return fail(Code::cancelled, "left alone");
  state_.readiness = pty::Readiness::exited;
  co_return fail(Code::connection_closed, why_);
}

asio::awaitable<void> GuestTerminal::write_lines() {
  for (;;) {
    auto line = co_await lines_.receive(kGuestLook);
    if (!line && line.error().code == Code::timeout) continue;
    if (!line) co_return;
    const auto sent = co_await stream_->write(*line);
    if (!sent.ok()) co_return;
  }
}

asio::awaitable<void> GuestTerminal::read_lines() {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto got = co_await stream_->read_some(buffer);
    if (!got.ok()) co_return;
    text.append(buffer.data(), got.bytes);
    std::size_t from = 0;
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
      take(std::string_view(text).substr(from, end - from));
      from = end + 1;
    }
    text.erase(0, from);
    if (text.size() > kMostGuestLine) {
      why_ = "what it says is longer than anything it may say";
      co_return;
    }
  }
}

void GuestTerminal::take(std::string_view line) {
  auto news = read_guest_news(line);
  if (!news) return;
  if (auto* state = std::get_if<GuestState>(&*news)) {
    state_ = std::move(*state);
    if (hooks_.on_change) hooks_.on_change();
  } else if (auto* end = std::get_if<GuestOutcome>(&*news)) {
    ended(end->id, std::move(end->outcome));
  } else if (auto* refusal = std::get_if<GuestRefusal>(&*news)) {
    if (refusal->error.code == Code::queue_full) return put_back(refusal->id);
    pty::InjectionOutcome outcome;
    outcome.reason = name_of(refusal->error.code);
    ended(refusal->id, std::move(outcome));
  }
}

void GuestTerminal::ended(const std::string& id, pty::InjectionOutcome outcome) {
  const auto asked = asked_.extract(id);
  if (!asked) return;
  pty::InjectionStep step;
  step.act = pty::InjectionAct::ended;
  step.item = asked.mapped();
  step.outcome = std::move(outcome);
  if (hooks_.on_step) hooks_.on_step(step);
}

void GuestTerminal::put_back(const std::string& id) {
  const auto asked = asked_.extract(id);
  if (asked && hooks_.on_full) hooks_.on_full(asked.mapped());
}

Result<void> GuestTerminal::offer(const Mail& message) {
  std::string line = guest_message_line(message);
  if (!lines_.try_send(line)) return fail(Code::queue_full, "the terminal takes no more now");
  asked_[message.key.delivery_id] = message.number;
  return {};
}

void GuestTerminal::hook(std::uint64_t number) {
  for (const auto& [id, asked] : asked_) {
    if (asked != number) continue;
    std::string line = guest_hook_line(id);
    (void)lines_.try_send(line);
  }
}

void GuestTerminal::end(Duration grace, std::string_view why) {
  std::string line = guest_end_line(grace, why);
  (void)lines_.try_send(line);
}

}  // namespace relay::broker
