#include "pty/session/session_writer.hpp"

#include <array>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <functional>
#include <stdlib.h>
#include <string>
#include <termios.h>
#include <unistd.h>
#include <vector>

#include "net/task_group.hpp"
#include "pty/session/pty_master.hpp"
#include "support/loop.hpp"

namespace relay::pty {
namespace {

using namespace std::chrono_literals;

/// A terminal without a program: the test reads what was typed.
struct WriterFixture {
  asio::io_context io;
  PtyMaster master = open_raw();
  SessionWriter writer{io.get_executor(), master};
  net::TaskGroup tasks{io.get_executor()};

  ~WriterFixture() {
    tasks.cancel();
    test::run(io, tasks.join());
  }

  PtyMaster open_raw() {
    os::Fd fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(::grantpt(fd.get()) == 0);
    REQUIRE(::unlockpt(fd.get()) == 0);
    auto taken = PtyMaster::take(io.get_executor(), std::move(fd));
    REQUIRE(taken);
    termios mode{};
    REQUIRE(::tcgetattr(taken->other_end(), &mode) == 0);
    ::cfmakeraw(&mode);
    REQUIRE(::tcsetattr(taken->other_end(), TCSANOW, &mode) == 0);
    return *std::move(taken);
  }

  /// What the program finds now. poll() and read() flush what is on its way.
  std::string read_all() const {
    std::string all;
    std::array<char, 4096> piece{};
    for (;;) {
      const ssize_t got = ::read(master.other_end(), piece.data(), piece.size());
      if (got <= 0) return all;
      all.append(piece.data(), static_cast<std::size_t>(got));
    }
  }
  void until(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    io.restart();
    while (!holds()) {
      io.run_one_for(1ms);
      REQUIRE(std::chrono::steady_clock::now() < deadline);
    }
  }
  SessionWriter::Done note(std::vector<std::string>& into, const std::string& name) {
    return [&into, name](const Result<void>& done) {
      into.push_back(name + (done ? "" : ":" + std::string(name_of(done.error().code))));
    };
  }
};

}  // namespace

TEST_CASE_FIXTURE(WriterFixture, "pieces arrive in the order in which they came, and end in it") {
  std::vector<std::string> ends;
  SessionWriter::Done more = [&](const Result<void>&) {
    ends.emplace_back("first");
    // From inside an end: behind what waits already.
    CHECK(writer.push("three ", note(ends, "third")));
    CHECK(ends.size() == 1);
  };
  CHECK(writer.push("one ", std::move(more)));
  CHECK(writer.push("", note(ends, "empty")));
  CHECK(writer.push("four", note(ends, "fourth")));
  CHECK(read_all() == "one three four");
  CHECK(ends == std::vector<std::string>{"first", "third", "empty", "fourth"});
  CHECK(writer.waiting_bytes() == 0);
}

TEST_CASE_FIXTURE(WriterFixture,
                  "what the terminal does not take waits, and goes on when it does") {
  std::vector<std::string> ends;
  std::string text;
  for (int i = 0; text.size() < 100'000; ++i) text += std::to_string(i) + ",";
  CHECK(writer.push(text, note(ends, "long")));
  CHECK(writer.push("end", note(ends, "short")));
  CHECK(ends.empty());
  CHECK(writer.waiting_bytes() > 0);
  CHECK(writer.waiting_bytes() < text.size());
  tasks.spawn(writer.run());
  std::string got;
  until([&] {
    got += read_all();
    return got.size() >= text.size() + 3;
  });
  CHECK(got == text + "end");
  CHECK(ends == std::vector<std::string>{"long", "short"});
}

TEST_CASE_FIXTURE(WriterFixture, "a program that does not read has bounded bytes waiting for it") {
  int ended = 0;
  std::size_t given = 0;
  const std::string piece(10'000, 'x');
  const SessionWriter::Done count = [&ended](const Result<void>&) { ++ended; };
  while (writer.has_room()) {
    REQUIRE(writer.push(piece, count));
    given += piece.size();
    REQUIRE(given < 2 * SessionWriter::kMostBytes);
  }
  CHECK(writer.waiting_bytes() < SessionWriter::kMostBytes + piece.size());
  const int before = ended;
  const auto refused = writer.push("y", count);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::queue_full);
  CHECK(ended == before);
  CHECK_FALSE(test::run(io, writer.wait_for_room(1ms)));

  tasks.spawn(writer.run());
  std::size_t got = 0;
  bool room = false;
  const auto wait = [](SessionWriter* waits, bool* into) -> asio::awaitable<void> {
    // Longer than the test waits.
    *into = co_await waits->wait_for_room(10min);
  };
  tasks.spawn(wait(&writer, &room));
  until([&] {
    got += read_all().size();
    return got == given;
  });
  until([&] { return room; });
  CHECK(ended * piece.size() == given);
}

TEST_CASE_FIXTURE(WriterFixture, "many small pieces are bounded too") {
  // Fills the terminal, so that nothing more is taken.
  REQUIRE(writer.push(std::string(100'000, 'x')));
  std::size_t pieces = 1;
  while (pieces < 2 * SessionWriter::kMostPieces && writer.push("y")) ++pieces;
  CHECK(pieces == SessionWriter::kMostPieces);
}

TEST_CASE_FIXTURE(WriterFixture, "the end of the terminal ends every piece, and refuses the next") {
  std::vector<std::string> ends;
  REQUIRE(writer.push(std::string(100'000, 'x'), note(ends, "long")));
  REQUIRE(writer.push("y", note(ends, "short")));
  writer.close(Error(Code::connection_closed, "gone"));
  CHECK(ends == std::vector<std::string>{"long:connection_closed", "short:connection_closed"});
  CHECK(writer.waiting_bytes() == 0);
  // The first reason stays.
  writer.close(Error(Code::timeout, "later"));
  const auto refused = writer.push("z", note(ends, "never"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::connection_closed);
  CHECK(ends.size() == 2);
  CHECK(test::run(io, writer.wait_for_room(20s)));
}

}  // namespace relay::pty
