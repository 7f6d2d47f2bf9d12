#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace relay::storage {

/// What the jobs of a storage thread work on. Called on that thread only, in this order:
/// begin, (begin_job, end_job or undo_job)…, commit or roll_back.
class Transactions {
 public:
  virtual ~Transactions() = default;

  virtual Result<void> begin() = 0;
  /// Durable when it returns without an error; after one nothing of the group can be relied on.
  virtual Result<void> commit() = 0;
  virtual void roll_back() = 0;

  virtual Result<void> begin_job() = 0;
  virtual Result<void> end_job() = 0;
  /// Takes back what the job did and leaves the others alone. An error: the whole group is lost.
  virtual Result<void> undo_job() = 0;
};

/// The one thread that waits for the disk. All jobs that wait when it is free run in one
/// transaction, in the order in which they came, and each is answered on the loop once that is
/// durable. A job that fails is taken back alone; when the commit fails, all of its group fail.
///
/// Made, called and destroyed on the loop thread. `target` outlives it.
class StorageThread {
 public:
  /// Jobs that wait; one more is refused with `queue_full`.
  static constexpr std::size_t kMostJobs = 8192;
  /// After this long nobody waits for a disk that does not answer, unless `answer_within` was said.
  static constexpr Duration kAnswerWithin = std::chrono::seconds(60);

  StorageThread(asio::any_io_executor executor, Transactions& target);
  /// Runs what still waits and joins the thread; `close` first, or the loop waits here.
  ~StorageThread();
  StorageThread(const StorageThread&) = delete;
  StorageThread& operator=(const StorageThread&) = delete;

  /// In a group. `work` runs on the storage thread and owns all that it uses. A coroutine that is
  /// cancelled while it waits gets `cancelled` at once: a job that has not begun is not done then,
  /// one that has may be, as after `timeout`; `queue_full` says that nothing was done.
  template <class T>
  asio::awaitable<Result<T>> run(std::function<Result<T>()> work) {
    auto place = std::make_shared<std::optional<T>>();
    return taken_from(perform(filling(std::move(work), place), {}, false), place);
  }
  /// The same for what has to be known of though nobody waits for it any more: `late` gets its
  /// value on the loop once that is durable, but not after `close` has returned.
  template <class T>
  asio::awaitable<Result<T>> run(std::function<Result<T>()> work, std::function<void(T&)> late) {
    auto place = std::make_shared<std::optional<T>>();
    Late with_value = [late = std::move(late), place] { late(**place); };
    return taken_from(perform(filling(std::move(work), place), std::move(with_value), false),
                      place);
  }
  /// Outside of any transaction, between two groups.
  template <class T>
  asio::awaitable<Result<T>> run_alone(std::function<Result<T>()> work) {
    auto place = std::make_shared<std::optional<T>>();
    return taken_from(perform(filling(std::move(work), place), {}, true), place);
  }

  void answer_within(Duration most) { answer_within_ = most; }

  /// Refuses new jobs and returns when those that wait are done. Not to be cancelled: `shielded`.
  asio::awaitable<void> close();

  /// Jobs that were run, and the groups it took.
  [[nodiscard]] std::uint64_t jobs() const;
  [[nodiscard]] std::uint64_t groups() const;

 private:
  using Work = std::function<Result<void>()>;
  using Late = std::function<void()>;
  struct Job;
  struct Shared;

  Result<std::shared_ptr<Job>> enqueue(Work work, Late late, bool alone, bool last);
  asio::awaitable<Result<void>> answer_of(std::shared_ptr<Job> job);
  asio::awaitable<Result<void>> perform(Work work, Late late, bool alone);

  /// Where a job leaves what it returns; shared with it, which can outlive who waits.
  template <class T>
  using Place = std::shared_ptr<std::optional<T>>;

  template <class T>
  static Work filling(std::function<Result<T>()> work, Place<T> place) {
    return [work = std::move(work), place = std::move(place)]() -> Result<void> {
      auto result = work();
      if (!result) return fail(std::move(result).error());
      place->emplace(*std::move(result));
      return {};
    };
  }
  template <class T>
  static asio::awaitable<Result<T>> taken_from(asio::awaitable<Result<void>> performed,
                                               Place<T> place) {
    auto done = co_await std::move(performed);
    if (!done) co_return fail(std::move(done).error());
    co_return std::move(**place);
  }

  asio::any_io_executor executor_;
  Duration answer_within_ = kAnswerWithin;
  std::unique_ptr<Shared> shared_;
};

template <>
inline asio::awaitable<Result<void>> StorageThread::run<void>(Work work) {
  return perform(std::move(work), {}, false);
}
template <>
inline asio::awaitable<Result<void>> StorageThread::run_alone<void>(Work work) {
  return perform(std::move(work), {}, true);
}

}  // namespace relay::storage
