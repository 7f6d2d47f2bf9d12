#include "engine/service/engine_seat.hpp"

#include <doctest/doctest.h>

namespace relay::test {
namespace {

using namespace std::chrono_literals;
using engine::EngineAddress;
using engine::EngineSeat;

Monotonic seat_time(Duration since) {
  return Monotonic(since);
}

EngineAddress seat_at(std::uint16_t port, pid_t pid) {
  EngineAddress address;
  address.url = "http://127.0.0.1:" + std::to_string(port);
  address.port = port;
  address.pid = pid;
  return address;
}

const Error kHeld(Code::already_running, "held");
const Error kTaken(Code::conflict, "port 20001 is taken");
const Error kBroken(Code::io_error, "the disk is full");

/// A seat, and what it says as one line.
struct Seat {
  explicit Seat(std::uint16_t wanted = 0) : seat(wanted, random) {}

  std::string said(const EngineSeat::Action& action) {
    if (const auto* run = std::get_if<EngineSeat::Run>(&action)) {
      last_port = run->port;
      const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(run->after);
      return "run after " + std::to_string(pause.count());
    }
    if (const auto* there = std::get_if<EngineSeat::There>(&action)) {
      last_port = there->port;
      return std::string(there->here ? "here" : "there") + (there->moved ? ", moved" : "");
    }
    return "none: " + std::get<Error>(action).message;
  }
  std::string failed(const Error& why, Duration at, std::optional<EngineAddress> known = {},
                     std::optional<pid_t> holder = {}) {
    return said(seat.failed(why, holder, known, seat_time(at)));
  }
  /// Another process runs it at 20001.
  void watch_other() {
    CHECK(said(seat.open(seat_at(20001, 7), seat_time(0s))) == "run after 0");
    CHECK(failed(kHeld, 0s, seat_at(20001, 7), 7) == "there");
  }

