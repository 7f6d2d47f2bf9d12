#include "storage/storage_thread.hpp"

#include <asio/cancellation_state.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "net/event.hpp"

namespace relay::storage {

struct StorageThread::Job {
  enum class Phase { waiting, begun, abandoned };

  Job(const asio::any_io_executor& executor, Work work_in, Late late_in, bool alone_in)
      : work(std::move(work_in)), alone(alone_in), late(std::move(late_in)), answered(executor) {}

  /// Whoever is first decides: the thread that begins it, or the coroutine that gives it up.
  bool move_on(Phase to) {
    Phase expected = Phase::waiting;
    return phase.compare_exchange_strong(expected, to);
  }

  Work work;
  const bool alone;
  std::atomic<Phase> phase{Phase::waiting};
  /// Written by the thread; read on the loop once `is_answered`.
  std::optional<Result<void>> outcome;
  /// All on the loop only. Nobody waits for it, though it has begun.
  bool is_left = false;
  bool is_answered = false;
  Late late;
  net::Event answered;
};

namespace {

template <class Work>
Result<void> call(const Work& work) {
  try {
    return work();
  } catch (const std::exception& broken) {
    return fail(Code::internal_error, std::string("a storage job failed: ") + broken.what());
  }
}

}  // namespace

struct StorageThread::Shared {
  using Group = std::vector<std::shared_ptr<Job>>;

  Shared(asio::any_io_executor executor_in, Transactions& target_in)
      : executor(std::move(executor_in)), target(target_in) {}

  void work() {
    for (;;) {
      Group group = next();
      if (group.empty()) return;
      if (group.front()->alone) {
        run_alone(*group.front());
      } else {
        run_group(group);
      }
      answer(std::move(group));
    }
  }

  /// All that waits, up to a job that wants to be alone; nothing at the end.
  Group next() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return closing || !queue.empty(); });
    Group group;
    while (!queue.empty()) {
      const bool alone = queue.front()->alone;
      if (alone && !group.empty()) break;
      group.push_back(std::move(queue.front()));
      queue.pop_front();
      if (alone) break;
    }
    return group;
  }

  void run_alone(Job& job) {
    if (!job.move_on(Job::Phase::begun)) return;
    ++jobs;
    job.outcome = call(job.work);
  }

  void run_group(const Group& group) {
    ++groups;
    std::optional<Error> lost;
    if (auto begun = target.begin(); !begun) lost = std::move(begun).error();
    const bool open = !lost;
    for (const auto& job : group) {
      if (!job->move_on(Job::Phase::begun)) continue;
      ++jobs;
      if (!lost) lost = run_in_group(*job);
    }
    if (lost && open) target.roll_back();
    if (!lost) {
      if (auto committed = target.commit(); !committed) lost = std::move(committed).error();
    }
    if (!lost) return;
    for (const auto& job : group) {
      // What a job got wrong by itself stays its answer.
      if (!job->outcome || job->outcome->has_value()) job->outcome = fail(*lost);
    }
  }

  /// The error that has taken the whole group with it, if one has.
  std::optional<Error> run_in_group(Job& job) {
    if (auto begun = target.begin_job(); !begun) return std::move(begun).error();
    job.outcome = call(job.work);
    auto ended = job.outcome->has_value() ? target.end_job() : target.undo_job();
    if (!ended) {
      job.outcome.reset();
      return std::move(ended).error();
    }
    return std::nullopt;
  }

  /// The jobs go to the loop with their answers: an event is destroyed where it was made.
  void answer(Group group) {
    asio::post(executor, [group = std::move(group), over = over] {
      for (const auto& job : group) {
        job->is_answered = true;
        job->answered.notify();
        if (!*over && job->is_left && job->late && *job->outcome) job->late();
      }
    });
  }

  asio::any_io_executor executor;
  Transactions& target;
  /// On the loop only: what late answers would be told to may be gone. Outlives us with them.
  std::shared_ptr<bool> over = std::make_shared<bool>(false);
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Job>> queue;
  bool closing = false;
  std::atomic<std::uint64_t> jobs{0};
  std::atomic<std::uint64_t> groups{0};
  std::thread thread;
};

StorageThread::StorageThread(asio::any_io_executor executor, Transactions& target)
    : executor_(std::move(executor)), shared_(std::make_unique<Shared>(executor_, target)) {
  shared_->thread = std::thread([shared = shared_.get()] { shared->work(); });
}

StorageThread::~StorageThread() {
  *shared_->over = true;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->closing = true;
  }
  shared_->changed.notify_one();
  shared_->thread.join();
}

std::uint64_t StorageThread::jobs() const {
  return shared_->jobs;
}

std::uint64_t StorageThread::groups() const {
  return shared_->groups;
}

Result<std::shared_ptr<StorageThread::Job>> StorageThread::enqueue(Work work, Late late, bool alone,
                                                                   bool last) {
  auto job = std::make_shared<Job>(executor_, std::move(work), std::move(late), alone);
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->closing) return fail(Code::cancelled, "the storage is closed");
    if (shared_->queue.size() >= kMostJobs && !last) {
      return fail(Code::queue_full, "too many writes wait for the disk",
                  "is the disk of the state directory slow or overloaded?");
    }
    shared_->queue.push_back(job);
    shared_->closing = last;
  }
  shared_->changed.notify_one();
  return job;
}

asio::awaitable<Result<void>> StorageThread::answer_of(std::shared_ptr<Job> job) {
  const auto deadline = SystemClock().now() + answer_within_;
  for (;;) {
    const auto rest = deadline - SystemClock().now();
    co_await job->answered.wait(rest);
    if (job->is_answered) co_return *std::move(job->outcome);
    const auto state = co_await asio::this_coro::cancellation_state;
    const bool cancelled = state.cancelled() != asio::cancellation_type::none;
    const bool late = SystemClock().now() >= deadline;
    if (!cancelled && !late) continue;
    const bool undone = job->move_on(Job::Phase::abandoned);
    job->is_left = !undone;
    const char* how = undone ? "nothing was written" : "it may be written all the same";
    if (cancelled) co_return fail(Code::cancelled, std::string("not waited for: ") + how);
    co_return fail(undone ? Code::queue_full : Code::timeout,
                   std::string("the disk has not answered in time: ") + how,
                   "look for errors of the disk in the system's log");
  }
}

asio::awaitable<Result<void>> StorageThread::perform(Work work, Late late, bool alone) {
  auto job = enqueue(std::move(work), std::move(late), alone, false);
  if (!job) co_return fail(std::move(job).error());
  auto answer = answer_of(*std::move(job));
  co_return co_await std::move(answer);
}

asio::awaitable<void> StorageThread::close() {
  Work nothing = [] { return Result<void>(); };
  auto job = enqueue(std::move(nothing), {}, true, true);
  if (!job) co_return;
  auto answer = answer_of(*std::move(job));
  (void)co_await std::move(answer);
  *shared_->over = true;
}

}  // namespace relay::storage
