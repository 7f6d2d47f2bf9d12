// What a configuration file says, and when it counts.
#include "cli/config.hpp"

#include <doctest/doctest.h>

namespace relay::cli {
namespace {

/// Commands of the test's own: `serve`, and `token mint` in a group.
struct Configured {
  std::string engine;
  std::string key;
  std::string most;
  std::string role;
  std::string task;
  std::vector<std::string> channels;
  bool own = false;
  std::string store;
  std::string other_engine;
  std::vector<Command> commands;
  os::Environment environment;

  Configured() {
    Command serve;
    serve.name = "serve";
    serve.options.push_back(Option("--engine", "", &engine).setting({"THE_ENGINE", "OLD_ENGINE"}));
    serve.options.push_back(Option("-k,--workspace-key", "", &key).setting({"THE_KEY"}));
    serve.options.push_back(Option("--max-agents", "", &most).setting());
    serve.options.push_back(Option("--role", "", &role).setting().choices({"all", "node"}));
    serve.options.push_back(Option("--channel", "", &channels)
                                .setting()
                                .checked([](const std::string& value) -> Result<void> {
                                  if (value != "bad") return {};
                                  return fail(Code::invalid_argument, "not bad");
                                }));
    serve.options.push_back(Option("--own-engine", "", &own).setting());
    serve.options.push_back(Option("--store", "", &store).setting());
    serve.options.push_back(Option("--task", "", &task));
    Command mint;
    mint.name = "mint";
    mint.group = "token";
    mint.options.push_back(Option("--engine", "", &other_engine).setting());
    Command token;
    token.name = "token";
    token.commands.push_back(std::move(mint));
    commands.push_back(std::move(serve));
    commands.push_back(std::move(token));
  }
  /// Empty when it went well, else the error.
  std::string apply(const std::string& text, const Command& chosen) {
    ConfigFile file;
    file.path = "/etc/x.toml";
    file.text = text;
    const auto done = apply_config(file, environment, commands, &chosen);
    return done ? "" : done.error().message + " | " + done.error().hint;
  }
  std::string apply(const std::string& text) { return apply(text, commands.front()); }
};

}  // namespace

TEST_CASE("a setting of a command counts before one for all; what was typed counts first") {
  Configured world;
  const std::string text = R"(engine = "https://a.example"
max-agents = 3

[serve]
engine = "https://b.example"
channel = ["x", "y"]
own-engine = true
role = "node"
)";
  world.most = "7";
  CHECK(world.apply(text).empty());
  CHECK(world.engine == "https://b.example");
  CHECK(world.most == "7");
  CHECK(world.channels == std::vector<std::string>{"x", "y"});
  CHECK(world.own);
  CHECK(world.role == "node");
  CHECK(world.other_engine.empty());
  CHECK(world.apply(text, world.commands[1].commands[0]).empty());
  CHECK(world.other_engine == "https://a.example");
}

TEST_CASE("a number may stand for a text, one text for a list") {
  Configured world;
  CHECK(world.apply("[serve]\nmax-agents = 12\nchannel = \"z\"\n").empty());
  CHECK(world.most == "12");
  CHECK(world.channels == std::vector<std::string>{"z"});
}

TEST_CASE("the environment counts before the file") {
  Configured world;
  world.environment.set("OLD_ENGINE", "https://env.example");
  CHECK(world.apply("engine = \"https://a.example\"\nmax-agents = 2\n").empty());
  CHECK(world.engine.empty());
  CHECK(world.most == "2");
}

TEST_CASE("the file's workspace key goes to no engine but the file's") {
  const std::string text = "engine = \"https://a.example\"\nworkspace-key = \"@/k\"\n";
  Configured world;
  CHECK(world.apply(text).empty());
  CHECK(world.key == "@/k");
  Configured typed;
  typed.engine = "https://b.example";
  CHECK(typed.apply(text).empty());
  CHECK(typed.key.empty());
  Configured own;
  own.own = true;
  CHECK(own.apply(text).empty());
  CHECK(own.engine.empty());
  CHECK(own.key.empty());
  Configured stored;
  stored.store = "sqlite:/x.db";
  CHECK(stored.apply(text).empty());
  CHECK(stored.engine.empty());
  CHECK(stored.key.empty());
  Configured variable;
  variable.environment.set("THE_ENGINE", "https://c.example");
  CHECK(variable.apply(text).empty());
  CHECK(variable.key.empty());
}

