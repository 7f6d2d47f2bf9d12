#include "pty/keeper/family.hpp"

#include <algorithm>
#include <doctest/doctest.h>

namespace relay::pty::keeper {
namespace {

constexpr pid_t kKeeper = 100;

/// A process table by hand: the keeper is 100, below the guardian 50, below a shell 40.
struct World {
  std::vector<ProcessRow> rows{make(1, 0, 1), make(40, 1, 2), make(50, 40, 3), make(100, 50, 4)};
  std::vector<Root> roots;
  std::map<pid_t, SessionNumber> limits;
  std::map<pid_t, SessionNumber> variables;
  Family family{kKeeper};

  static ProcessRow make(pid_t pid, pid_t parent, std::uint64_t started) {
    ProcessRow row;
    row.pid = pid;
    row.parent = parent;
    row.group = pid;
    row.session = pid;
    row.started = started;
    return row;
  }
  ProcessRow& add(pid_t pid, pid_t parent, std::uint64_t started) {
    rows.push_back(make(pid, parent, started));
    return rows.back();
  }
  void remove(pid_t pid) {
    std::erase_if(rows, [&](const ProcessRow& row) { return row.pid == pid; });
  }
  ProcessRow& at(pid_t pid) {
    return *std::find_if(rows.begin(), rows.end(),
                         [&](const ProcessRow& row) { return row.pid == pid; });
  }
  Family::Members walk() {
    const auto in = [](const std::map<pid_t, SessionNumber>& marks) {
      return [&marks](pid_t pid) -> std::optional<SessionNumber> {
        const auto found = marks.find(pid);
        if (found == marks.end()) return std::nullopt;
        return found->second;
      };
    };
    return family.walk(rows, roots, in(limits), in(variables));
  }
};

std::vector<pid_t> pids(const std::vector<ProcessRow>& rows) {
  std::vector<pid_t> found;
  for (const ProcessRow& row : rows) found.push_back(row.pid);
  std::sort(found.begin(), found.end());
  return found;
}

using Pids = std::vector<pid_t>;

}  // namespace

TEST_CASE("a family is the leader and all that descend from it") {
  World world;
  world.roots = {{1, 200, 10}, {2, 300, 11}};
  world.add(200, kKeeper, 10);
  world.add(201, 200, 12);
  world.add(202, 201, 13);
  world.add(300, kKeeper, 11);
  world.add(400, 40, 14);
  auto members = world.walk();
  CHECK(pids(members.of[1]) == Pids{200, 201, 202});
  CHECK(pids(members.of[2]) == Pids{300});
  CHECK(members.strays.empty());
  CHECK(members.strangers.empty());
}

TEST_CASE(
    "an orphan is known by its limit, by its variable, by its terminal session, or from before") {
  World world;
  world.roots = {{1, 200, 10}, {2, 300, 10}};
  world.add(200, kKeeper, 10);
  world.add(300, kKeeper, 10);
  world.add(301, 300, 12);
  auto members = world.walk();
  CHECK(pids(members.of[2]) == Pids{300, 301});
  // 301 has lost everything and its parent; 302 and 303 descend from processes never seen.
  world.at(301).parent = kKeeper;
  world.add(302, kKeeper, 13);
  world.add(303, kKeeper, 13);
  world.add(304, kKeeper, 13).session = 300;
  world.limits[302] = 2;
  world.variables[303] = 2;
  members = world.walk();
  CHECK(pids(members.of[1]) == Pids{200});
  CHECK(pids(members.of[2]) == Pids{300, 301, 302, 303, 304});
}

TEST_CASE("a marked process is known while its parents are missing from the table") {
  World world;
  world.roots = {{1, 200, 10}};
  world.add(200, kKeeper, 10);
  world.add(205, 204, 12);
  world.limits[205] = 1;
  world.add(206, 205, 13);
  auto members = world.walk();
  CHECK(pids(members.of[1]) == Pids{200, 205, 206});
}

TEST_CASE("a pid that is someone else's now is not known from before") {
  World world;
  world.roots = {{1, 200, 10}};
  world.add(200, kKeeper, 10);
  world.add(201, 200, 11);
  (void)world.walk();
  world.remove(201);
  world.add(201, 40, 99);
  auto members = world.walk();
  CHECK(pids(members.of[1]) == Pids{200});
  CHECK(members.strays.empty());
}

TEST_CASE("who lost everything belongs to the only session that is old enough, or waits") {
  World world;
  world.roots = {{1, 200, 10}, {2, 300, 20}};
  world.add(200, kKeeper, 10);
  world.add(300, kKeeper, 20);
  world.add(201, kKeeper, 15);
  world.add(301, kKeeper, 25);
  auto members = world.walk();
  CHECK(pids(members.of[1]) == Pids{200, 201});
  CHECK(pids(members.strangers) == Pids{301});
  world.roots = {{2, 300, 20}};
  members = world.walk();
  CHECK(pids(members.of[2]) == Pids{300, 301});
  // 201 was of session 1, which is no more.
  CHECK(pids(members.strays) == Pids{200, 201});
}

TEST_CASE("with no session left everything below the keeper is a stray, and nothing else is") {
  World world;
  world.add(201, kKeeper, 15);
  world.add(202, 201, 15);
  world.add(401, 40, 15);
  world.add(51, 50, 15);
  auto members = world.walk();
  CHECK(pids(members.strays) == Pids{201, 202});
  CHECK(members.of.empty());
}

TEST_CASE("the keeper and its ancestors are never members, whatever marks they wear") {
  World world;
  world.roots = {{1, 200, 10}};
  world.add(200, kKeeper, 10);
  for (const pid_t pid : {1, 40, 50, kKeeper}) {
    world.limits[pid] = 1;
    world.variables[pid] = 1;
  }
  auto members = world.walk();
  CHECK(pids(members.of[1]) == Pids{200});
  CHECK(members.strays.empty());
}

TEST_CASE("the dead do not count") {
  World world;
  world.roots = {{1, 200, 10}};
  world.add(200, kKeeper, 10).dead = true;
  world.add(201, 200, 11);
  auto members = world.walk();
  CHECK(pids(members.of[1]) == Pids{201});
}

TEST_CASE("a table with a circle does not hang the walk") {
  World world;
  world.add(60, 61, 5);
  world.add(61, 60, 5);
  auto members = world.walk();
  CHECK(members.strays.empty());
  CHECK(descendants(world.rows, kKeeper).empty());
}

TEST_CASE("descendants and ancestors") {
  World world;
  world.add(200, kKeeper, 10);
  world.add(201, 200, 10);
  CHECK(pids(descendants(world.rows, 50)) == Pids{100, 200, 201});
  CHECK(line_of_ancestors(world.rows, 100) == std::set<pid_t>{0, 1, 40, 50, 100});
}

}  // namespace relay::pty::keeper
