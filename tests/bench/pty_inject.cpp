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
#include "pty/injection/envelope.hpp"
#include "support/session_world.hpp"

namespace relay::bench {
namespace {

using test::Agent;
using test::SessionWorld;

constexpr std::size_t kBody = 300;
constexpr std::size_t kOneByOne = 200;
constexpr std::size_t kInBulk = 2000;
/// Of each size of the bodies.
constexpr std::size_t kOfSize = 30;

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct Taken {
  std::int64_t at = 0;
  std::string text;
};

/// What is typed for a body of that size. One that is too long for that is written to `file`.
std::string text_of_message(std::size_t number, std::size_t size, const std::string& file) {
  pty::Letter letter;
  letter.sender = "alice";
  letter.id = fmt::format("m{}", number);
  letter.body = fmt::format("{:08} ", number);
  while (letter.body.size() < size) letter.body += "the quick brown fox, ";
  letter.body.resize(size);
  auto envelope = pty::make_envelope(letter, pty::EnvelopeRules(), number, file);
  if (!envelope) throw std::runtime_error(envelope.error().message);
  if (envelope->file) std::ofstream(file, std::ios::binary) << *envelope->file;
  return envelope->text;
}

class Reader {
 public:
  Reader(const std::string& self, const std::string& mode, std::size_t count,
         std::size_t body = kBody)
      : body_(body) {
    log_ = (world_.keeper.temp.path() / "log").string();
    pty::SpawnOrder order("reader", "agent", {self, "--reader", mode, std::to_string(count), log_},
                          os::Environment::of_process(), world_.keeper.temp.path());
    agent_ = &world_.start(std::move(order), test::plain_profile());
    world_.until_shown(*agent_, "reading");
  }

  void offer(std::size_t number) {
    pty::InjectionItem item;
    item.id = number;
    offered_.push_back(now_ns());
    item.text = text_of_message(number, body_, file_of_body());
    texts_.push_back(item.text);
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
    std::size_t size = 0;
    for (Taken each; file >> each.at >> size && file.get() == ' ';) {
      each.text.resize(size);
      file.read(each.text.data(), static_cast<std::streamsize>(size));
      all.push_back(std::move(each));
    }
    if (all.size() != texts_.size()) throw std::runtime_error("messages are missing");
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].text != texts_[i]) throw std::runtime_error("another text: " + all[i].text);
    }
    return all;
  }
  [[nodiscard]] const std::vector<std::int64_t>& offered() const { return offered_; }

 private:
  [[nodiscard]] std::string file_of_body() const {
    return (world_.keeper.temp.path() / "body").string();
  }

  SessionWorld world_;
  std::size_t body_;
  std::string log_;
  Agent* agent_ = nullptr;
  std::vector<std::string> texts_;
  std::vector<std::int64_t> offered_;
};

/// Milliseconds from the offer of each to its end in the reader's hands.
std::vector<double> one_by_one(const std::string& self, const std::string& mode, std::size_t count,
                               std::size_t body) {
  Reader reader(self, mode, count, body);
  for (std::size_t i = 0; i < count; ++i) {
    reader.offer(i + 1);
    reader.until_ended(i + 1);
  }
  const auto taken = reader.finish();
  std::vector<double> waits;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    waits.push_back(static_cast<double>(taken[i].at - reader.offered()[i]) / 1e6);
  }
  return waits;
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
  for (const Taken& each : all) {
    file << each.at << ' ' << each.text.size() << ' ' << each.text << '\n';
  }
  return all.size() == count ? 0 : 1;
}

void inject(const Report& report, const std::string& self, int rounds) {
  for (const std::string mode : {"lines", "raw"}) {
    Question wait(fmt::format("a message of 300 B to a reader of {}, until it is read", mode),
                  less("ms"));
    wait.limit(2);
    Question rate(fmt::format("messages of 300 B to a reader of {}, exact and in order", mode),
                  more("/s"));
    rate.limit(500);
    in_turns(rounds, {[&] { wait.add(kOurs, median(one_by_one(self, mode, kOneByOne, kBody))); },
                      [&] { rate.add(kOurs, in_bulk(self, mode)); }});
    if (mode == "lines") {
      // A worker takes seconds for a few: once.
      for (const auto& [peer, messages] : {std::pair(peer_9(), 10), std::pair(peer_12(), 1)}) {
        if (peer.binary.empty()) {
          rate.skip(peer.name, kNoPeer);
        } else {
          rate.add(peer.name, peer_inject_rate(peer, messages));
        }
      }
    }
    report.print(wait);
    report.print(rate);
  }
  for (const auto& [name, size] :
       {std::pair("100 B", std::size_t{100}), std::pair("1 KiB", std::size_t{1} << 10),
        std::pair("4 KiB", std::size_t{4} << 10), std::pair("16 KiB", std::size_t{16} << 10),
        std::pair("64 KiB, by the path of a file that has it", std::size_t{64} << 10),
        std::pair("1 MiB, by the path of a file that has it", std::size_t{1} << 20)}) {
    Question wait(fmt::format("a message to a raw reader, until it is read: {}", name), less("ms"));
    wait.add(kOurs, one_by_one(self, "raw", kOfSize, size));
    report.print(wait);
  }
}

}  // namespace relay::bench
