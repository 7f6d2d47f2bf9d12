#include "cli/completion.hpp"

#include <doctest/doctest.h>

namespace relay::cli {
namespace {

struct SampleTree {
  bool json = false;
  std::string kind;
  std::string shell;
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
    Command secret;
    secret.name = "sesame";
    secret.hidden = true;
    commands.push_back(std::move(serve));
    commands.push_back(std::move(spawn));
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

TEST_CASE("nothing is offered for what is unknown or hidden") {
  SampleTree sample;
  CHECK(sample.at({}).empty());
  CHECK(sample.at({"unknown", ""}).empty());
  CHECK(sample.at({"ses"}).empty());
}

}  // namespace relay::cli
