#include "cli/doctor_checks.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <string>

namespace relay::cli {
namespace {

/// A machine on which nothing is wrong, with one broker.
DoctorFacts healthy() {
  DoctorFacts facts;
  facts.user = 1000;
  facts.home.path = "/home/ann";
  facts.home.owner = 1000;
  DoctorFacts::Private directory;
  directory.path = "/state/proj-1";
  directory.kind = os::FileKind::directory;
  directory.mode = 0700;
  directory.owner = 1000;
  facts.privates.push_back(directory);
  DoctorFacts::Instance instance;
  instance.again = "cd /srv/proj && relay-broker serve";
  instance.name = "proj-1";
  instance.here = true;
  instance.lock = "/state/proj-1/broker.lock";
  instance.lock_holder = 10;
  instance.api_owner = 10;
  instance.keeper_listens = true;
  instance.programs = {20, 21};
  instance.connection = "/run/proj-1/connection.json";
  instance.connection_pid = 10;
  instance.journal = "ok";
  facts.instances.push_back(instance);
  DoctorFacts::Token token;
  token.node = "node_1";
  token.engine = "https://engine.example";
  token.kind = "nt";
  token.accepted = true;
  facts.tokens.push_back(token);
  facts.engine.url = "https://engine.example";
  facts.engine.ahead = 1;
  facts.own_engines = {"http://127.0.0.1:20001, run by the broker proj-1 (pid 10), database /e.db"};
  DoctorFacts::Cli cli;
  cli.profile = "claude";
  cli.program = "claude";
  facts.clis.push_back(cli);
  facts.profiles = 7;
  facts.limits.files = 20000;
  facts.free_memory = std::uint64_t{8} << 30U;
  facts.limits.files_most = 20000;
  facts.limits.real_time = ~std::uint64_t{0};
  facts.limits.terminals = 3;
  facts.limits.terminals_most = 4096;
  facts.screen.is_terminal = true;
  facts.screen.term = "xterm";
  facts.screen.columns = 80;
  facts.screen.rows = 24;
  facts.screen.locale = "en_US.UTF-8";
  facts.group = "/sys/fs/cgroup/user";
  facts.state = "/state";
  facts.free_bytes = std::uint64_t{10} << 30U;
  return facts;
}

Finding only(const DoctorFacts& facts, std::string_view id) {
  auto findings = examine(facts);
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const Finding& each) { return each.id == id; });
  REQUIRE(found != findings.end());
  // One fault is not two.
  for (const Finding& each : findings) {
    CAPTURE(each.id);
    CAPTURE(each.what);
    if (each.id != id) CHECK(each.verdict != Verdict::fail);
  }
  return *found;
}

/// The verdict of a check after something was changed.
template <class Change>
Finding after(std::string_view id, Change change) {
  auto facts = healthy();
  change(facts);
  auto found = only(facts, id);
  if (found.verdict == Verdict::fail || found.verdict == Verdict::warn) {
    CHECK_FALSE(found.what.empty());
    CHECK_FALSE(found.mend.empty());
  }
  return found;
}

}  // namespace

TEST_CASE("every check has a stable id, and is fine on a machine where nothing is wrong") {
  const std::vector<std::string> ids{
      "broker",      "second-broker", "locks",     "orphans", "sockets",  "connection",
      "home",        "modes",         "journal",   "disk",    "token",    "engine",
      "own-engine",  "clock",         "clis",      "config",  "profiles", "limits",
      "descriptors", "memory",        "terminals", "cgroup",  "terminal"};
  std::vector<std::string> seen;
  for (const Finding& finding : examine(healthy())) {
    CAPTURE(finding.what);
    CHECK(finding.verdict == Verdict::ok);
    CHECK_FALSE(finding.what.empty());
    CHECK(finding.repairs.empty());
    seen.push_back(finding.id);
  }
  CHECK(seen == ids);
}

