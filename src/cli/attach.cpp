#include "cli/attach.hpp"

#include "cli/attach_keys.hpp"
#include "cli/attach_run.hpp"
#include "cli/broker_client.hpp"
#include "cli/run_loop.hpp"
#include <fmt/format.h>
#include <memory>
#include <unistd.h>
#include <utility>

#include "os/terminal.hpp"

namespace relay::cli {
namespace {

struct AttachWords {
  BrokerOptions broker;
  std::string agent;
  bool view = false;
  bool drive = false;
  std::string detach_key;
};

Error no_terminal(std::string what, const AttachWords& words) {
  return {Code::invalid_argument, std::move(what),
          fmt::format("relay-broker snapshot {} prints what its terminal shows", words.agent)};
}

Result<AttachOptions> check(const Context& context, const AttachWords& words) {
  if (context.json) {
    return fail(no_terminal("attach shows a terminal, and has no JSON to print", words));
  }
  if (words.view && words.drive) {
    return fail(Code::invalid_argument, "--view and --drive exclude each other",
                "give one of them");
  }
  const bool keys = os::is_terminal(STDIN_FILENO);
  if (!os::is_terminal(STDOUT_FILENO)) {
    return fail(no_terminal("attach needs a terminal as its standard output", words));
  }
  if (words.drive && !keys) {
    return fail(Code::invalid_argument, "--drive needs a terminal as its standard input",
                "--view only shows it");
  }
  auto detach = detach_keys(words.detach_key.empty() ? kUsualDetachKey : words.detach_key);
  if (!detach) return fail(std::move(detach).error());
  AttachOptions options(words.agent, *std::move(detach));
  options.key_name = words.detach_key.empty() ? kUsualDetachKey : words.detach_key;
  options.drive = keys && !words.view;
  return options;
}

Result<void> run(Context& context, const AttachWords& words) {
  auto options = check(context, words);
  if (!options) return fail(std::move(options).error());
  auto instance = find_broker(words.broker);
  if (!instance) return fail(std::move(instance).error());
  // Signals are not the end of it before the terminal is put right.
  return serve_loop([&](asio::any_io_executor executor, Progress*) {
    return run_attached(&context, std::move(executor), *instance, *options);
  });
}

}  // namespace

Command attach_command() {
  auto words = std::make_shared<AttachWords>();
  Command command;
  command.name = "attach";
  command.summary = "Show an agent's terminal in this one, and type into it";
  command.examples = {"relay-broker attach ada",
                      "relay-broker attach ada --view --detach-key ctrl-p,ctrl-q"};
  command.options.push_back(Option("--view", "Only show it, type nothing", &words->view));
  command.options.push_back(
      Option("--drive", "Type into it and set its size (usual in a terminal)", &words->drive));
  command.options.push_back(
      Option("--detach-key", "What leaves it: ctrl-\\ if not given", &words->detach_key)
          .setting()
          .value_name("KEY"));
  add_broker_options(command, words->broker);
  command.options.push_back(Option("agent", "Whose terminal", &words->agent)
                                .value_name("AGENT")
                                .looked_up(live_agent_names(words->broker))
                                .required());
  command.run = [words](Context& context) { return run(context, *words); };
  command.state = words;
  return command;
}

}  // namespace relay::cli
