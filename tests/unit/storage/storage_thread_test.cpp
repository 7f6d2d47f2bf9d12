#include "storage/storage_thread.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

#include "net/event.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/loop.hpp"

namespace relay::storage {
namespace {

using namespace std::chrono_literals;

/// Notes what it is asked for; fails where the test says so.
struct NotingTarget final : Transactions {
  Result<void> note(const std::string& what) {
    log.push_back(what);
    if (what == fails) return fail(Code::io_error, what + " failed");
    return {};
  }
  Result<void> begin() override { return note("begin"); }
  Result<void> commit() override { return note("commit"); }
  void roll_back() override { (void)note("roll back"); }
  Result<void> begin_job() override { return note("job"); }
  Result<void> end_job() override { return note("end"); }
  Result<void> undo_job() override { return note("undo"); }

  std::vector<std::string> log;
  std::string fails;
};

using Log = std::vector<std::string>;
using Work = std::function<Result<void>()>;

struct StorageWorld {
  asio::io_context io;
  NotingTarget target;
  StorageThread storage{io.get_executor(), target};
  std::vector<Result<void>> answers;
  net::TaskGroup group{io.get_executor()};
  std::promise<void> gate;
  std::promise<void> reached;

  asio::awaitable<void> run_one(Work work) {
    auto running = storage.run<void>(std::move(work));
    auto answer = co_await std::move(running);
    answers.push_back(std::move(answer));
  }
  /// Holds the thread until `gate` opens, so that others have to wait together.
  void block() {
    Work wait = [this] {
      reached.set_value();
      gate.get_future().wait();
      return Result<void>();
    };
    group.spawn(run_one(std::move(wait)));
    io.poll();
    reached.get_future().wait();
    target.log.clear();
  }
  void add(Work work) {
    group.spawn(run_one(std::move(work)));
    io.restart();
    io.poll();
  }
  void add_good() {
    add([this] { return target.note("work"); });
  }
  void finish() {
    gate.set_value();
    test::run(io, group.join());
  }
};

}  // namespace

TEST_CASE_FIXTURE(StorageWorld, "all jobs that wait share one transaction") {
  block();
  for (int i = 0; i < 20; ++i) add_good();
  finish();
  CHECK(storage.groups() == 2);
  CHECK(storage.jobs() == 21);
  CHECK(answers.size() == 21);
  // The end of the first group, then the whole second one.
  CHECK(target.log.at(2) == "begin");
  CHECK(std::count(target.log.begin(), target.log.end(), "commit") == 2);
  CHECK(target.log.back() == "commit");
}

TEST_CASE_FIXTURE(StorageWorld, "a job that fails is taken back alone") {
  block();
  add_good();
  add([] { return Result<void>(fail(Code::conflict, "no")); });
  add([]() -> Result<void> { throw std::runtime_error("broken"); });
  add_good();
  finish();
  REQUIRE(answers.size() == 5);
  CHECK(answers[1]);
  CHECK(answers[2].error().code == Code::conflict);
  CHECK(answers[3].error().code == Code::internal_error);
  CHECK(answers[4]);
  const Log second(target.log.begin() + 2, target.log.end());
  CHECK(second == Log{"begin", "job", "work", "end", "job", "undo", "job", "undo", "job", "work",
                      "end", "commit"});
}

TEST_CASE_FIXTURE(StorageWorld, "when the commit fails nobody is told that all is well") {
  block();
  add_good();
  add([] { return Result<void>(fail(Code::conflict, "no")); });
  add_good();
  target.fails = "commit";
  finish();
  REQUIRE(answers.size() == 4);
  CHECK(answers[0].error().code == Code::io_error);
  CHECK(answers[1].error().code == Code::io_error);
  CHECK(answers[2].error().code == Code::conflict);
  CHECK(answers[3].error().code == Code::io_error);
}

TEST_CASE_FIXTURE(StorageWorld, "no job runs in a transaction that did not begin") {
  block();
  target.fails = "begin";
  add_good();
  finish();
  CHECK(answers.at(1).error().code == Code::io_error);
  CHECK(target.log.back() == "begin");
}

TEST_CASE_FIXTURE(StorageWorld, "a job that cannot be taken back takes its group with it") {
  block();
  target.fails = "undo";
  add_good();
  add([] { return Result<void>(fail(Code::conflict, "no")); });
  add_good();
  finish();
  for (std::size_t i = 1; i < 4; ++i) CHECK(answers.at(i).error().code == Code::io_error);
  CHECK(target.log.back() == "roll back");
}

TEST_CASE_FIXTURE(StorageWorld, "a job that wants to be alone is in no transaction") {
  block();
  add_good();
  auto alone = [](StorageWorld* self) -> asio::awaitable<void> {
    Work work = [self] { return self->target.note("alone"); };
    auto running = self->storage.run_alone<void>(std::move(work));
    auto answer = co_await std::move(running);
    self->answers.push_back(std::move(answer));
  };
  group.spawn(alone(this));
  io.poll();
  add_good();
  finish();
  const Log rest(target.log.begin() + 2, target.log.end());
  CHECK(rest == Log{"begin", "job", "work", "end", "commit", "alone", "begin", "job", "work", "end",
                    "commit"});
}

TEST_CASE_FIXTURE(StorageWorld, "a value comes back") {
  std::function<Result<std::string>()> work = [] { return Result<std::string>("value"); };
  auto running = storage.run<std::string>(std::move(work));
  CHECK(test::run(io, std::move(running)).value() == "value");
}

TEST_CASE_FIXTURE(StorageWorld, "a job that is cancelled before it has begun is not done") {
  block();
  std::optional<Result<void>> answer;
  auto late = [](StorageWorld* self, std::optional<Result<void>>* into) -> asio::awaitable<void> {
    Work work = [self] { return self->target.note("cancelled work"); };
    auto running = self->storage.run<void>(std::move(work));
    auto given = co_await std::move(running);
    into->emplace(std::move(given));
  };
  net::TaskGroup cancelled(io.get_executor());
  cancelled.spawn(late(this, &answer));
  io.restart();
  io.poll();
  cancelled.cancel();
  test::run(io, cancelled.join());
  REQUIRE(answer);
  CHECK(answer->error().code == Code::cancelled);
  finish();
  add_good();
  test::run(io, group.join());
  CHECK(std::count(target.log.begin(), target.log.end(), "cancelled work") == 0);
}

TEST_CASE_FIXTURE(StorageWorld, "one that has begun is done though nobody waits for it") {
  block();
  group.cancel();
  finish();
  CHECK(answers.at(0).error().code == Code::cancelled);
  test::run(io, storage.close());
  CHECK(storage.jobs() == 2);
  CHECK(target.log.back() == "commit");
}

TEST_CASE_FIXTURE(StorageWorld, "what is done too late for who asked is still known of") {
  std::string told;
  std::promise<void> begun;
  auto ask = [](StorageWorld* self, std::promise<void>* at,
                std::string* into) -> asio::awaitable<void> {
    std::function<Result<std::string>()> work = [self, at] {
      at->set_value();
      self->gate.get_future().wait();
      return Result<std::string>("value");
    };
    std::function<void(std::string&)> late = [into](std::string& value) { *into = value; };
    auto running = self->storage.run<std::string>(std::move(work), std::move(late));
    auto answer = co_await std::move(running);
    self->answers.push_back(fail(std::move(answer).error()));
  };
  group.spawn(ask(this, &begun, &told));
  io.poll();
  begun.get_future().wait();
  group.cancel();
  test::run(io, group.join());
  CHECK(answers.at(0).error().code == Code::cancelled);
  CHECK(told.empty());
  gate.set_value();
  test::run(io, storage.close());
  CHECK(told == "value");
}

TEST_CASE_FIXTURE(StorageWorld, "too many that wait are refused, and close does all that do") {
  block();
  for (std::size_t i = 0; i < StorageThread::kMostJobs; ++i) {
    group.spawn(run_one([] { return Result<void>(); }));
  }
  io.restart();
  io.poll();
  CHECK(answers.empty());
  add_good();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].error().code == Code::queue_full);
  asio::co_spawn(io, storage.close(), asio::detached);
  io.restart();
  io.poll();
  add_good();
  REQUIRE(answers.size() == 2);
  CHECK(answers[1].error().code == Code::cancelled);
  finish();
  CHECK(std::count_if(answers.begin(), answers.end(), [](const auto& answer) {
          return answer.has_value();
        }) == StorageThread::kMostJobs + 1);
}

}  // namespace relay::storage