TEST_CASE("what is typed is not held against the file") {
  Configured without;
  without.role = "engine";
  CHECK(without.apply("engine = \"https://a.example\"\nworkspace-key = \"@/k\"\n").empty());
  CHECK(without.engine.empty());
  CHECK(without.key.empty());
  Configured other;
  other.engine = "https://b.example";
  CHECK(other.apply("[serve]\nown-engine = true\nstore = \"sqlite:/x.db\"\n").empty());
  CHECK_FALSE(other.own);
  CHECK(other.store.empty());
  Configured own;
  own.own = true;
  CHECK(own.apply("[serve]\nstore = \"sqlite:/x.db\"\n").empty());
  CHECK(own.store.empty());
  for (const char* role : {"node", "engine"}) {
    Configured in_role;
    in_role.role = role;
    CHECK(in_role.apply("[serve]\nstore = \"sqlite:/x.db\"\n").empty());
    // It is the engine's.
    CHECK(in_role.store.empty() == (std::string_view(role) == "node"));
  }
}

TEST_CASE("inside an agent the file does not say at which broker it speaks") {
  std::string instance;
  std::vector<Command> commands(2);
  commands[0].name = "send";
  commands[0].options.push_back(
      Option("--instance", "", &instance).setting({"RELAY_AGENT_BROKER"}));
  commands[1].name = "status";
  commands[1].options.push_back(Option("--instance", "", &instance).setting());
  ConfigFile file;
  file.text = "instance = \"shop\"\n";
  os::Environment environment;
  environment.set("RELAY_AGENT_BROKER", "app");
  REQUIRE(apply_config(file, environment, commands, commands.data()));
  CHECK(instance.empty());
  REQUIRE(apply_config(file, environment, commands, &commands[1]));
  CHECK(instance == "shop");
}

TEST_CASE("what is wrong is told with its line, whatever command was given") {
  struct Case {
    const char* text;
    const char* error;
  };
  for (const Case& each : {
           Case{"\nengin = \"x\"\n",
                "/etc/x.toml:2: there is no setting \"engin\" | did you mean \"engine\"?"},
           Case{"[serve]\n\nmax_agents = 1\n",
                "/etc/x.toml:3: there is no setting \"max_agents\" of serve | "
                "did you mean \"max-agents\"?"},
           Case{"[serv]\nengine = \"x\"\n",
                "/etc/x.toml:2: there is no command \"serv\" | did you mean \"serve\"?"},
           Case{"[serve]\ntask = \"x\"\n",
                "/etc/x.toml:2: \"task\" may not stand here | "
                "it is for the command line: relay-broker serve --task"},
           Case{"task = \"x\"\n",
                "/etc/x.toml:1: \"task\" may not stand here | "
                "it is for the command line: relay-broker serve --task"},
           Case{"[serve]\nchannel = [\"good\", \"bad\"]\n", "/etc/x.toml:2: channel: not bad | "},
           Case{"[serve]\nown-engine = \"yes\"\n",
                "/etc/x.toml:2: own-engine has to be true or false | "},
           Case{"[serve]\nmax-agents = true\n",
                "/etc/x.toml:2: max-agents has to be a text or a number | "},
           Case{"[serve]\nengine = [\"a\"]\n",
                "/etc/x.toml:2: engine takes one value, not a list | "},
           Case{"[serve]\nrole = \"boss\"\n",
                "/etc/x.toml:2: role has to be one of all, node, not \"boss\" | "},
           Case{"workspace-key = \"rk_live_1\"\n",
                "/etc/x.toml:1: workspace-key has to name the file that holds it | "
                "workspace-key = \"@/path/of/a/file\""},
           Case{"max-agents = 1.5\n",
                "/etc/x.toml:1: max-agents has to be a text, a whole number, true or false, or a "
                "list of texts | "},
       }) {
    Configured world;
    CHECK(world.apply(each.text) == each.error);
    CHECK(world.apply(each.text, world.commands[1].commands[0]) == each.error);
  }
  Configured world;
  CHECK(world.apply("a = \n").starts_with("/etc/x.toml:1: "));
  CHECK(world.apply("[token.mint]\nengine = \"x\"\n").empty());
}

}  // namespace relay::cli
