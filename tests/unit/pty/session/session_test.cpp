// A session whose program is the test: what tests/integration/session_test.cpp cannot time.
#include "pty/session/session.hpp"

#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <optional>
#include <stdlib.h>
#include <string>
#include <unistd.h>

#include "net/task_group.hpp"
#include "pty/injection/profile_file.hpp"
#include "support/loop.hpp"

namespace relay::pty {
namespace {

/// A terminal that is full, or gone: takes nothing more until it is let go.
class SlowSink final : public OutputSink {
 public:
  [[nodiscard]] bool take(std::string_view bytes) override {
    shown += bytes;
    return open;
  }
  std::string shown;
  bool open = true;
};

struct SessionFixture {
  asio::io_context io;
  SystemClock clock;
  InputWatch watch{io.get_executor()};
  os::Fd program;
  KeptProcess* process = nullptr;
  std::unique_ptr<Session> session = make();

  std::unique_ptr<Session> make() {
    os::Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(::grantpt(master.get()) == 0);
    REQUIRE(::unlockpt(master.get()) == 0);
    program = os::Fd(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    REQUIRE(program);
    auto kept = std::make_unique<KeptProcess>(io.get_executor(), 1);
    process = kept.get();
    const auto profiles = builtin_profiles();
    SessionSettings settings(profile_for(profiles, "no-such-program"), os::WindowSize{80, 24});
    auto made = Session::make(io.get_executor(), std::move(master), std::move(kept),
                              std::move(settings), watch, clock);
    REQUIRE(made);
    return *std::move(made);
  }
  static asio::awaitable<void> run_into(Session* running,
                                        std::optional<Result<os::ExitStatus>>* how) {
    auto ended = co_await running->run();
    how->emplace(std::move(ended));
  }
  Result<os::ExitStatus> run() {
    std::optional<Result<os::ExitStatus>> how;
    test::run(io, run_into(session.get(), &how));
    return *how;
  }
  /// As much as the terminal takes.
  std::string print() const {
    std::string printed;
    for (const std::string piece(1000, 'x');;) {
      const ssize_t put = ::write(program.get(), piece.data(), piece.size());
      if (put <= 0) return printed;
      printed += piece.substr(0, static_cast<std::size_t>(put));
    }
  }
};

}  // namespace

TEST_CASE_FIXTURE(SessionFixture, "what a program left in its terminal is taken after its end") {
  const std::string printed = print();
  REQUIRE(printed.size() > 4096);
  process->report(os::ExitStatus::exited(3));
  const auto how = run();
  REQUIRE(how);
  CHECK(*how == os::ExitStatus::exited(3));
  CHECK(session->output().end() == printed.size());
}

TEST_CASE_FIXTURE(SessionFixture,
                  "a terminal that takes no more pauses the session until it does") {
  SlowSink sink;
  sink.open = false;
  session->set_sink(&sink);
  const std::string printed = print();
  process->report(os::ExitStatus::exited(0));
  const auto go_on = [](Session* paused, SlowSink* closed) -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    while (closed->shown.empty()) co_await asio::post(executor, asio::use_awaitable);
    // It has taken the first piece, and no other.
    CHECK(closed->shown.size() <= 8192);
    CHECK(closed->shown.size() == paused->output().end());
    closed->open = true;
    paused->resume_output();
  };
  net::TaskGroup tasks(io.get_executor());
  tasks.spawn(go_on(session.get(), &sink));
  CHECK(run());
  test::run(io, tasks.join());
  CHECK(sink.shown == printed);
}

TEST_CASE_FIXTURE(SessionFixture, "keys that wait for a message can be written before it") {
  InjectionItem message;
  message.id = 1;
  message.text = "hello";
  REQUIRE(session->offer(std::move(message)));
  REQUIRE(session->type("key\r"));
  CHECK(session->owes_keys());
  session->let_keys_go();
  CHECK_FALSE(session->owes_keys());
  std::string read;
  for (std::array<char, 64> line{};;) {
    const ssize_t got = ::read(program.get(), line.data(), line.size());
    if (got <= 0) break;
    read.append(line.data(), static_cast<std::size_t>(got));
  }
  CHECK(read.find("key\n") != std::string::npos);
}

TEST_CASE_FIXTURE(SessionFixture, "the first report of an end counts") {
  process->report(fail(Code::connection_closed, "the keeper is lost"));
  process->report(os::ExitStatus::exited(0));
  const auto how = run();
  REQUIRE_FALSE(how);
  CHECK(how.error().code == Code::connection_closed);
}

}  // namespace relay::pty
