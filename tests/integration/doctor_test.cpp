// `doctor` on a machine with a broker on it: what it sees, and what it mends.
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>

#include "integration/serve_world.hpp"

namespace relay::test {
namespace {

struct Patient : User {
  /// Runs doctor; what it says is one JSON document.
  void examine(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"doctor", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    last = run(words);
    CAPTURE(last.out);
    CAPTURE(last.err);
    CHECK(text_at(last.out, "/ok") == (last.status.as_shell() == 0 ? "true" : "false"));
  }
  /// "result: what" of one check.
  [[nodiscard]] std::string check(std::string_view id) const {
    const auto document = wire::JsonDocument::parse(last.out, wire::kEngineLimits);
    REQUIRE(document);
    for (const auto& each : document->root().find("checks")->elements()) {
      if (each.find("id")->string() != id) continue;
      std::string out(*each.find("result")->string());
      if (*each.find("mended")->boolean()) out += " (mended)";
      return out + ": " + std::string(*each.find("what")->string());
    }
    return "absent";
  }
  [[nodiscard]] std::filesystem::path file(std::string_view name) const {
    for (const auto& each : std::filesystem::recursive_directory_iterator(temp.path())) {
      if (each.path().filename() == name) return each.path();
    }
    return {};
  }
  static unsigned mode_of(const std::filesystem::path& path) {
    struct stat info{};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 0777U;
  }

  RunResult last{os::ExitStatus::exited(0), "", ""};
};

}  // namespace

TEST_CASE_FIXTURE(Patient, "doctor sees a broker, what others may read, and what a dead one left") {
  examine();
  CHECK(last.status.as_shell() == 0);
  CHECK(check("broker") == "skipped: no broker runs for this directory");
  CHECK(check("terminal").starts_with("skipped: "));

  serve();
  spawn_reader("ada");
  examine();
  CHECK(last.status.as_shell() == 0);
  CHECK(check("broker").find("pid " + std::to_string(broker->pid())) != std::string::npos);
  for (const char* fine :
       {"second-broker", "locks", "orphans", "sockets", "connection", "modes", "profiles"}) {
    CHECK(check(fine).starts_with("ok: "));
  }
  CHECK(check("journal").starts_with("skipped: its broker has it"));
  const auto text = run({"doctor"});
  CHECK(text.status.as_shell() == 0);
  CHECK(text.out.find("our files are ours alone") != std::string::npos);

  const auto journal = file("journal.db");
  std::filesystem::permissions(journal, std::filesystem::perms(0644));
  std::filesystem::permissions(journal.parent_path(), std::filesystem::perms(0755));
  examine();
  CHECK(last.status.as_shell() == 1);
  CHECK(check("modes").starts_with("fail: "));
  CHECK(run({"doctor"}).status.as_shell() == 1);
  examine({"--fix"});
  CHECK(last.status.as_shell() == 0);
  CHECK(check("modes").starts_with("ok (mended): "));
  CHECK(mode_of(journal) == 0600);
  CHECK(mode_of(journal.parent_path()) == 0700);

  broker->signal(SIGKILL);
  (void)broker->wait_end();
  examine();
  CHECK(last.status.as_shell() == 0);
  CHECK(check("orphans").starts_with("warn: the keeper of "));
  CHECK(check("journal").starts_with("ok: "));
  CHECK(check("sockets").starts_with("warn: nobody listens at "));
  CHECK(check("connection").starts_with("warn: "));
  examine({"--fix"});
  CHECK(check("orphans").starts_with("warn: "));
  CHECK(check("sockets").starts_with("ok (mended): "));
  CHECK(check("connection").starts_with("ok (mended): "));
  CHECK(file("broker.sock").empty());
  CHECK(file("connection.json").empty());

  std::ofstream(journal, std::ios::in | std::ios::out) << std::string(4096, 'x');
  examine();
  CHECK(last.status.as_shell() == 1);
  CHECK(check("journal").starts_with("fail: "));
  std::filesystem::remove(journal);
  // What mends the rest.
  serve();
  examine();
  CHECK(check("orphans").starts_with("ok: "));
}

TEST_CASE_FIXTURE(Patient, "an engine of our own whose process has ended is no fault") {
  serve({"--own-engine"});
  examine();
  CHECK(check("engine").starts_with("ok: "));
  CHECK(check("own-engine").find("pid " + std::to_string(broker->pid())) != std::string::npos);
  broker->signal(SIGKILL);
  // Ended, and its number is kept: nobody has asked for its status yet.
  siginfo_t ended{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(broker->pid()), &ended, WEXITED | WNOWAIT) == 0);
  examine();
  CHECK(last.status.as_shell() == 0);
  CHECK(check("engine").find("is our own, and does not run") != std::string::npos);
  CHECK(check("own-engine").starts_with("skipped: "));
}

TEST_CASE_FIXTURE(Patient,
                  "doctor asks the engine within its time, and reads the user's profiles") {
  const auto profiles =
      std::filesystem::path(*environment.get("XDG_CONFIG_HOME")) / "relay-broker" / "profiles";
  std::filesystem::create_directories(profiles);
  std::ofstream(profiles / "mine.toml") << "no = such\n";
  examine({"--engine", "http://127.0.0.1:1"});
  CHECK(last.status.as_shell() == 1);
  CHECK(check("engine").starts_with("fail: "));
  CHECK(check("clock") == "skipped: no engine has told the time");
  CHECK(check("profiles").find("mine.toml") != std::string::npos);
  FakeEngineThread engine;
  std::filesystem::remove(profiles / "mine.toml");
  examine({"--engine", engine.url()});
  CHECK(check("engine") == "ok: " + engine.url() + " answers");
}

}  // namespace relay::test
