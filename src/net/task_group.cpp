#include "net/task_group.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <system_error>
#include <utility>

namespace relay::net {
namespace {

/// How often a join looks again on its own; it is woken by the last task in any case.
constexpr std::chrono::hours kJoinLook{1};

bool is_cancellation(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace

struct TaskGroup::Task {
  asio::cancellation_signal stop;
};

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : executor_(executor), empty_(std::move(executor)) {}

TaskGroup::~TaskGroup() {
  if (!tasks_.empty()) std::terminate();
}

void TaskGroup::spawn(asio::awaitable<void> task) {
  if (cancelled_) return;
  const auto entry = tasks_.insert(tasks_.end(), std::make_unique<Task>());
  auto on_end = [this, entry](std::exception_ptr error) { ended(entry, std::move(error)); };
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot((*entry)->stop.slot(), std::move(on_end)));
}

void TaskGroup::ended(std::list<std::unique_ptr<Task>>::iterator task, std::exception_ptr error) {
  tasks_.erase(task);
  if (error && !is_cancellation(error)) {
    if (!failure_) failure_ = std::move(error);
    cancel();
  }
  if (tasks_.empty()) empty_.notify();
}

void TaskGroup::cancel() {
  cancelled_ = true;
  for (const auto& task : tasks_) task->stop.emit(asio::cancellation_type::terminal);
}

asio::awaitable<void> TaskGroup::join() {
  while (!tasks_.empty()) co_await empty_.wait(kJoinLook);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace relay::net
