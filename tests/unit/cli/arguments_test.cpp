#include "cli/arguments.hpp"

#include <doctest/doctest.h>

namespace relay::cli {
namespace {

/// A command line interface of its own, so that the tests do not change with the product's
/// commands.
struct Sample {
  bool json = false;
  bool all = false;
  std::string reason;
  std::string shell;
  std::vector<std::string> names;
  std::vector<Option> global;
  std::vector<Command> commands;

  Sample() {
    global.emplace_back("--json", "Print JSON", &json);
    Command release;
    release.name = "release";
    release.summary = "End agents";
    release.options.emplace_back("-r,--reason", "Why", &reason);
    release.options.emplace_back("--all", "Every agent", &all);
    release.options.emplace_back("agent", "Which", &names);
    Command completion;
    completion.name = "completion";
    completion.summary = "Print the script";
    completion.options.push_back(
        Option("shell", "Which shell", &shell).choices({"bash", "zsh", "fish"}).required());
    Command list;
    list.name = "list";
    list.group = "token";
    list.summary = "List tokens";
    list.options.emplace_back("--reveal", "Show them", &all);
    Command show;
    show.name = "show";
    show.group = "token";
    show.summary = "Show one";
    show.options.emplace_back("node", "Which", &reason);
    Command token;
    token.name = "token";
    token.summary = "The token cache";
    token.commands.push_back(std::move(list));
    token.commands.push_back(std::move(show));
    Command inbox;
    inbox.name = "inbox";
    inbox.summary = "Show what waits";
    inbox.options.push_back(Option("--as,--agent", "Whose", &reason).value_name("AGENT"));
    Command send;
    send.name = "send";
    send.summary = "Say something";
    send.options.push_back(Option("text", "What", &reason).value_name("TEXT").required());
    commands.push_back(std::move(inbox));
    commands.push_back(std::move(send));
    commands.push_back(std::move(token));
    commands.push_back(std::move(release));
    commands.push_back(std::move(completion));
  }

  Result<Parsed> parse(std::vector<std::string> words) {
    return cli::parse(words, global, commands);
  }
};

}  // namespace

TEST_CASE("options reach their targets, global ones before or behind the command") {
  Sample before;
  auto parsed = before.parse({"--json", "release", "alice", "bob", "--reason", "done", "--all"});
  REQUIRE(parsed.has_value());
  CHECK(parsed->command->name == "release");
  CHECK(before.json);
  CHECK(before.all);
  CHECK(before.reason == "done");
  CHECK(before.names == std::vector<std::string>{"alice", "bob"});

  Sample behind;
  parsed = behind.parse({"release", "alice", "--json", "--reason=over"});
  REQUIRE(parsed.has_value());
  CHECK(behind.json);
  CHECK(behind.reason == "over");
}

TEST_CASE("what stands behind -- is no option") {
  Sample sample;
  const auto parsed = sample.parse({"release", "--", "--all"});
  REQUIRE(parsed.has_value());
  CHECK_FALSE(sample.all);
  CHECK(sample.names == std::vector<std::string>{"--all"});
}

TEST_CASE("a typo is answered with the near name") {
  const struct {
    std::vector<std::string> words;
    const char* message;
    const char* hint;
  } rows[] = {
      {{"relase", "alice"}, "unknown command relase", "did you mean release?"},
      {{"json"}, "unknown command json", "did you mean --json?"},
      {{"--jsno"}, "unknown option --jsno", "did you mean --json?"},
      {{"release", "--resaon", "x"}, "unknown option --resaon", "did you mean --reason?"},
      {{"completion", "bash", "more"},
       "unknown argument more",
       "relay-broker completion [options] <shell>; --help tells more"},
      {{"send", "two", "words"}, "unknown argument words", "a text with blanks stands in quotes"},
      {{"inbox", "bob"}, "unknown argument bob", "did you mean --agent bob? relay-broker inbox"},
      // An option of the command, which has not been named yet.
      {{"--reason", "x", "release", "alice"},
       "--reason stands in front of its command",
       "behind it: relay-broker release --reason"},
      {{"--all"}, "--all is given without a command", "it stands behind one: relay-broker COMMAND"},
      {{"token", "--reveal"},
       "--reveal is given without a command",
       "it stands behind one: relay-broker token COMMAND --reveal"},
      // What others call it.
      {{"kill", "alice"}, "unknown command kill", "did you mean release?"},
      {{"-V"}, "unknown option -V", "did you mean --version?"},
      {{"zzzzzz"}, "unknown command zzzzzz", "relay-broker --help lists"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.message);
    Sample sample;
    const auto parsed = sample.parse(row.words);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == Code::invalid_argument);
    CHECK(parsed.error().message == row.message);
    CHECK(parsed.error().hint.find(row.hint) != std::string::npos);
  }
}

