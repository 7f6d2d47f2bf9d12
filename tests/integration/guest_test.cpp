// An agent in a person's own terminal, as its broker sees it: the test plays the `wrap`.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "integration/broker_world.hpp"
#include "os/fd.hpp"
#include "support/unix_socket.hpp"

namespace relay::broker {
namespace {

/// The side of `wrap`: takes the broker's connection, says lines and keeps what it hears.
class PlayedWrap {
 public:
  explicit PlayedWrap(const os::Path& path) : listener_(test::listen_at(path)) {
    REQUIRE(::fcntl(listener_.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  [[nodiscard]] bool connected() {
    if (!connection_) {
      connection_ = os::Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK));
    }
    return static_cast<bool>(connection_);
  }
  void say(const std::string& line) const {
    const std::string text = line + "\n";
    REQUIRE(::send(connection_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  [[nodiscard]] bool heard(std::string_view text) {
    std::array<char, 4096> buffer;
    for (;;) {
      const ssize_t got = ::recv(connection_.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      heard_.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return heard_.find(text) != std::string::npos;
  }
  void hang_up() { connection_ = os::Fd(); }

 private:
  os::Fd listener_;
  os::Fd connection_;
  std::string heard_;
};

Scenario until_heard(World* world, PlayedWrap* wrap, std::string text) {
  std::function<bool()> holds = [wrap, text] { return wrap->connected() && wrap->heard(text); };
  co_await world->until(std::move(holds), text);
}

Scenario until_seen(World* world, bool (*holds)(const AgentView&), std::string what) {
  std::function<bool()> looks = [world, holds] { return holds(*world->broker->agent("ada")); };
  co_await world->until(std::move(looks), std::move(what));
}

Scenario release_guest(World* world, bool* done) {
  ReleaseRequest request("ada");
  request.reason = "enough for today";
  const auto released = co_await world->broker->release(std::move(request));
  CHECK(released.has_value());
  *done = true;
}

}  // namespace

// `sleep 1000` was shown as a reader of all that was typed into its terminal.
TEST_CASE_FIXTURE(World, "what lies unread in a terminal is not counted as read, until it is") {
  PlayedWrap wrap(temp / "wrap.sock");
  play([&wrap](World& w) -> Scenario {
    SpawnRequest wanted = World::request("ada", "sleep 1000");
    wanted.guest_control = (w.temp / "wrap.sock").string();
    const auto made = co_await w.broker->spawn(std::move(wanted));
    REQUIRE(made);
    co_await until_heard(&w, &wrap, R"({"watch":true})");
    wrap.say(R"({"state":"ready","pid":4711,"printed":10,"terminal":"pts/3"})");
    const auto view = [&w] { return *w.broker->agent("ada"); };
    co_await until_seen(&w, [](const AgentView& now) { return now.pid == 4711; }, "the pid");
    CHECK(view().wrapped);
    CHECK(view().terminal == "pts/3");
    const auto where = w.broker->screen("ada");
    REQUIRE_FALSE(where);
    CHECK(where.error().message.find("pts/3") != std::string::npos);
    CHECK(where.error().hint.find("relay-broker send ada") != std::string::npos);

    w.deliver("ada", 1, "are you there?");
    co_await until_heard(&w, &wrap, "are you there?");
    wrap.say(R"({"state":"ready","pid":4711,"printed":10,"unread":true})");
    wrap.say(R"({"id":"del_1","outcome":"typed","proof":"none","reason":"not_read"})");
    co_await until_seen(&w, [](const AgentView& now) { return now.unread == 1; }, "it is unread");
    CHECK(view().typed == 0);
    CHECK(view().submitted == 0);
    CHECK(w.told("delivery_ack"));
    CHECK_FALSE(w.told("message_delivery_confirmed"));
    const Wall quiet_since = view().last_activity;
    // It wakes up, reads and prints.
    wrap.say(R"({"state":"ready","pid":4711,"printed":20})");
    co_await until_seen(&w, [](const AgentView& now) { return now.typed == 1; }, "it is read");
    CHECK(view().unread == 0);
    CHECK(view().last_activity > quiet_since);

    bool done = false;
    w.tasks->spawn(release_guest(&w, &done));
    co_await until_heard(&w, &wrap, "it was released: enough for today");
    wrap.hang_up();
    std::function<bool()> released = [&done] { return done; };
    co_await w.until(std::move(released), "the release");
    CHECK_FALSE(w.broker->agent("ada"));
  });
}

}  // namespace relay::broker
