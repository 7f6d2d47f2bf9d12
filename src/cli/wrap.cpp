#include "cli/wrap.hpp"

#include "cli/wrap_run.hpp"
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "os/paths.hpp"

namespace relay::cli {
namespace {

/// What `env`, `timeout` and shells report when they failed before the program ran.
constexpr int kNotStarted = 125;

Result<void> check(const WrapOptions& options) {
  if (!options.name.empty()) {
    auto named = os::check_instance_name(options.name);
    if (!named) return named;
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

Result<void> run(Context& context, const WrapOptions& options) {
  if (auto good = check(options); !good) return good;
  context.status = kNotStarted;
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
  auto options = std::make_shared<WrapOptions>();
  Command command;
  command.name = "wrap";
  command.summary = "Run a program in this terminal, everything passed through";
  command.examples = {"relay-broker wrap claude --model opus",
                      "relay-broker wrap --name reviewer --no-inject codex"};
  command.options.push_back(Option("--name",
                                   "The agent's name, which the program finds in RELAY_AGENT_NAME",
                                   &options->name)
                                .value_name("NAME"));
  command.options.push_back(
      Option("--profile", "Treat the program as this one (built-in, or yours)", &options->profile)
          .value_name("PROFILE"));
  command.options.push_back(Option("--no-inject", "Type no messages into it", &options->no_inject));
  command.options.push_back(Option("--control", "Take messages from this socket", &options->control)
                                .value_name("PATH")
                                .hidden());
  command.options.push_back(
      Option("cli", "The program and its arguments, passed on as they are", &options->argv)
          .required()
          .rest());
  command.run = [options](Context& context) { return run(context, *options); };
  command.state = options;
  return command;
}

}  // namespace relay::cli
