// Which program of this machine does which action, and how each action ends.
#include "broker/handlers.hpp"

#include <doctest/doctest.h>
#include <memory>

namespace relay::broker {
namespace {

using namespace std::chrono_literals;

struct Offers {
  explicit Offers(Duration within = 10min) : handlers(within) {
    Handlers::Owner owner;
    owner.on_outcome = [this](const std::string& id, const ActionOutcome& outcome) {
      const auto* const error = std::get_if<std::string>(&outcome);
      ended.push_back(id + " " + (error ? *error : std::get<wire::Json>(outcome).text()));
    };
    owner.on_offer = [this] { ++changes; };
    handlers.owned_by(std::move(owner));
  }
  /// A program that is told of actions, until it is deaf.
  Handlers::Client program(const std::string& called) {
    return handlers.join(
        [this, called](const std::string& id, const std::string& name, const wire::Json& input) {
          asked.push_back(called + " " + id + " " + name + " " + input.text());
          return !deaf;
        });
  }
  [[nodiscard]] std::string offered() const {
    std::string out;
    for (const auto& one : handlers.offered()) {
      out += (out.empty() ? "" : ",") + one.name + (one.kind ? ":" + *one.kind : "");
    }
    return out;
  }
  void invoke(const std::string& id, const std::string& name) {
    handlers.invoke(now, id, name, *wire::Json::parse("{\"n\":1}"));
  }

