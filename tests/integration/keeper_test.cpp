// The keeper as a broker meets it: the real binary, real programs in real terminals.
#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/paths.hpp"
#include "support/figure.hpp"
#include "support/keeper_world.hpp"
#include "support/skipped.hpp"
#include "support/wait_until.hpp"

namespace relay {
namespace {

using namespace std::chrono_literals;
using test::KeeperWorld;
using test::kPatience;

/// What a script prints in a new session, up to its end.
std::string output_of(KeeperWorld& world, const std::string& generation,
                      const std::string& script) {
  const auto session = world.spawn(world.shell(generation, script + "; echo END"));
  return KeeperWorld::read_until(session.master.get(), "END\r\n");
}

Error refusal(KeeperWorld& world, pty::SpawnOrder order) {
  auto work = world.client().spawn(std::move(order), kPatience);
  const auto session = world.run(std::move(work));
  REQUIRE_FALSE(session.has_value());
  return session.error();
}

/// Not `session`'s own: by the terminal it has.
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a program starts clean: terminal, size, signals, descriptors, environment") {
  KeeperWorld world;
  world.open();

  auto order = world.shell("g1",
                           "stty size; tty; read -r pid name state parent group session terminal "
                           "front rest </proc/$$/stat; echo $front $group $session $pid; echo END");
  order.columns = 123;
  order.rows = 45;
  const auto session = world.spawn(std::move(order));
  const auto text = KeeperWorld::read_until(session.master.get(), "END\r\n");
  CHECK(contains(text, "45 123"));
  CHECK(contains(text, "/dev/pts/"));
  // Foreground group, group and session are the process itself.
  CHECK(contains(text, fmt::format("{0} {0} {0} {0}", session.pid)));

  CHECK(contains(output_of(world, "g2", "echo typed > /dev/tty"), "typed"));
  CHECK(contains(output_of(world, "g3", "stty -a"), " iutf8"));

  const auto signals = output_of(world, "g4", "grep -E '^Sig(Blk|Ign)' /proc/self/status");
  CHECK(contains(signals, "SigBlk:\t0000000000000000"));
  CHECK(contains(signals, "SigIgn:\t0000000000000000"));

  // ls itself opens 3.
  const auto descriptors = output_of(world, "g5", "ls /proc/self/fd | tr '\\n' ' '");
  CHECK(contains(descriptors, "0 1 2 3 END"));

