#include "cli/keeper.hpp"

#include "cli/output.hpp"
#include <fmt/format.h>
#include <memory>
#include <string>

#include "base/duration.hpp"
#include "pty/keeper/run.hpp"

namespace relay::cli {
namespace {

struct KeeperOptions {
  std::string directory;
  std::string socket;
  std::string orphan_grace;
};

Result<void> run(const KeeperOptions& options) {
  pty::keeper::Place place{options.directory, options.socket};
  if (place.socket.empty()) place.socket = place.directory / "keeper.sock";
  if (!place.directory.is_absolute() || !place.socket.is_absolute()) {
    return fail(Code::invalid_argument, "the keeper's directory and socket have to be absolute");
  }
  Duration grace = pty::keeper::kUsualOrphanGrace;
  if (!options.orphan_grace.empty()) {
    const auto given = parse_duration(options.orphan_grace);
    if (!given) return fail(given.error());
    grace = *given;
  }
  return pty::keeper::start_in_background(place, grace);
}

/// For the broker that starts us: three lines, as few words as a pipe can hold.
void tell(Output& out, const Error& error) {
  out.line(name_of(error.code));
  out.line(error.message);
  out.line(error.hint);
  (void)out.flush();
}

}  // namespace

Command keeper_command() {
  auto options = std::make_shared<KeeperOptions>();
  Command command;
  command.name = "keeper";
  command.hidden = true;
  command.summary = "Start the parent of an instance's sessions in the background";
  command.examples = {"relay-broker keeper --directory /run/user/1000/relay-broker/app-12345678",
                      "relay-broker keeper --directory /run/x --orphan-grace 10m"};
  command.options.push_back(
      Option("--directory", "Runtime directory of the instance", &options->directory)
          .value_name("DIR")
          .required());
  command.options.push_back(
      Option("--socket", "Where it listens", &options->socket).value_name("PATH"));
  command.options.push_back(
      Option("--orphan-grace", "How long agents live without a broker", &options->orphan_grace)
          .value_name("DURATION"));
  command.run = [options](Context& context) {
    auto started = run(*options);
    if (!started) tell(context.out, started.error());
    return started;
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
