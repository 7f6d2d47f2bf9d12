#include <chrono>
#include <cstdint>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bench/pty_parts.hpp"
#include "pty/envelope.hpp"
#include "support/session_world.hpp"

namespace relay::bench {
namespace {

using test::Agent;
using test::SessionWorld;

constexpr std::size_t kBody = 300;
constexpr std::size_t kOneByOne = 500;
constexpr std::size_t kInBulk = 3000;

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct Taken {
  std::int64_t at = 0;
  std::string text;
};

std::string text_of_message(std::size_t number) {
  pty::Letter letter;
  letter.sender = "alice";
  letter.id = fmt::format("m{}", number);
  letter.body = fmt::format("{:08} ", number);
  while (letter.body.size() < kBody) letter.body += "the quick brown fox, ";
  letter.body.resize(kBody);
  auto envelope = pty::make_envelope(letter, pty::EnvelopeRules(), number, "/nowhere");
  if (!envelope) throw std::runtime_error(envelope.error().message);
  return envelope->text;
}

class Reader {
 public:
  Reader(const std::string& self, const std::string& mode, std::size_t count) {
    log_ = (world_.keeper.temp.path() / "log").string();
    pty::SpawnOrder order("reader", "agent", {self, "--reader", mode, std::to_string(count), log_},
                          os::Environment::of_process(), world_.keeper.temp.path());
    agent_ = &world_.start(std::move(order), test::plain_profile());
    world_.until_shown(*agent_, "reading");
  }

  void offer(std::size_t number) {
    pty::InjectionItem item;
    item.id = number;
    item.text = text_of_message(number);
    texts_.push_back(item.text);
    offered_.push_back(now_ns());
    if (auto done = agent_->session->offer(std::move(item)); !done) {
      throw std::runtime_error(done.error().message);
    }
  }
  [[nodiscard]] std::size_t ended() const { return agent_->endings.size(); }
  void until_ended(std::size_t count) {
    world_.until([&] { return ended() >= count; }, "messages have ended", std::chrono::minutes(1));
  }
  SessionWorld& world() { return world_; }

  /// Waits for the reader's end and reads what it wrote down. Throws when a text is not exactly the
  /// one that was sent.
  std::vector<Taken> finish() {
    world_.until([&] { return agent_->ended.has_value(); }, "the reader has ended");
    std::ifstream file(log_, std::ios::binary);
    std::vector<Taken> all;
    for (std::string line; std::getline(file, line);) {
      const auto space = line.find(' ');
      all.push_back({std::stoll(line.substr(0, space)), line.substr(space + 1)});
    }
    if (all.size() != texts_.size()) throw std::runtime_error("messages are missing");
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].text != texts_[i]) throw std::runtime_error("another text: " + all[i].text);
    }
    return all;
  }
  [[nodiscard]] const std::vector<std::int64_t>& offered() const { return offered_; }

 private:
  SessionWorld world_;
  std::string log_;
  Agent* agent_ = nullptr;
  std::vector<std::string> texts_;
  std::vector<std::int64_t> offered_;
};

double one_by_one(const std::string& self, const std::string& mode) {
  Reader reader(self, mode, kOneByOne);
  for (std::size_t i = 0; i < kOneByOne; ++i) {
    reader.offer(i + 1);
    reader.until_ended(i + 1);
  }
  const auto taken = reader.finish();
  std::vector<double> waits;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    waits.push_back(static_cast<double>(taken[i].at - reader.offered()[i]) / 1e6);
  }
  return median(std::move(waits));
}

double in_bulk(const std::string& self, const std::string& mode) {
  constexpr std::size_t kWaiting = 200;
  Reader reader(self, mode, kInBulk);
  std::size_t offered = 0;
  const auto step = [&] {
    while (offered < kInBulk && offered - reader.ended() < kWaiting) reader.offer(++offered);
    return reader.ended() == kInBulk;
  };
  reader.world().until(step, "messages have ended", std::chrono::minutes(2));
  const auto taken = reader.finish();
  const auto took = taken.back().at - reader.offered().front();
  return static_cast<double>(kInBulk) * 1e9 / static_cast<double>(took);
}

}  // namespace

int read_messages(const std::string& mode, std::size_t count, const std::string& log) {
  const bool raw = mode == "raw";
  if (raw) {
    termios now{};
    ::tcgetattr(0, &now);
    ::cfmakeraw(&now);
    ::tcsetattr(0, TCSANOW, &now);
  }
  const auto say = [](std::string_view text) {
    if (::write(1, text.data(), text.size()) < 0) std::exit(1);
  };
  say("reading\r\n");
  std::vector<Taken> all;
  std::string text;
  std::string buffer(std::size_t{64} << 10, '\0');
  while (all.size() < count) {
    const ssize_t got = ::read(0, buffer.data(), buffer.size());
    if (got <= 0) break;
    const std::int64_t at = now_ns();
    text.append(buffer.data(), static_cast<std::size_t>(got));
    const char end = raw ? '\r' : '\n';
    for (auto cut = text.find(end); cut != std::string::npos; cut = text.find(end)) {
      all.push_back({at, text.substr(0, cut)});
      text.erase(0, cut + 1);
    }
    // A program that draws what is typed.
    if (raw) say(".");
  }
  std::ofstream file(log, std::ios::binary);
  for (const Taken& each : all) file << each.at << ' ' << each.text << '\n';
  return all.size() == count ? 0 : 1;
}

void inject(const Report& report, const std::string& self) {
  for (const std::string mode : {"lines", "raw"}) {
    report.at_most(fmt::format("message of 300 B to a reader of {}, offered to read", mode),
                   one_by_one(self, mode), "ms", 2);
    report.at_least(fmt::format("messages of 300 B to a reader of {}, exact and in order", mode),
                    in_bulk(self, mode), "/s", 500);
  }
  if (!peer_broker().empty()) peer_inject(report);
}

}  // namespace relay::bench