TEST_CASE("a missing or a wrong value is bad usage of that command") {
  Sample missing;
  const auto none = missing.parse({"completion"});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().message == "<shell> is missing");
  CHECK(none.error().hint == "relay-broker completion [options] <shell>; --help tells more");

  Sample wrong;
  const auto tcsh = wrong.parse({"completion", "tcsh"});
  REQUIRE_FALSE(tcsh.has_value());
  CHECK(tcsh.error().message.find("tcsh") != std::string::npos);
  CHECK(tcsh.error().message.find("zsh") != std::string::npos);

  Sample valueless;
  CHECK_FALSE(valueless.parse({"release", "--reason"}).has_value());
}

TEST_CASE("an option without its value is called as it was typed") {
  for (const char* name : {"--agent", "--as"}) {
    Sample sample;
    const auto parsed = sample.parse({"inbox", name});
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().message == std::string(name) + " needs a value");
  }
}

TEST_CASE("an empty value is a variable that was not set, not a wish for the default") {
  Sample option;
  const auto empty = option.parse({"release", "--reason", ""});
  REQUIRE_FALSE(empty.has_value());
  CHECK(empty.error().message == "--reason is given an empty value");
  Sample joined;
  const auto none = joined.parse({"release", "--reason="});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().message == "--reason needs a value");
  Sample argument;
  const auto parsed = argument.parse({"token", "show", ""});
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().message.find("is empty") != std::string::npos);
}

TEST_CASE("help wins over what is missing or too much") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"completion", "--help"},
                                                {"completion", "-h"},
                                                {"--help", "completion"}}) {
    Sample sample;
    const auto parsed = sample.parse(words);
    REQUIRE(parsed.has_value());
    CHECK(parsed->help);
    REQUIRE(parsed->command);
    CHECK(parsed->command->name == "completion");
  }
  Sample sample;
  const auto parsed = sample.parse({"--help"});
  REQUIRE(parsed.has_value());
  CHECK(parsed->help);
  CHECK(parsed->command == nullptr);
}

TEST_CASE("a group has commands with options of their own") {
  Sample sample;
  auto parsed = sample.parse({"token", "list", "--reveal", "--json"});
  REQUIRE(parsed.has_value());
  CHECK(parsed->command->full_name() == "token list");
  CHECK(sample.all);
  CHECK(sample.json);

  Sample named;
  parsed = named.parse({"token", "show", "completion"});
  REQUIRE(parsed.has_value());
  CHECK(parsed->command->full_name() == "token show");
  CHECK(named.reason == "completion");

  Sample alone;
  parsed = alone.parse({"token"});
  REQUIRE(parsed.has_value());
  CHECK(parsed->command->is_group());
}

TEST_CASE("a mistake in a group is answered with what the group has") {
  Sample sample;
  const auto command = sample.parse({"token", "lst"});
  REQUIRE_FALSE(command);
  CHECK(command.error().message == "unknown command lst");
  CHECK(command.error().hint == "did you mean list? relay-broker token --help lists what there is");
  const auto option = sample.parse({"token", "list", "--revel"});
  REQUIRE_FALSE(option);
  CHECK(option.error().hint ==
        "did you mean --reveal? relay-broker token list --help lists what there is");
}

}  // namespace relay::cli
