#include "cli/completion.hpp"

#include <doctest/doctest.h>

namespace relay::cli {
namespace {

struct SampleTree {
  bool json = false;
  std::string kind;
  std::string shell;
  std::string where;
  std::string key;
  std::vector<std::string> names;
  std::vector<std::string> program;
  std::vector<Option> global;
  std::vector<Command> commands;

  SampleTree() {
    global.emplace_back("--json", "Print JSON", &json);
    Command serve;
    serve.name = "serve";
    serve.summary = "Run the broker";
    serve.options.push_back(
        Option("--role", "What to run", &kind).choices({"all", "node", "engine"}));
    Command spawn;
    spawn.name = "spawn";
    spawn.summary = "Start an agent";
    spawn.options.push_back(Option("shell", "Which", &shell).choices({"bash", "zsh"}));
    Command release;
    release.name = "release";
    release.options.push_back(Option("--cwd", "Where", &where).value_name("DIR"));
    release.options.push_back(Option("--key", "Key", &key).value_name("@FILE"));
    release.options.push_back(Option("--task", "Task", &key).value_name("TEXT"));
    release.options.push_back(Option("names", "Which", &names).looked_up([this] {
      // What is asked depends on what was typed in front.
      return std::vector<std::string>{"ada" + where, "bob"};
    }));
    Command wrap;
    wrap.name = "wrap";
    wrap.options.push_back(Option("--name", "Name", &key).value_name("NAME"));
    wrap.options.push_back(Option("cli", "The program", &program).rest());
    Command secret;
    secret.name = "sesame";
    secret.hidden = true;
    commands.push_back(std::move(serve));
    commands.push_back(std::move(spawn));
    commands.push_back(std::move(release));
    commands.push_back(std::move(wrap));
    commands.push_back(std::move(secret));
    Command list;
    list.name = "list";
    list.group = "token";
    list.summary = "List tokens";
    Command token;
    token.name = "token";
    token.summary = "The token cache";
    token.commands.push_back(std::move(list));
    commands.push_back(std::move(token));
  }

  std::vector<std::string> at(std::vector<std::string> words) {
    return candidates(words, global, commands);
  }
};

}  // namespace

TEST_CASE("the word being typed is completed by its place") {
  using Lines = std::vector<std::string>;
  SampleTree sample;
  CHECK(sample.at({"s"}) == Lines{"serve\tRun the broker", "spawn\tStart an agent"});
  CHECK(sample.at({"sp"}) == Lines{"spawn\tStart an agent"});
  CHECK(sample.at({"--json", "se"}) == Lines{"serve\tRun the broker"});
  CHECK(sample.at({"serve", "--r"}) == Lines{"--role\tWhat to run"});
  CHECK(sample.at({"serve", "--role", ""}) == Lines{"all\t", "node\t", "engine\t"});
  CHECK(sample.at({"serve", "--role", "e"}) == Lines{"engine\t"});
  CHECK(sample.at({"spawn", ""}) == Lines{"bash\t", "zsh\t"});
  CHECK(sample.at({"spawn", "bash", ""}).empty());
  CHECK(sample.at({"-"}) == Lines{"--json\tPrint JSON", "--help\tShow the help page"});
}

TEST_CASE("the commands of a group are completed behind its name") {
  using Lines = std::vector<std::string>;
  SampleTree sample;
  CHECK(sample.at({"token", ""}) == Lines{"list\tList tokens"});
  CHECK(sample.at({"token", "x", ""}).empty());
  CHECK(sample.at({"token", "list", "--j"}) == Lines{"--json\tPrint JSON"});
}

TEST_CASE("a value may stand in the word of its option") {
  using Lines = std::vector<std::string>;
  CHECK(SampleTree().at({"serve", "--role=e"}) == Lines{"--role=engine\t"});
  CHECK(SampleTree().at({"serve", "--rule=e"}).empty());
  CHECK(SampleTree().at({"serve", "--json=e"}).empty());
  CHECK(SampleTree().at({"release", "--cwd=/t"}) == Lines{":directory"});
}

TEST_CASE("what stands in front is known to what is looked up, and is not offered again") {
  using Lines = std::vector<std::string>;
  CHECK(SampleTree().at({"release", ""}) == Lines{"ada\t", "bob\t"});
  CHECK(SampleTree().at({"release", "--cwd", "7", ""}) == Lines{"ada7\t", "bob\t"});
  CHECK(SampleTree().at({"release", "--cwd=7", "a"}) == Lines{"ada7\t"});
  CHECK(SampleTree().at({"release", "ada", ""}) == Lines{"bob\t"});
  // An option behind "--" is none.
  CHECK(SampleTree().at({"release", "--", "--cwd", "a"}) == Lines{"ada\t"});
}

TEST_CASE("names of files and programs are left to the shell") {
  using Lines = std::vector<std::string>;
  CHECK(SampleTree().at({"release", "--cwd", ""}) == Lines{":directory"});
  CHECK(SampleTree().at({"release", "--key", ""}) == Lines{":@file"});
  CHECK(SampleTree().at({"release", "--task", "te"}).empty());
  CHECK(SampleTree().at({"release", "--task", "@te"}) == Lines{":@file"});
  CHECK(SampleTree().at({"wrap", "--name", "x", "cl"}) == Lines{":command"});
  CHECK(SampleTree().at({"wrap", "--na"}) == Lines{"--name\tName"});
  CHECK(SampleTree().at({"wrap", "--name", "x", "claude", "--mo"}) == Lines{":rest 4"});
  CHECK(SampleTree().at({"--json", "wrap", "claude", ""}) == Lines{":rest 3"});
}

TEST_CASE("nothing is offered for what is unknown or hidden") {
  SampleTree sample;
  CHECK(sample.at({}).empty());
  CHECK(sample.at({"unknown", ""}).empty());
  CHECK(sample.at({"ses"}).empty());
}

}  // namespace relay::cli