  SeededRandom random{7};
  EngineSeat seat;
  int last_port = 0;
};

}  // namespace

TEST_CASE_FIXTURE(Seat,
                  "engine seat: mine, at the port where it was, or any, or the one asked for") {
  CHECK(said(seat.open(seat_at(20001, 7), seat_time(0s))) == "run after 0");
  CHECK(last_port == 20001);
  CHECK(said(seat.runs("http://127.0.0.1:20001", 20001)) == "here");

  Seat fresh;
  fresh.said(fresh.seat.open({}, seat_time(0s)));
  CHECK(fresh.last_port >= 20'000);
  CHECK(fresh.last_port < 32'000);
  Seat asked(8787);
  asked.said(asked.seat.open(seat_at(20001, 7), seat_time(0s)));
  CHECK(asked.last_port == 8787);
}

TEST_CASE_FIXTURE(Seat, "engine seat: another's, once its address is of who has the database") {
  said(seat.open({}, seat_time(0s)));
  CHECK(failed(kHeld, 0s, {}, 7) == "run after 20");
  CHECK(failed(kHeld, 1s, seat_at(20001, 6), 7) == "run after 20");
  CHECK(failed(kHeld, 1s, seat_at(20001, 0), {}) == "run after 20");
  CHECK(failed(kHeld, 2s, seat_at(20001, 7), 7) == "there");
  CHECK(last_port == 20001);
  const auto look = seat.watch();
  CHECK(look.after == 1s);
  CHECK(look.port == 20001);
}

TEST_CASE_FIXTURE(Seat, "engine seat: who has the database and serves nothing is waited for 10 s") {
  said(seat.open(seat_at(20001, 6), seat_time(5s)));
  CHECK(failed(kHeld, 14900ms, seat_at(20001, 6), 7) == "run after 20");
  const auto end = seat.failed(kHeld, 7, seat_at(20001, 6), seat_time(15s));
  REQUIRE(std::holds_alternative<Error>(end));
  CHECK(std::get<Error>(end).code == Code::timeout);
}

TEST_CASE_FIXTURE(Seat, "engine seat: at the start a taken port is passed over, an asked one not") {
  said(seat.open(seat_at(20001, 7), seat_time(0s)));
  for (int i = 1; i < 20; ++i) {
    CHECK(failed(kTaken, 0s, seat_at(20001, 7)) == "run after 0");
    CHECK(last_port != 20001);
  }
  CHECK(failed(kTaken, 0s) == "none: port 20001 is taken");

  Seat asked(8787);
  asked.said(asked.seat.open({}, seat_time(0s)));
  CHECK(asked.failed(kTaken, 0s) == "none: port 20001 is taken");
  CHECK(failed(kBroken, 0s) == "none: the disk is full");
}

TEST_CASE_FIXTURE(Seat, "engine seat: when the other one has ended it is mine, where it was") {
  watch_other();
  CHECK(failed(kHeld, 1s, seat_at(20001, 7), 7) == "run after 1000");
  CHECK(last_port == 20001);
  // It ends; for a moment the system has its port.
  CHECK(failed(kTaken, 2s, seat_at(20001, 7)) == "run after 1000");
  CHECK(last_port == 20001);
  CHECK_FALSE(seat.take_warning());
  CHECK(said(seat.runs("http://127.0.0.1:20001", 20001)) == "here");
}

TEST_CASE_FIXTURE(Seat,
                  "engine seat: a port that stays taken is left after 5 s, an asked one never") {
  watch_other();
  CHECK(failed(kTaken, 10s, seat_at(20001, 7)) == "run after 1000");
  CHECK(failed(kTaken, 14900ms, seat_at(20001, 7)) == "run after 1000");
  CHECK(failed(kTaken, 15s, seat_at(20001, 7)) == "run after 0");
  CHECK(last_port != 20001);
  CHECK(said(seat.runs("http://127.0.0.1:20005", 20005)) == "here, moved");

  Seat asked(20001);
  asked.watch_other();
  for (const auto at : {10s, 15s, 60s}) {
    CHECK(asked.failed(kTaken, at, seat_at(20001, 7)) == "run after 1000");
    CHECK(asked.last_port == 20001);
  }
  CHECK(asked.seat.take_warning().value().find("port 20001 is taken") != std::string::npos);
  CHECK_FALSE(asked.seat.take_warning());
}

TEST_CASE_FIXTURE(Seat, "engine seat: one that was free again meanwhile is waited for anew") {
  watch_other();
  CHECK(failed(kTaken, 10s, seat_at(20001, 7)) == "run after 1000");
  CHECK(failed(kHeld, 11s, seat_at(20001, 7), 9) == "run after 1000");
  CHECK(failed(kTaken, 16s, seat_at(20001, 7)) == "run after 1000");
}

TEST_CASE_FIXTURE(Seat, "engine seat: who took it over elsewhere is followed") {
  watch_other();
  CHECK(failed(kHeld, 1s, seat_at(20001, 7), 9) == "run after 1000");
  CHECK(failed(kHeld, 2s, seat_at(20001, 9), 9) == "run after 1000");
  CHECK(failed(kHeld, 3s, seat_at(20009, 9), 9) == "there, moved");
  CHECK(seat.watch().port == 20009);
}

TEST_CASE_FIXTURE(Seat, "engine seat: while it is watched nothing ends the tries, each said once") {
  watch_other();
  for (int i = 0; i < 3; ++i) CHECK(failed(kBroken, 1s) == "run after 1000");
  CHECK(seat.take_warning().value() == "the engine cannot be run here: the disk is full");
  CHECK_FALSE(seat.take_warning());
  CHECK(failed(kTaken, 2s) == "run after 1000");
  std::string last;
  for (int i = 0; i < 20; ++i) last = failed(kTaken, 60s);
  CHECK(last == "run after 1000");
  CHECK(seat.take_warning().value().find("other ports") != std::string::npos);
}

}  // namespace relay::test
