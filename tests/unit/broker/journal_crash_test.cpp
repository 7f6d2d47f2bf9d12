// A writer that is killed at any moment. RELAY_BROKER_FLIPS in the environment makes it long.
#include <map>
#include <random>
#include <sstream>

#include "broker/journal_world.hpp"
#include "os/environment.hpp"
#include "support/long_form.hpp"
#include "support/run_binary.hpp"
#include "support/seed.hpp"

namespace relay::broker {

TEST_CASE("kill -9 while it writes: what was answered is there, and nothing is damaged") {
  const auto environment = os::Environment::of_process();
  const std::string writer = environment.get("JOURNAL_WRITER").value();
  const unsigned seed = test::seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  JournalWorld world;
  std::map<std::string, bool> told;  // whether it has ended
  for (int cycle = 0; cycle < test::long_form("RELAY_BROKER_FLIPS", 30); ++cycle) {
    CAPTURE(cycle);
    {
      test::RunningProgram program(
          os::Command({writer, world.path().string(), "r" + std::to_string(cycle)}, environment));
      program.wait_for("open\n");
      const auto lines = random() % 40;
      for (unsigned i = 0; i < lines; ++i) program.wait_for("\n");
      program.signal(SIGKILL);
      program.wait_end();
      CHECK(program.out().find("report") == std::string::npos);
      std::istringstream out(program.out());
      std::string word;
      std::string agent;
      std::string id;
      for (std::string line; std::getline(out, line) && !out.eof();) {
        std::istringstream words(line);
        if (!(words >> word >> agent >> id)) continue;
        told[agent + " " + id] = word == "ended";
      }
    }
    world.open();
    CHECK(world.journal().report().empty());
    std::map<std::string, MessageKey> open;
    for (const auto& message : world.get(world.journal().open_messages()).open) {
      open.emplace(message.key.agent_id + " " + message.key.delivery_id, message.key);
    }
    std::vector<MessageKey> rest;
    for (const auto& [name, ended] : told) {
      CAPTURE(name);
      // One that had not said so can have ended all the same.
      if (ended) CHECK_FALSE(open.contains(name));
      if (ended || open.contains(name)) continue;
      const auto space = name.find(' ');
      const auto dash = name.find('-');
      MessageKey key(name.substr(0, space), name.substr(space + 1),
                     static_cast<std::uint64_t>(std::atoll(name.c_str() + dash + 1)));
      const auto attempt = world.get(world.journal().begin_attempt({key}, "after")).at(0);
      CHECK(attempt.standing == Attempt::Standing::ended);
    }
    for (const auto& [name, key] : open) rest.push_back(key);
    CHECK(world.get(world.journal().drop(rest, "test")) == rest.size());
    told.clear();
    if (cycle % 2 == 0) world.end();
    world.end();
  }
}

}  // namespace relay::broker
