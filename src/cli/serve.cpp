#include "cli/serve.hpp"

#include "cli/agent_shell.hpp"
#include "cli/node_setup.hpp"
#include "cli/serve_background.hpp"
#include "cli/serve_connection.hpp"
#include "cli/serve_note.hpp"
#include "cli/serve_run.hpp"
#include <fmt/format.h>
#include <memory>
#include <utility>

#include "base/printable.hpp"

namespace relay::cli {

namespace {

/// What an agent has started ends with it.
Result<void> check_surroundings(const ServeOptions& options) {
  const std::string agent = agent_around();
  if (agent.empty()) return {};
  if (options.takeover) {
    return fail(
        Code::conflict,
        fmt::format("this is a shell of the agent {}: a broker that is started here, and "
                    "all of its agents, end with it",
                    printable(agent)),
        "type it in a terminal that is no agent's; where this is none, unset RELAY_AGENT_NAME");
  }
  note(fmt::format("warning: this broker ends with the agent {}, in whose shell it is started",
                   printable(agent)));
  return {};
}

}  // namespace

Command serve_command() {
  auto options = std::make_shared<ServeOptions>();
  Command command;
  command.name = "serve";
  command.summary = "Run the broker of this directory, and an engine if none is named";
  command.examples = {"relay-broker serve",
                      "relay-broker serve --engine https://cast.agentrelay.com"};
  add_engine_options(command, options->engine);
  const auto add = [&command](Option option) { command.options.push_back(std::move(option)); };
  add(Option("--relay", "Whether to join an engine", &options->relay)
          .setting()
          .choices({"on", "off"}));
  add(Option("--role", "What to run here", &options->role)
          .setting()
          .choices({"all", "node", "engine"}));
  add(Option("--own-engine", "An engine for this instance alone", &options->own_engine)
          .setting()
          .rare());
  add(Option("--engine-listen", "Where the engine listens", &options->engine_listen)
          .setting()
          .value_name("HOST:PORT")
          .rare());
  add(Option("--store", "Where the engine keeps what it knows", &options->store)
          .setting()
          .value_name("sqlite:PATH")
          .rare());
  add(Option("--name", "What the node is called", &options->name).setting().value_name("NODE"));
  add(Option("--instance", "Name of the instance", &options->instance)
          .value_name("NAME")
          .setting({"RELAY_BROKER_INSTANCE"}));
  add(Option("--listen", "Where the API listens", &options->listen)
          .setting()
          .value_name("HOST:PORT")
          .checked(check_listen));
  add(Option("--state-dir", "Where the journal is", &options->state_dir)
          .setting()
          .value_name("DIR"));
  add(Option("--max-agents", "Most agents at a time", &options->max_agents)
          .setting({"AGENT_RELAY_NODE_MAX_AGENTS"})
          .value_name("N"));
  add(Option("--harness", "What the engine may spawn", &options->harness)
          .setting({"AGENT_RELAY_NODE_HARNESSES"})
          .value_name("CLI,…"));
  add(Option("--orphan-grace", "How long agents live without a broker", &options->orphan_grace)
          .setting()
          .duration()
          .rare());
  add(Option("--takeover", "Replace a running broker, keep its agents", &options->takeover));
  add(Option("--background", "Return when it is ready, and go on", &options->background));
  add(Option("--print-connection", "Print where the running one is", &options->print_connection)
          .rare());
  add(Option("--node-id", "Id of a node that was made for us", &options->node_id)
          .value_name("ID")
          .hidden());
  add(Option("--node-token", "Its token: @file or -", &options->node_token)
          .value_name("@FILE")
          .hidden());
  command.run = [options](Context& context) {
    if (options->print_connection) return print_connection(context, options->instance);
    if (auto fine = check_serve(*options); !fine) return fine;
    if (auto fine = check_surroundings(*options); !fine) return fine;
    if (auto fine = check_instance_directory(*options); !fine) return fine;
    if (options->background) return run_in_background(context, *options);
    return run_serve(context, *options, nullptr);
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
