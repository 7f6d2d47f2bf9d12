#include "cli/wrap.hpp"

#include "cli/agent_names.hpp"
#include "cli/autostart.hpp"
#include "cli/standard_input.hpp"
#include "cli/wrap_run.hpp"
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "os/paths.hpp"
#include "os/processes.hpp"
#include "os/terminal.hpp"

namespace relay::cli {
namespace {

/// What `env`, `timeout` and shells report when they failed before the program ran.
constexpr int kNotStarted = 125;

/// The command line.
struct WrapWish {
  WrapOptions options;
  std::string instance;
  bool no_autostart = false;
};

Result<void> check(const WrapOptions& options) {
  if (!options.name.empty()) {
    const auto named = os::check_instance_name(options.name);
    if (!named) {
      return fail(Code::invalid_argument, "an agent cannot have this name", named.error().hint);
    }
  }
  if (options.no_inject && !options.control.empty()) {
    return fail(Code::invalid_argument, "--no-inject and --control exclude each other",
                "give one of them");
  }
  return {};
}

/// Signals belong to the program here, so this is not `run_loop`.
Result<int> run_to_end(const WrapOptions& options) {
  asio::io_context io(1);
  std::optional<Result<int>> outcome;
  std::exception_ptr broken;
  auto ended = [&](std::exception_ptr thrown, Result<int> result) {
    broken = std::move(thrown);
    outcome.emplace(std::move(result));
  };
  auto work = run_wrapped(io.get_executor(), options, os::Environment::of_process());
  asio::co_spawn(io, std::move(work), std::move(ended));
  io.run();
  if (broken) std::rethrow_exception(broken);
  return *std::move(outcome);
}

/// Where it is reached: by the broker of this directory. What is typed into a pipe or a file would
/// not reach the program.
Result<void> find_its_broker(const WrapWish& wish, WrapOptions& options) {
  if (options.no_inject || !options.control.empty() || !os::is_terminal(STDIN_FILENO)) return {};
  auto broker = find_or_start_broker(wish.instance, !wish.no_autostart);
  if (!broker) return fail(std::move(broker).error());
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  const auto paths = os::user_paths(*around);
  if (!paths) return fail(paths.error());
  options.control =
      os::socket_path(*paths, broker->runtime, "wrap-" + std::to_string(::getpid()) + ".sock");
  options.broker = *std::move(broker);
  return {};
}

/// Before anybody is told of it, or a broker started.
Result<void> find_its_program(const std::string& name) {
  std::error_code none;
  const auto path = os::Environment::of_process().get("PATH");
  const auto program = os::find_program(name, path.value_or(std::string(os::kUsualPath)),
                                        std::filesystem::current_path(none));
  if (program) return {};
  return fail(program.error());
}

Result<void> run(Context& context, const WrapWish& wish) {
  WrapOptions options = wish.options;
  context.status = kNotStarted;
  if (auto good = check(options); !good) return good;
  if (options.task == "-") {
    return fail(Code::invalid_argument, "--task - reads standard input, which is the program's own",
                "--task TEXT, or --task @FILE");
  }
  auto task = read_task(options.task);
  if (!task) return fail(std::move(task).error());
  options.task = *std::move(task);
  if (auto there = find_its_program(options.argv.front()); !there) {
    context.status = exit_status_of(there.error().code);
    return there;
  }
  if (auto found = find_its_broker(wish, options); !found) return found;
  const auto status = run_to_end(options);
  if (status) {
    context.status = *status;
    return {};
  }
  const Code code = status.error().code;
  if (code == Code::cli_not_found || code == Code::cli_not_executable) {
    context.status = exit_status_of(code);
  }
  return fail(status.error());
}

}  // namespace

Command wrap_command() {
  auto wish = std::make_shared<WrapWish>();
  WrapOptions* options = &wish->options;
  Command command;
  command.name = "wrap";
  command.summary = "Run a program in this terminal as an agent that messages reach";
  command.examples = {"relay-broker wrap claude --model opus",
                      "relay-broker wrap --name reviewer --no-inject codex"};
  command.options.push_back(Option("--name",
                                   "The agent's name, which the program finds in RELAY_AGENT_NAME",
                                   &options->name)
                                .value_name("NAME"));
  command.options.push_back(
      Option("--profile", "Treat the program as this one (built-in, or yours)", &options->profile)
          .value_name("PROFILE")
          .looked_up(profile_names));
  command.options.push_back(
      Option("--task", "Its first message: text or @file", &options->task).value_name("TEXT"));
  command.options.push_back(Option("--channel", "A channel that it is in", &options->channels)
                                .setting()
                                .value_name("NAME")
                                .checked(check_channel_name));
  command.options.push_back(
      Option("--instance", "Which broker, if not that of this directory", &wish->instance)
          .value_name("NAME")
          .setting({"RELAY_BROKER_INSTANCE"}));
  command.options.push_back(
      Option("--no-autostart", "Start no broker when there is none", &wish->no_autostart)
          .setting());
  command.options.push_back(
      Option("--no-inject", "Type no messages into it, use no broker", &options->no_inject));
  command.options.push_back(
      Option("-q,--quiet", "Say nothing before and after the program", &options->quiet));
  command.options.push_back(Option("--control", "Take messages from this socket", &options->control)
                                .value_name("PATH")
                                .hidden());
  command.options.push_back(
      Option("cli",
             "The program and its arguments, as they are. Where standard input is a pipe or a "
             "file, it reads that and no messages",
             &options->argv)
          .required()
          .rest());
  command.run = [wish](Context& context) { return run(context, *wish); };
  command.state = wish;
  return command;
}

}  // namespace relay::cli
