// The published broker at our engine, over restarts of both and a line that is cut: its agent reads
// every message, in order, none twice. INTEROP_MESSAGES=1000 is the long form.
#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <numeric>

#include "interop/cut_line.hpp"
#include "interop/fleet.hpp"
#include "support/skipped.hpp"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

/// The published broker waits before it connects again.
constexpr Duration kReconnects = 60s;
constexpr std::size_t kInMailbox = 3;

std::size_t messages_asked() {
  const auto asked = os::Environment::of_process().get("INTEROP_MESSAGES");
  return asked ? std::stoul(*asked) : 30;
}

/// One agent of the published broker, and the messages that it was sent.
struct Post {
  Post() : line(fleet.port()), published(fleet, line.port()) {}

  void send(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) fleet.send(alice, "ada", ++sent);
  }
  void wait_all() const {
    std::vector<std::size_t> all(sent);
    std::iota(all.begin(), all.end(), std::size_t{1});
    fleet.wait_read("ada", all, kReconnects);
  }
  /// What was read and not acknowledged yet would come again, to whoever asks for it.
  void wait_settled() const {
    wait_all();
    wait_until([this] { return fleet.settled("ada"); }, "all acknowledged", kReconnects);
  }
  void restart_engine() {
    const auto before = fleet.port();
    fleet.kill_engine();
    fleet.start_engine();
    REQUIRE(fleet.port() == before);
  }

  Fleet fleet;
  CutLine line;
  Published published;
  std::string alice = fleet.add_agent("alice");
  std::size_t sent = 0;
};

}  // namespace

TEST_CASE("the published broker at our engine: each message once, in order, whatever restarts") {
  if (!published_broker()) {
    return skip("the published broker is not installed, ./dev interop installs it");
  }
  const std::size_t messages = messages_asked();
  const std::size_t round = messages < 200 ? 15 : 45;
  Post post;
  // Its mailbox is not empty when the agent is started there.
  (void)post.fleet.add_agent("ada");
  post.send(kInMailbox);
  post.published.start();
  post.published.spawn("ada");
  post.wait_all();
  std::size_t cuts = 0;
  std::size_t kills = 0;
  std::size_t restarts = 0;
  while (post.sent < messages) {
    // While messages are on their way.
    post.send(round / 3);
    post.line.cut();
    ++cuts;
    post.send(round / 3);
    post.wait_all();
    post.send(round / 3);
    post.restart_engine();
    ++kills;
    post.send(round / 3);
    post.wait_settled();
    post.published.kill();
    ++restarts;
    post.send(round / 3);
    post.published.start();
    post.published.spawn("ada");
    post.send(round / 3);
    post.wait_all();
  }
  post.wait_settled();
  MESSAGE(post.sent << " messages read once and in order, over " << kills
                    << " kills of the engine, " << restarts << " of the broker and " << cuts
                    << " cuts of its line");
}

}  // namespace relay::test
