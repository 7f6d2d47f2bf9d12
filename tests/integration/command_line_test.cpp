// The program as a person or a script meets it: the real binary, its outputs and its exit statuses.
#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <string>

#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"
#include "wire/json.hpp"

namespace relay {
namespace {

using test::run_binary;
using test::run_program;
using test::RunResult;
using test::TempDir;

RunResult run(const std::vector<std::string>& words) {
  const TempDir temp;
  return run_binary(words, temp.environment());
}

/// A shell script in which `relay-broker` is the binary under test.
RunResult in_shell(const std::string& shell, const std::string& script) {
  const TempDir temp;
  auto environment = temp.environment();
  const auto folder = std::filesystem::path(test::relay_broker()).parent_path().string();
  environment.set("PATH", folder + ":/usr/bin:/bin");
  return run_program({{shell, "-c", script}, environment});
}

std::string code_in(const std::string& document) {
  const auto parsed = wire::JsonDocument::parse(document, wire::kEngineLimits);
  REQUIRE(parsed.has_value());
  CHECK(parsed->root().at("/ok")->boolean() == false);
  CHECK(parsed->root().at("/error/message")->string().has_value());
  CHECK(parsed->root().at("/error/hint")->string().has_value());
  return std::string(parsed->root().at("/error/code")->string().value());
}

std::vector<std::string> commands_of_the_first_page() {
  std::vector<std::string> names;
  const auto page = run({"--help"}).out;
  std::size_t at = page.find("Commands:\n");
  REQUIRE(at != std::string::npos);
  for (at = page.find('\n', at) + 1; page.compare(at, 2, "  ") == 0; at = page.find('\n', at) + 1) {
    names.push_back(page.substr(at + 2, page.find(' ', at + 2) - at - 2));
  }
  return names;
}

}  // namespace

TEST_CASE("--version tells name and version, for people and as JSON") {
  const auto plain = run({"--version"});
  CHECK(plain.status == os::ExitStatus::exited(0));
  CHECK(plain.out.starts_with("relay-broker 0."));
  CHECK(plain.err.empty());
  const auto json = run({"--version", "--json"});
  const auto document = wire::JsonDocument::parse(json.out, wire::kEngineLimits);
  REQUIRE(document.has_value());
  CHECK(document->root().at("/name")->string() == "relay-broker");
  CHECK("relay-broker " + std::string(*document->root().at("/version")->string()) + "\n" ==
        plain.out);
  CHECK(document->root().at("/system")->string()->starts_with("linux-"));
  CHECK_FALSE(document->root().at("/compiler")->string()->empty());
}

TEST_CASE("a command that encrypts nothing loads nothing for it") {
  const TempDir temp;
  auto environment = temp.environment();
  environment.set("LD_DEBUG", "files");
  const auto told = run_program({{test::relay_broker(), "--version"}, environment});
  // What the loader says goes to standard error.
  CHECK(told.err.find("libstdc++") != std::string::npos);
  CHECK(told.err.find("libcrypto") == std::string::npos);
  CHECK(told.err.find("libcurl") == std::string::npos);
}

TEST_CASE("each help page fits a screen, names the usage and gives two examples") {
  const auto first = run({"--help"});
  CHECK(first.status == os::ExitStatus::exited(0));
  CHECK(std::count(first.out.begin(), first.out.end(), '\n') <= 24);
  const auto names = commands_of_the_first_page();
  REQUIRE_FALSE(names.empty());
  for (const auto& name : names) {
    CAPTURE(name);
    const auto page = run({name, "--help"});
    CHECK(page.status == os::ExitStatus::exited(0));
    CHECK(page.err.empty());
    CHECK(page.out.find("Usage: relay-broker " + name) != std::string::npos);
    CHECK(std::count(page.out.begin(), page.out.end(), '\n') <= 24);
    const auto examples = page.out.find("Examples:\n");
    REQUIRE(examples != std::string::npos);
    const auto rest = page.out.substr(examples);
    CHECK(std::count(rest.begin(), rest.end(), '\n') >= 3);
  }
}

TEST_CASE(
    "wrong usage ends with 2, an error and a hint on standard error, nothing on standard output") {
  for (const auto& words : {std::vector<std::string>{},
                            {"complection"},
                            {"--jsno"},
                            {"completion"},
                            {"completion", "tcsh"},
                            {"completion", "bash", "more"},
                            {"completion", "--shell"}}) {
    CAPTURE(words.size());
    const auto result = run(words);
    CHECK(result.status == os::ExitStatus::exited(2));
    CHECK(result.out.empty());
    CHECK(result.err.starts_with("error: "));
    CHECK(result.err.find("\nhint: ") != std::string::npos);
  }
  CHECK(run({"complection"}).err.find("did you mean completion?") != std::string::npos);
}

TEST_CASE(
    "with --json a failure is one JSON document on standard output and the same exit status") {
  for (const auto& words : {std::vector<std::string>{"--json"},
                            {"--json", "complection"},
                            {"completion", "--json"},
                            {"completion", "tcsh", "--json"},
                            {"--json", "--jsno"}}) {
    CAPTURE(words.back());
    const auto result = run(words);
    CHECK(result.status == os::ExitStatus::exited(2));
    CHECK(result.err.empty());
    CHECK(code_in(result.out) == "invalid_argument");
  }
}

TEST_CASE("a name that is not built yet is no command") {
  for (const char* name : {"attach", "send", "ask"}) {
    CAPTURE(name);
    CHECK(run({name}).status == os::ExitStatus::exited(2));
  }
}

TEST_CASE("output that cannot be written is said, a reader that has gone is not") {
  const auto full = in_shell("/bin/sh", "relay-broker completion bash >/dev/full");
  CHECK(full.status == os::ExitStatus::exited(75));
  CHECK(full.err.find("No space left on device") != std::string::npos);
  const auto gone = in_shell("/bin/sh", "{ relay-broker completion bash; echo $? >&2; } | true");
  CHECK((gone.err == "141\n" || gone.err == "0\n"));
}

TEST_CASE("a closed descriptor is no place for anything else") {
  // Without output there is something to say, without a word of another file in it.
  const auto output = in_shell("/bin/sh", "relay-broker completion bash >&-");
  CHECK(output.status == os::ExitStatus::exited(1));
  CHECK(output.err.find("Bad file descriptor") != std::string::npos);
  const auto error = in_shell("/bin/sh", "relay-broker nonsense 2>&-");
  CHECK(error.status == os::ExitStatus::exited(2));
  // A program finds them as closed as they are, and none of our own files in their place.
  const auto wrapped =
      in_shell("/bin/sh",
               "relay-broker wrap --no-inject cat <&-; relay-broker wrap --no-inject echo hi >&-");
  CHECK(wrapped.err.find("cat: -: Bad file descriptor") != std::string::npos);
  CHECK(wrapped.err.find("write error: Bad file descriptor") != std::string::npos);
}

TEST_CASE("words of a program or of a text that have gone astray are told where they belong") {
  const auto hint = [](const std::vector<std::string>& words) {
    const auto result = run(words);
    CHECK(result.status == os::ExitStatus::exited(2));
    return result.err.substr(result.err.find("hint: "));
  };
  CHECK(hint({"spawn", "sh", "-c", "x"}).find("stands behind --") != std::string::npos);
  const auto quoted = run({"wrap", "--no-inject", "cat -n x"});
  CHECK(quoted.status == os::ExitStatus::exited(127));
  CHECK(quoted.err.find("its arguments are words of their own") != std::string::npos);
  CHECK(hint({"send", "ada", "two", "words"}).find("stands in quotes") != std::string::npos);
  const auto name = run({"wrap", "--name", "a b", "true"});
  CHECK(name.err.starts_with("error: an agent cannot have this name\n"));
}

TEST_CASE("a home that cannot be written says what to set, and doctor sees it") {
  const TempDir temp;
  auto environment = temp.environment();
  for (const char* name : {"XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"})
    environment.unset(name);
  // No user may make anything there, and root as little.
  environment.set("HOME", "/proc/self");
  const auto serve = run_binary({"serve", "--relay", "off"}, environment);
  CHECK(serve.status.as_shell() != 0);
  const auto doctor = run_binary({"doctor"}, environment);
  CHECK(doctor.status == os::ExitStatus::exited(1));
  CHECK(doctor.out.find("\nfail     home ") != std::string::npos);
  CHECK(doctor.out.find("mend: set HOME, or XDG_STATE_HOME") != std::string::npos);
}

TEST_CASE("a working directory that has been removed is told, with what to do") {
  const TempDir temp;
  const auto gone = (temp / "gone").string();
  std::filesystem::create_directory(gone);
  auto environment = temp.environment();
  environment.set("PATH", "/usr/bin:/bin");
  const auto status = run_program({{"/bin/sh", "-c",
                                    "cd '" + gone + "' && rmdir '" + gone + "' && " +
                                        test::relay_broker().string() + " status"},
                                   environment});
  CHECK(status.status == os::ExitStatus::exited(5));
  CHECK(status.err ==
        "error: the working directory has been removed\nhint: cd to one that is there\n");
}

TEST_CASE("profiles are offered where one is named") {
  CHECK(run({"__complete", "--", "wrap", "--profile", "cla"}).out.starts_with("claude"));
}

TEST_CASE("control characters of an argument do not reach the terminal") {
  const auto result = run({"com\x1b[31mpletion"});
  CHECK(result.status == os::ExitStatus::exited(2));
  CHECK(result.err.find('\x1b') == std::string::npos);
}

}  // namespace relay
