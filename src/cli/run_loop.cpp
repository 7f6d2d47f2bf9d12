#include "cli/run_loop.hpp"

#include "cli/output.hpp"
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <exception>
#include <optional>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "net/errno.hpp"
#include "os/terminal.hpp"

namespace relay::cli {
namespace {

/// Shorter waits are not worth a line.
constexpr auto kQuietFor = std::chrono::seconds(1);

const char* interruption(int signal) {
  return signal == SIGINT ? "interrupted" : "ended by SIGTERM";
}

/// g++ 12 takes a result that a spawned coroutine returns for uninitialised; so it is kept aside.
asio::awaitable<void> keep_outcome(asio::awaitable<Result<void>> work,
                                   std::optional<Result<void>>* outcome) {
  auto result = co_await std::move(work);
  outcome->emplace(std::move(result));
}

}  // namespace

struct Progress::State {
  explicit State(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  const bool shown = os::is_terminal(STDERR_FILENO);
};

Progress::Progress(asio::any_io_executor executor) : state_(std::make_shared<State>(executor)) {}

Progress::~Progress() {
  done();
}

void Progress::step(std::string what) {
  done();
  if (!state_->shown) return;
  state_->timer.expires_after(kQuietFor);
  // Shared: the timer's end may be on its way when the progress is gone.
  state_->timer.async_wait([state = state_, text = std::move(what)](std::error_code error) {
    if (error) return;
    Output out(STDERR_FILENO);
    out.line(text + " …");
    (void)out.flush();
  });
}

void Progress::done() {
  state_->timer.cancel();
}

Result<void> run_loop(Context& context, const Work& work) {
  asio::io_context io(1);
  Progress progress(io.get_executor());
  asio::cancellation_signal cancel;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code error, int signal) {
    if (error) return;
    context.ended_by = signal;
    // The next one finds the default action.
    signals.clear();
    cancel.emit(asio::cancellation_type::terminal);
  });

  std::optional<Result<void>> outcome;
  std::exception_ptr broken;
  auto ended = [&](std::exception_ptr thrown) {
    broken = std::move(thrown);
    progress.done();
    signals.cancel();
  };
  asio::co_spawn(io, keep_outcome(work(io.get_executor(), &progress), &outcome),
                 asio::bind_cancellation_slot(cancel.slot(), std::move(ended)));
  io.run();

  const int signal = context.ended_by;
  if (broken && signal != 0) return fail(Code::cancelled, interruption(signal));
  if (broken) std::rethrow_exception(broken);
  if (signal != 0 && !outcome->has_value() && outcome->error().code == Code::cancelled) {
    return fail(std::move(*outcome).error().within(interruption(signal)));
  }
  // The work was done, or had failed, before the signal could end it.
  context.ended_by = 0;
  return std::move(*outcome);
}

Result<void> serve_loop(const Work& work) {
  asio::io_context io(1);
  Progress progress(io.get_executor());
  std::optional<Result<void>> outcome;
  std::exception_ptr broken;
  auto ended = [&](std::exception_ptr thrown) {
    broken = std::move(thrown);
    progress.done();
  };
  asio::co_spawn(io, keep_outcome(work(io.get_executor(), &progress), &outcome), std::move(ended));
  io.run();
  if (broken) std::rethrow_exception(broken);
  return std::move(*outcome);
}

}  // namespace relay::cli