TEST_CASE("every check has a fault that it finds, and no other check fails by it") {
  using Fault = std::function<void(DoctorFacts&)>;
  const Fault broker_is_gone = [](auto& f) {
    f.instances[0].api_owner.reset();
    f.instances[0].lock_holder.reset();
    f.instances[0].dead_sockets = {"/run/proj-1/broker.sock"};
  };
  const Error error(Code::io_error, "no");
  const std::map<std::string, Fault> faults{
      {"broker", broker_is_gone},
      {"second-broker", [](auto& f) { f.instances[0].lock_holder = 11; }},
      {"locks", [](auto& f) { f.instances[0].api_owner.reset(); }},
      {"orphans", broker_is_gone},
      {"sockets", broker_is_gone},
      {"connection", broker_is_gone},
      {"home", [](auto& f) { f.home.closed = {"/home/ann"}; }},
      {"modes", [](auto& f) { f.privates[0].mode = 0755; }},
      {"journal", [](auto& f) { f.instances[0].journal = "malformed"; }},
      {"disk", [](auto& f) { f.free_bytes = 0; }},
      {"token", [](auto& f) { f.tokens[0].accepted = false; }},
      {"engine", [&](auto& f) { f.engine.error = error; }},
      {"own-engine",
       [](auto& f) {
         f.own_engines.clear();
         f.dead_engines = {"http://127.0.0.1:20001 is not running"};
       }},
      {"clock", [](auto& f) { f.engine.ahead = 86'400; }},
      {"clis", [](auto& f) { f.clis.clear(); }},
      {"config", [&](auto& f) { f.config_error = error; }},
      {"profiles", [&](auto& f) { f.profile_error = error; }},
      {"limits", [](auto& f) { f.limits.files_most = 64; }},
      {"descriptors",
       [](auto& f) {
         f.instances[0].files_open = 250;
         f.instances[0].files_most = 256;
       }},
      {"memory", [](auto& f) { f.free_memory = 1 << 20; }},
      {"terminals", [](auto& f) { f.limits.terminals = 4096; }},
      {"cgroup", [](auto& f) { f.group.clear(); }},
      {"terminal", [](auto& f) { f.screen.term.clear(); }},
  };
  for (const Finding& finding : examine(healthy())) {
    CAPTURE(finding.id);
    const auto fault = faults.find(finding.id);
    REQUIRE_MESSAGE(fault != faults.end(), "no fault is seeded for it here");
    const Finding found = after(finding.id, fault->second);
    CHECK(found.verdict != Verdict::ok);
    CHECK(found.what != finding.what);
    CHECK_FALSE(found.mend.empty());
  }
}

TEST_CASE("a configuration file that others may write is theirs") {
  DoctorFacts::Private file;
  file.path = "/config/config.toml";
  file.kind = os::FileKind::regular;
  file.mode = 0664;
  file.owner = 1000;
  const auto found = after("config", [&](auto& f) { f.config = file; });
  CHECK(found.verdict == Verdict::fail);
  CHECK(found.what == "/config/config.toml may be written by others");
  CHECK(found.repairs.size() == 1);
  file.owner = 0;
  CHECK(after("config", [&](auto& f) { f.config = file; }).repairs.empty());
}

TEST_CASE("on a machine with nothing on it nothing fails") {
  DoctorFacts nothing;
  nothing.limits.files_most = 4096;
  for (const Finding& finding : examine(nothing)) {
    CAPTURE(finding.id);
    CHECK(finding.verdict != Verdict::fail);
  }
}

TEST_CASE("brokers, locks and what dead ones left") {
  auto found = after("second-broker", [](auto& f) { f.instances[0].lock_holder = 11; });
  CHECK(found.verdict == Verdict::fail);
  CHECK(found.what.find("pid 10 answers, pid 11 holds the lock") != std::string::npos);

  found = after("broker", [](auto& f) { f.instances[0].silent = true; });
  CHECK(found.verdict == Verdict::fail);
  CHECK(found.what == "proj-1 does not answer (pid 10)");
  CHECK(found.mend.starts_with("kill -CONT 10 "));
  found = after("locks", [](auto& f) { f.instances[0].api_owner.reset(); });
  CHECK(found.verdict == Verdict::fail);

  const auto dead = [](auto& f) {
    f.instances[0].api_owner.reset();
    f.instances[0].lock_holder.reset();
    f.instances[0].dead_sockets = {"/run/proj-1/broker.sock"};
  };
  found = after("orphans", dead);
  CHECK(found.verdict == Verdict::warn);
  CHECK(found.what.find("holds 2 programs") != std::string::npos);
  CHECK(found.mend.starts_with("cd /srv/proj && relay-broker serve takes them over"));
  CHECK(found.repairs.empty());
  found = after("orphans", [&](auto& f) {
    dead(f);
    f.instances[0].keeper_listens = false;
  });
  CHECK(found.what.find("pid 20 and 1 others") != std::string::npos);
  found = after("sockets", dead);
  CHECK(found.verdict == Verdict::warn);
  REQUIRE(found.repairs.size() == 1);
  CHECK(found.repairs[0].kind == Repair::Kind::remove);
  CHECK(found.repairs[0].path == "/run/proj-1/broker.sock");
  CHECK(found.repairs[0].lock == "/state/proj-1/broker.lock");
  found = after("connection", dead);
  CHECK(found.verdict == Verdict::warn);
  CHECK(found.repairs.at(0).path == "/run/proj-1/connection.json");
  found = after("connection", [&](auto& f) {
    dead(f);
    f.instances[0].connection_pid.reset();
    f.instances[0].connection_damaged = true;
  });
  CHECK(found.what.find("is damaged") != std::string::npos);
  CHECK(after("broker", dead).verdict == Verdict::skipped);
}

TEST_CASE("a broker that is starting is left alone") {
  const auto starting = [](auto& f) {
    f.instances[0].api_owner.reset();
    f.instances[0].dead_sockets = {"/run/proj-1/broker.sock"};
    f.instances[0].connection_pid = 9;
  };
  auto facts = healthy();
  starting(facts);
  for (const Finding& finding : examine(facts)) CHECK(finding.repairs.empty());
}

TEST_CASE("files that others may use; who else's are not touched") {
  auto found = after("modes", [](auto& f) { f.privates[0].mode = 0750; });
  CHECK(found.verdict == Verdict::fail);
  CHECK(found.what == "/state/proj-1 is 0750");
  REQUIRE(found.repairs.size() == 1);
  CHECK(found.repairs[0].kind == Repair::Kind::restrict_mode);
  found = after("modes", [](auto& f) {
    f.privates[0].owner = 0;
    f.privates[0].mode = 0777;
  });
  CHECK(found.verdict == Verdict::fail);
  CHECK(found.repairs.empty());
  found = after("modes", [](auto& f) { f.privates[0].kind = os::FileKind::link; });
  CHECK(found.what.find("symbolic link") != std::string::npos);
  CHECK(found.repairs.empty());
}

TEST_CASE("journal, disk, token, engine and clock") {
  CHECK(after("journal", [](auto& f) {
          f.instances[0].journal = "database disk image is malformed";
        }).verdict == Verdict::fail);
  CHECK(after("journal", [](auto& f) { f.instances[0].journal.reset(); }).verdict ==
        Verdict::skipped);
  CHECK(after("journal", [](auto& f) { f.instances[0].journal_in_use = true; }).verdict ==
        Verdict::skipped);
  CHECK(after("disk", [](auto& f) { f.free_bytes = 1 << 20; }).verdict == Verdict::fail);
  CHECK(after("disk", [](auto& f) { f.free_bytes = 100 << 20; }).verdict == Verdict::warn);
  CHECK(after("token", [](auto& f) { f.tokens[0].kind = "rk"; }).verdict == Verdict::fail);
  CHECK(after("token", [](auto& f) { f.tokens[0].accepted = false; }).verdict == Verdict::fail);
  CHECK(after("token", [](auto& f) { f.tokens[0].problem = "it is a link"; }).verdict ==
        Verdict::fail);
  CHECK(after("token", [](auto& f) { f.tokens[0].mint_pending = true; }).verdict == Verdict::warn);
  CHECK(after("token", [](auto& f) {
          f.token_error = Error(Code::io_error, "no", "do");
        }).verdict == Verdict::fail);
  CHECK(after("token", [](auto& f) { f.tokens.clear(); }).verdict == Verdict::skipped);
  CHECK(after("engine", [](auto& f) {
          f.engine.error = Error(Code::engine_unreachable, "nobody");
        }).verdict == Verdict::fail);
  CHECK(after("clock", [](auto& f) { f.engine.ahead = -45; }).what == "45 s behind the engine's");
  CHECK(after("clock", [](auto& f) { f.engine.ahead = 45; }).verdict == Verdict::warn);
  CHECK(after("clock", [](auto& f) { f.engine.ahead = -300; }).verdict == Verdict::fail);
  CHECK(after("clock", [](auto& f) { f.engine.ahead.reset(); }).verdict == Verdict::skipped);
}

TEST_CASE("where files go, and an engine of our own that rests") {
  CHECK(after("home", [](auto&) {}).what == "files go to /state");
  CHECK(after("home", [](auto& f) { f.home.closed = {"/home/ann"}; }).verdict == Verdict::fail);
  const auto of_another = after("home", [](auto& f) { f.home.owner = 0; });
  CHECK(of_another.verdict == Verdict::warn);
  CHECK(of_another.what == "/home/ann belongs to another user");
  CHECK(after("engine", [](auto& f) {
          f.engine.idle = true;
          f.engine.error = Error(Code::engine_unreachable, "nobody");
        }).verdict == Verdict::skipped);
}

TEST_CASE("the machine and the terminal") {
  CHECK(after("clis", [](auto& f) { f.clis.clear(); }).verdict == Verdict::warn);
  CHECK(after("profiles", [](auto& f) {
          f.profile_error = Error(Code::invalid_argument, "x.toml:3: no");
        }).verdict == Verdict::fail);
  CHECK(after("limits", [](auto& f) { f.limits.files_most = 64; }).verdict == Verdict::fail);
  CHECK(after("limits", [](auto& f) { f.limits.files = 512; }).verdict == Verdict::warn);
  CHECK(after("limits", [](auto& f) { f.limits.real_time = 200'000; }).verdict == Verdict::warn);
  const auto files = after("descriptors", [](auto& f) {
    f.instances[0].files_open = 240;
    f.instances[0].files_most = 256;
  });
  CHECK(files.verdict == Verdict::warn);
  CHECK(files.what.find("240 of 256 files") != std::string::npos);
  CHECK(after("memory", [](auto& f) { f.free_memory = 10 << 20; }).verdict == Verdict::fail);
  CHECK(after("memory", [](auto& f) { f.free_memory = 300 << 20; }).verdict == Verdict::warn);
  CHECK(after("memory", [](auto& f) { f.free_memory.reset(); }).verdict == Verdict::skipped);
  const auto space = after("memory", [](auto& f) { f.instances[0].space_left = 9 << 20; });
  CHECK(space.verdict == Verdict::fail);
  CHECK(space.what.find("9.0 MiB") != std::string::npos);
  CHECK(after("terminals", [](auto& f) { f.limits.terminals = 4095; }).verdict == Verdict::fail);
  CHECK(after("terminals", [](auto& f) { f.limits.terminals = 4050; }).verdict == Verdict::warn);
  CHECK(after("cgroup", [](auto& f) { f.group.clear(); }).verdict == Verdict::warn);
  CHECK(after("terminal", [](auto& f) { f.screen.term = "dumb"; }).verdict == Verdict::warn);
  CHECK(after("terminal", [](auto& f) { f.screen.columns = 0; }).verdict == Verdict::warn);
  CHECK(after("terminal", [](auto& f) { f.screen.locale = "C"; }).verdict == Verdict::warn);
  CHECK(after("terminal", [](auto& f) { f.screen.locale = "C.utf8"; }).verdict == Verdict::ok);
  CHECK(after("terminal", [](auto& f) { f.screen.is_terminal = false; }).verdict ==
        Verdict::skipped);
}

TEST_CASE("what /proc says about sockets") {
  const std::string_view sockets =
      "Num       RefCount Protocol Flags    Type St Inode Path\n"
      "0000000000000000: 00000002 00000000 00010000 0001 01 22 /run/a b/broker.sock\n"
      "0000000000000000: 00000003 00000000 00000000 0001 03 23 /run/c/broker.sock\n";
  CHECK(is_listening(sockets, "/run/a b/broker.sock"));
  CHECK_FALSE(is_listening(sockets, "/run/a"));
  CHECK_FALSE(is_listening(sockets, "/run/c/broker.sock"));
}

}  // namespace relay::cli