  Handlers handlers;
  Monotonic now{};
  bool deaf = false;
  int changes = 0;
  std::vector<std::string> asked;
  std::vector<std::string> ended;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("an action goes to the program that has its name, and its result comes back once") {
  Offers world;
  const auto one = world.program("one");
  const auto two = world.program("two");
  REQUIRE(world.handlers.serve(one, {"build", "spawn:mine"}));
  REQUIRE(world.handlers.serve(two, {"test"}));
  CHECK(world.handlers.serves("test"));
  CHECK_FALSE(world.handlers.serves("deploy"));
  world.invoke("i1", "build");
  world.invoke("i2", "test");
  CHECK(world.asked == Lines{R"(one i1 build {"n":1})", R"(two i2 test {"n":1})"});
  // Only who was asked may answer, and only once.
  CHECK(world.handlers.finish(two, "i1", wire::Json()).error().code == Code::not_found);
  CHECK(world.handlers.finish(one, "i1", *wire::Json::parse("[7]")));
  CHECK(world.handlers.finish(one, "i1", wire::Json()).error().code == Code::not_found);
  CHECK(world.handlers.finish(two, "i2", std::string("it is red")));
  CHECK(world.ended == Lines{"i1 [7]", "i2 it is red"});
  CHECK(world.handlers.under_way() == 0);
}

TEST_CASE("what a program offers is offered by the node, for as long as it is there") {
  Offers world;
  const auto one = world.program("one");
  wire::Capability build;
  build.name = "build";
  build.kind = "run";
  wire::Capability release;
  release.name = "release";
  REQUIRE(world.handlers.declare(one, {build, release}));
  REQUIRE(world.handlers.serve(one, {"build", "test"}));
  CHECK(world.offered() == "build:run,release,test");
  CHECK(world.changes == 2);
  // In place of what it said before.
  REQUIRE(world.handlers.serve(one, {"test"}));
  REQUIRE(world.handlers.declare(one, {}));
  CHECK(world.offered() == "test");
  CHECK_FALSE(world.handlers.serves("build"));
  world.handlers.leave(one);
  world.handlers.leave(one);
  CHECK(world.offered().empty());
  CHECK(world.changes == 5);
}

TEST_CASE("a program that goes leaves nothing unanswered") {
  Offers world;
  const auto one = world.program("one");
  const auto two = world.program("two");
  REQUIRE(world.handlers.serve(one, {"build"}));
  REQUIRE(world.handlers.serve(two, {"test"}));
  world.invoke("i1", "build");
  world.invoke("i2", "test");
  world.invoke("i3", "build");
  world.handlers.leave(one);
  CHECK(world.ended == Lines{"i1 handler_unavailable", "i3 handler_unavailable"});
  CHECK_FALSE(world.handlers.serves("build"));
  CHECK(world.handlers.finish(two, "i2", wire::Json()));
}

TEST_CASE("a program that was started again takes its names from its last life") {
  Offers world;
  const auto old = world.program("old");
  REQUIRE(world.handlers.serve(old, {"build", "test"}));
  world.invoke("i1", "build");
  const auto fresh = world.program("fresh");
  REQUIRE(world.handlers.serve(fresh, {"build"}));
  world.invoke("i2", "build");
  world.invoke("i3", "test");
  CHECK(world.asked.back() == R"(old i3 test {"n":1})");
  // The old one is seen to be gone only now: the name is not its any more.
  world.handlers.leave(old);
  CHECK(world.handlers.serves("build"));
  CHECK(world.ended == Lines{"i1 handler_unavailable", "i3 handler_unavailable"});
  CHECK(world.handlers.finish(fresh, "i2", wire::Json()));
}

TEST_CASE("an action that nobody answers ends when its time is over") {
  Offers world(30s);
  const auto one = world.program("one");
  REQUIRE(world.handlers.serve(one, {"build"}));
  CHECK_FALSE(world.handlers.next_deadline().has_value());
  world.invoke("i1", "build");
  world.now += 10s;
  world.invoke("i2", "build");
  CHECK(world.handlers.next_deadline() == Monotonic() + 30s);
  world.handlers.on_time(Monotonic() + 29s);
  CHECK(world.ended.empty());
  world.handlers.on_time(Monotonic() + 30s);
  CHECK(world.ended == Lines{"i1 handler_timeout: build gave no result within 30 s"});
  CHECK(world.handlers.next_deadline() == Monotonic() + 40s);
  CHECK(world.handlers.finish(one, "i1", wire::Json()).error().code == Code::not_found);
}

TEST_CASE("what a program cannot take goes to another node") {
  Offers world;
  const auto one = world.program("one");
  REQUIRE(world.handlers.serve(one, {"build"}));
  world.deaf = true;
  world.invoke("deaf", "build");
  CHECK(world.ended == Lines{"deaf handler_unavailable"});
  world.deaf = false;
  for (std::size_t count = 0; count < 128; ++count) world.invoke(std::to_string(count), "build");
  CHECK(world.ended.size() == 1);
  world.invoke("too many", "build");
  CHECK(world.ended.back() == "too many handler_unavailable");
  CHECK(world.handlers.finish(one, "0", wire::Json()));
  world.invoke("room again", "build");
  CHECK(world.handlers.under_way() == 128);
}

TEST_CASE("names that cannot be a program's are refused, and change nothing") {
  Offers world;
  const auto one = world.program("one");
  REQUIRE(world.handlers.serve(one, {"build"}));
  for (const std::string& name : {std::string("release"), std::string("relay:delivery-cursor-v1"),
                                  std::string(), std::string(129, 'x')}) {
    CAPTURE(name);
    CHECK(world.handlers.serve(one, {"ok", name}).error().code == Code::invalid_argument);
  }
  CHECK(world.handlers.serve(one, std::vector<std::string>(257, "x")).error().code ==
        Code::invalid_argument);
  CHECK(world.handlers.declare(one, std::vector<wire::Capability>(1)).error().code ==
        Code::invalid_argument);
  CHECK(world.offered() == "build");
}

TEST_CASE("what all programs say of their actions has a bound, and one over it changes nothing") {
  Offers world;
  const auto with = [](const char* name, std::size_t bytes) {
    wire::Capability capability;
    capability.name = name;
    capability.metadata = wire::Json::parse("\"" + std::string(bytes - 2, 'x') + "\"").value();
    return std::vector<wire::Capability>{capability};
  };
  const auto one = world.program("one");
  const auto two = world.program("two");
  REQUIRE(world.handlers.declare(one, with("build", 200 * 1024)));
  CHECK(world.handlers.declare(two, with("test", 56 * 1024 + 1)).error().code == Code::too_large);
  CHECK(world.offered() == "build");
  CHECK(world.handlers.declare(two, with("test", 56 * 1024)));
  // Its own share is not counted twice.
  CHECK(world.handlers.declare(one, with("build", 200 * 1024)));
  world.handlers.leave(two);
  CHECK(world.handlers.declare(one, with("build", 256 * 1024)));
}

}  // namespace relay::broker