  auto with_variables = world.shell("g6", "env | sort; pwd; ulimit -n; umask; echo END");
  with_variables.environment.set("COLOUR", "blue and=green");
  const auto kept = world.spawn(std::move(with_variables));
  const auto variables = KeeperWorld::read_until(kept.master.get(), "END\r\n");
  CHECK(contains(variables, "COLOUR=blue and=green\r\n"));
  CHECK(contains(variables, "RELAY_BROKER_SESSION=g6\r\n"));
  CHECK(contains(variables, "\r\n" + world.temp.path().string() + "\r\n"));
  const auto mask = ::umask(022);
  ::umask(mask);
  CHECK(contains(variables, fmt::format("{:04o}\r\nEND", mask)));
}

TEST_CASE("a program keeps the name that it is called by") {
  KeeperWorld world;
  world.open();
  auto order = world.shell("g", "tr '\\0' ' ' < /proc/$$/cmdline; echo END");
  order.argv[0] = "codex";
  order.program = "/bin/bash";
  const auto session = world.spawn(std::move(order));
  CHECK(contains(KeeperWorld::read_until(session.master.get(), "END\r\n"), "codex -c"));
}

TEST_CASE("what cannot be started says why, with the path that was tried, and leaves nothing") {
  KeeperWorld world;
  world.open();
  const auto dir = world.temp.path();

  auto missing = world.shell("m", "");
  missing.argv = {"no-such-cli"};
  CHECK(refusal(world, missing).code == Code::cli_not_found);
  missing.argv = {"/nowhere/cli"};
  const auto nowhere = refusal(world, missing);
  CHECK(nowhere.code == Code::cli_not_found);
  CHECK(contains(nowhere.message, "/nowhere/cli"));

  std::ofstream(dir / "plain") << "#!/bin/sh\n";
  auto plain = world.shell("p", "");
  plain.argv = {(dir / "plain").string()};
  const auto not_executable = refusal(world, plain);
  CHECK(not_executable.code == Code::cli_not_executable);
  CHECK(contains(not_executable.message, (dir / "plain").string()));
  std::ofstream(dir / "odd") << "#!/nowhere/sh\n";
  ::chmod((dir / "odd").c_str(), 0700);
  plain.argv = {(dir / "odd").string()};
  CHECK(refusal(world, plain).code == Code::cli_not_executable);

  // The child's PATH decides, not ours.
  auto path = world.shell("q", "");
  path.argv = {"odd"};
  path.environment.set("PATH", dir.string());
  CHECK(refusal(world, path).code == Code::cli_not_executable);

  auto cwd = world.shell("c", "");
  cwd.cwd = dir / "gone";
  const auto no_cwd = refusal(world, cwd);
  CHECK(no_cwd.code == Code::cwd_missing);
  CHECK(contains(no_cwd.message, (dir / "gone").string()));
  cwd.cwd = dir / "plain";
  CHECK(refusal(world, cwd).code == Code::cwd_missing);
  cwd.cwd = "relative";
  CHECK(refusal(world, cwd).code == Code::cwd_missing);

  auto flat = world.shell("f", "");
  flat.rows = 0;
  CHECK(refusal(world, flat).code == Code::invalid_argument);

  auto work = world.client().list(kPatience);
  CHECK(world.run(std::move(work)).value().empty());

  const auto session = world.spawn(world.shell("twice", "sleep 1000"));
  CHECK(refusal(world, world.shell("twice", "true")).code == Code::conflict);
}

TEST_CASE("the end of a program is told as it was") {
  KeeperWorld world;
  world.open();
  const auto seven = world.spawn(world.shell("seven", "exit 7"));
  CHECK(world.wait_exited("seven") == os::ExitStatus::exited(7));
  const auto killed = world.spawn(world.shell("killed", "kill -KILL $$"));
  CHECK(world.wait_exited("killed") == os::ExitStatus::signalled(SIGKILL));
  const auto polite = world.spawn(world.shell("polite", "trap 'exit 9' TERM; echo up; read; read"));
  KeeperWorld::read_until(polite.master.get(), "up");
  auto work = world.client().kill_tree("polite", 20s, kPatience);
  REQUIRE(world.run(std::move(work)).has_value());
  CHECK(world.wait_exited("polite") == os::ExitStatus::exited(9));
}

TEST_CASE("an interactive shell, which ignores SIGTERM, does not need its whole grace") {
  KeeperWorld world;
  world.open();
  auto order = world.shell("g", "");
  order.argv = {"/bin/bash", "--norc", "--noprofile", "-i"};
  order.environment.set("PS1", "ready> ");
  const auto session = world.spawn(std::move(order));
  KeeperWorld::read_until(session.master.get(), "ready> ");
  auto work = world.client().kill_tree("g", 10min, kPatience);
  REQUIRE(world.run(std::move(work)).has_value());
  CHECK(world.wait_exited("g") == os::ExitStatus::signalled(SIGHUP));
}

TEST_CASE("the last output of a program is there after its end") {
  KeeperWorld world;
  world.open();
  const auto session = world.spawn(world.shell("g", "echo last words"));
  world.wait_gone("g");
  CHECK(contains(KeeperWorld::read_until(session.master.get(), "words\r\n"), "last words"));
}

TEST_CASE("no way out of a tree: nothing is left when it was killed") {
  KeeperWorld world;
  world.open();
  const std::vector<std::vector<std::string>> all_ways{
      {"ignore"},
      {"setsid"},
      {"nohup"},
      {"double"},
      {"ignore", "setsid", "double"},
      {"clean"},
      {"chain"},
      {"session-chain"},
      {"refill"},
      {"headless"},
      {"stopped"},
      {"lost"},
      {"ignore", "session-chain", "clean", "lost", "refill"}};
  constexpr auto kGrace = 200ms;
  Duration slowest{};
  int number = 0;
  for (const auto& ways : all_ways) {
    CAPTURE(ways.back());
    CAPTURE(ways.size());
    const auto generation = fmt::format("g{}", ++number);
    const auto session = world.spawn(world.hostile(generation, ways));
    KeeperWorld::read_until(session.master.get(), "up");
    const auto from = SystemClock().now();
    auto work = world.client().kill_tree(generation, kGrace, kPatience);
    REQUIRE(world.run(std::move(work)).has_value());
    CHECK(test::alive_with(world.token_of(generation)).empty());
    slowest = std::max<Duration>(slowest, SystemClock().now() - from);
    CHECK(test::wait_none(world.token_of(generation), 1s).empty());
  }
  const auto in_ms = [](Duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
  };
  test::figure("F13",
               fmt::format("{} ways out of a tree: nothing is left after {:.0f} ms at most, of "
                           "which {:.0f} are grace (at most {:.0f})",
                           all_ways.size(), in_ms(slowest), in_ms(kGrace), in_ms(kGrace + 1s)),
               in_ms(slowest), in_ms(kGrace + 1s));
}

TEST_CASE("a program that ends leaves nothing behind either") {
  KeeperWorld world;
  world.open();
  const auto session = world.spawn(world.hostile("g", {"ignore", "double", "setsid", "exit"}));
  CHECK(world.wait_exited("g") == os::ExitStatus::exited(7));
  world.wait_gone("g");
  CHECK(test::wait_none(world.token_of("g"), 1s).empty());
}

TEST_CASE("killing one agent touches no other, and nobody who only looks like one") {
  KeeperWorld world;
  world.open();
  const auto other = world.spawn(world.hostile("other", {"double", "clean", "setsid"}));
  KeeperWorld::read_until(other.master.get(), "up");
  // Itself and one of each way; those in between end by themselves.
  const auto wait_for_four = [&] {
    const auto token = world.token_of("other");
    test::wait_until([&] { return test::alive_with(token).size() == 4; }, "four are left");
  };
  wait_for_four();
  // A stranger with the same words in its command line and our variable in its environment.
  auto environment = world.temp.environment();
  environment.set("RELAY_BROKER_SESSION", "one");
  os::Command lookalike({"/bin/sleep", "1000"}, environment);
  lookalike.new_session = true;
  test::RunningProgram stranger(lookalike);

  const auto one = world.spawn(world.hostile("one", {"setsid", "double"}));
  KeeperWorld::read_until(one.master.get(), "up");
  auto work = world.client().kill_tree("one", 100ms, kPatience);
  REQUIRE(world.run(std::move(work)).has_value());
  CHECK(test::wait_none(world.token_of("one"), 1s).empty());
  wait_for_four();
  CHECK(::kill(stranger.pid(), 0) == 0);
}

TEST_CASE("killing what is gone or was never there is done at once") {
  KeeperWorld world;
  world.open();
  auto work = world.client().kill_tree("nobody", 10min, kPatience);
  CHECK(world.run(std::move(work)).has_value());
}

TEST_CASE("agents outlive their broker, and the next one gets them all") {
  KeeperWorld world;
  world.open();
  const auto keeper = world.client().keeper_pid();
  const pid_t pid = [&] {
    const auto session =
        world.spawn(world.shell("g", "echo up; while read x; do echo got $x; done"));
    KeeperWorld::read_until(session.master.get(), "up\r\n");
    world.client().note_size("g", 100, 50);
    return session.pid;
  }();
  const auto over = world.spawn(world.shell("over", "exit 3"));
  world.wait_gone("over");
  world.leave();

  world.open();
  CHECK(world.client().keeper_pid() == keeper);
  auto held = world.client().take_held();
  REQUIRE(held.size() == 2);
  CHECK(held[0].facts.generation == "g");
  CHECK(held[0].facts.agent == "agent-g");
  CHECK(held[0].facts.pid == pid);
  CHECK(held[0].facts.columns == 100);
  CHECK(held[0].facts.rows == 50);
  CHECK(held[0].facts.ended.empty());
  CHECK(held[0].facts.started_ms > 1'700'000'000'000);
  REQUIRE(::write(held[0].master.get(), "hello\n", 6) == 6);
  CHECK(contains(KeeperWorld::read_until(held[0].master.get(), "got hello"), "got hello"));
  CHECK(held[1].facts.gone);
  REQUIRE(held[1].facts.ended.size() == 1);
  CHECK(held[1].facts.ended[0] == pty::keeper::Ended{false, 3});
  CHECK(world.client().take_held().empty());

  world.client().forget("over");
  world.leave();
  world.open();
  CHECK(world.client().take_held().size() == 1);
}

TEST_CASE("a second broker takes over, and the first is told") {
  KeeperWorld first;
  first.open();
  const auto session = first.spawn(first.shell("g", "sleep 1000"));
  asio::io_context io;
  auto open = pty::KeeperClient::open(io.get_executor(), first.place(), kPatience);
  auto second = test::run(io, std::move(open)).value();
  CHECK(first.wait_lost().code == Code::already_running);
  auto spawning = first.client().spawn(first.shell("late", "true"), kPatience);
  CHECK(first.run(std::move(spawning)).error().code == Code::already_running);
  CHECK(second->take_held().size() == 1);
  test::run(io, second->close());
}

TEST_CASE("what is asked of a keeper that is being started waits for it") {
  KeeperWorld world;
  asio::io_context io;
  const auto client = pty::KeeperClient::begin(io.get_executor(), world.place(), kPatience);
  CHECK(test::run(io, client->looked()));
  CHECK(client->keeper_pid() == 0);
  CHECK(client->take_held().empty());
  client->note_size("nobody", 80, 24);
  client->forget("nobody");
  auto spawning = client->spawn(world.shell("g", "echo up; exec sleep 1000"), kPatience);
  const auto session = test::run(io, std::move(spawning)).value();
  CHECK(client->keeper_pid() != 0);
  CHECK(test::run(io, client->opened()));
  CHECK(contains(KeeperWorld::read_until(session.master.get(), "up"), "up"));
  test::run(io, client->close());
}

TEST_CASE("a keeper that lives and cannot be reached is not taken for none") {
  KeeperWorld world;
  world.open();
  const auto session = world.spawn(world.shell("g", "sleep 1000"));
  std::filesystem::rename(world.place().socket, world.temp / "away");
  asio::io_context io;
  const auto client = pty::KeeperClient::begin(io.get_executor(), world.place(), 300ms);
  CHECK(test::run(io, client->looked()).error().code == Code::timeout);
  test::run(io, client->close());
  std::filesystem::rename(world.temp / "away", world.place().socket);
  world.open();
  CHECK(world.client().take_held().size() == 1);
}

TEST_CASE("who waits for a keeper that does not start is told why, and may leave before") {
  KeeperWorld world;
  asio::io_context io;
  auto place = world.place();
  place.program = "/bin/false";
  const auto client = pty::KeeperClient::begin(io.get_executor(), place, kPatience);
  auto spawning = client->spawn(world.shell("g", "true"), kPatience);
  CHECK(test::run(io, std::move(spawning)).error().code == Code::spawn_failed);
  CHECK(test::run(io, client->opened()).error().code == Code::spawn_failed);
  CHECK(test::run(io, client->shut_down_keeper(0s, kPatience)).error().code == Code::spawn_failed);
  test::run(io, client->close());
  // It says a lot, and never that it is ready.
  place.program = "/usr/bin/yes";
  const auto waiting = pty::KeeperClient::begin(io.get_executor(), place, kPatience);
  CHECK(test::run(io, waiting->looked()));
  test::run(io, waiting->close());
}

TEST_CASE("no agent is left when the keeper is killed, and the next keeper can start") {
  KeeperWorld world;
  world.open();
  const auto one = world.spawn(
      world.hostile("one", {"ignore", "setsid", "double", "clean", "lost", "session-chain"}));
  KeeperWorld::read_until(one.master.get(), "up");
  const auto two = world.spawn(world.shell("two", "sleep 1000"));
  const auto keeper = world.client().keeper_pid();
  REQUIRE(::kill(keeper, SIGKILL) == 0);
  CHECK(world.wait_lost().code == Code::connection_closed);
  world.open();
  // The lock was free, so the guardian has done its work.
  CHECK(test::wait_none(world.token(), 0s).empty());
  CHECK(world.client().keeper_pid() != keeper);
  CHECK(world.client().take_held().empty());
  CHECK(contains(output_of(world, "again", "echo alive"), "alive"));
}

TEST_CASE("what keeper and guardian leave when both are killed the next keeper sweeps") {
  KeeperWorld world;
  world.open();
  const auto session =
      world.spawn(world.hostile("g", {"ignore", "setsid", "double", "clean", "session-chain"}));
  KeeperWorld::read_until(session.master.get(), "up");
  world.kill_both();
  CHECK(world.wait_lost().code == Code::connection_closed);
  CHECK_FALSE(test::alive_with(world.token()).empty());
  world.open();
  CHECK_FALSE(world.is_warned());
  CHECK(test::wait_none(world.token(), 0s).empty());
}

TEST_CASE("a chain of processes that live for microseconds does not outlive both either") {
  KeeperWorld world;
  world.open();
  const auto session =
      world.spawn(world.hostile("g", {"ignore", "session-chain", "session-chain"}));
  KeeperWorld::read_until(session.master.get(), "up");
  world.kill_both();
  CHECK(world.wait_lost().code == Code::connection_closed);
  // The one that does not run away.
  ::kill(session.pid, SIGKILL);
  // Each of its processes lives too short to be seen in every look.
  test::wait_until([&] { return !test::alive_with(world.token()).empty(); }, "one of them seen");
  world.open();
  CHECK_FALSE(world.is_warned());
  CHECK(test::wait_none(world.token(), 0s).empty());
}

TEST_CASE("without a broker the agents end after the grace, and the keeper with them") {
  KeeperWorld world;
  world.orphan_grace = 300ms;
  world.open();
  const auto session = world.spawn(world.hostile("g", {"ignore", "double"}));
  KeeperWorld::read_until(session.master.get(), "up");
  world.leave();
  CHECK(test::wait_none(world.place().directory.string()).empty());
  CHECK(test::wait_none(world.token(), 0s).empty());
  CHECK_FALSE(std::filesystem::exists(world.place().socket));
}

TEST_CASE("a keeper that is told to ends its agents and itself") {
  KeeperWorld world;
  world.open();
  const auto session = world.spawn(world.hostile("g", {"ignore", "double"}));
  KeeperWorld::read_until(session.master.get(), "up");
  auto work = world.client().shut_down_keeper(50ms, kPatience);
  CHECK(world.run(std::move(work)).has_value());
  CHECK(test::wait_none(world.token(), 0s).empty());
  CHECK(test::wait_none(world.place().directory.string()).empty());
}

TEST_CASE("a connection that says nonsense is told so and does no harm") {
  KeeperWorld world;
  world.open();
  const auto session = world.spawn(world.shell("g", "sleep 1000"));
  const std::string script = fmt::format(
      "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect('{}')\n"
      "s.sendall(b'\\xff'*64)\nprint(s.recv(4096))\nprint(s.recv(4096))",
      world.place().socket.string());
  const auto said = test::run_program({{"python3", "-c", script}, world.temp.environment()});
  CHECK(contains(said.out, "a frame of 4294967295 bytes"));
  auto work = world.client().list(kPatience);
  CHECK(world.run(std::move(work)).value().size() == 1);
}

TEST_CASE("another user cannot talk to the keeper") {
  if (::geteuid() != 0) {
    return test::skip_row("S6", "only root can be another user at the keeper's socket");
  }
  KeeperWorld world;
  world.open();
  // With the directory and the socket opened wide, only the check of the peer is left.
  for (auto at = world.place().socket; at != "/"; at = at.parent_path()) {
    if (at.string().starts_with(world.temp.path().string())) ::chmod(at.c_str(), 0777);
  }
  const std::string script = fmt::format(
      "import os,socket\nos.setuid(65534)\ns=socket.socket(socket.AF_UNIX)\ns.connect('{}')\n"
      "try:\n  s.sendall(bytes([13,0,0,0,1,1,0,0,0,0,0,0,0,0,0,0,0]))\n"
      "  print('said', s.recv(4096))\nexcept ConnectionError: print('said', b'')",
      world.place().socket.string());
  const auto said = test::run_program({{"python3", "-c", script}, world.temp.environment()});
  CHECK(said.err == "");
  CHECK(said.out == "said b''\n");
  ::chmod(world.place().directory.c_str(), 0700);
}

}  // namespace relay
