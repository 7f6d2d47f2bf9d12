#include "cli/app.hpp"

#include "cli/arguments.hpp"
#include "cli/attach.hpp"
#include "cli/command.hpp"
#include "cli/completion.hpp"
#include "cli/config.hpp"
#include "cli/dead_letters.hpp"
#include "cli/doctor.hpp"
#include "cli/enroll.hpp"
#include "cli/error_report.hpp"
#include "cli/help.hpp"
#include "cli/inbox.hpp"
#include "cli/keeper.hpp"
#include "cli/manual.hpp"
#include "cli/mcp.hpp"
#include "cli/output.hpp"
#include "cli/peer_init.hpp"
#include "cli/peer_mcp_args.hpp"
#include "cli/release.hpp"
#include "cli/send.hpp"
#include "cli/serve.hpp"
#include "cli/snapshot.hpp"
#include "cli/spawn.hpp"
#include "cli/status.hpp"
#include "cli/stop.hpp"
#include "cli/token.hpp"
#include "cli/version.hpp"
#include "cli/wrap.hpp"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include "os/posix_files.hpp"
#include "os/processes.hpp"
#include "os/system_random.hpp"

namespace relay::cli {
namespace {

/// What a shell reports for a program ended by SIGPIPE: the reader of our output has gone.
constexpr int kReaderGone = 128 + SIGPIPE;
constexpr std::string_view kCompleteWord = "__complete";

struct Globals {
  bool json = false;
  bool version = false;
  std::string config;
};

std::vector<Option> global_options(Globals& globals) {
  std::vector<Option> options;
  options.emplace_back("--json", "Print JSON, failures too", &globals.json);
  options.emplace_back("--version", "Show the version", &globals.version);
  options.push_back(
      Option("--config", "The configuration file", &globals.config).value_name("FILE").rare());
  return options;
}

std::vector<Command> all_commands() {
  std::vector<Command> commands;
  commands.push_back(serve_command());
  commands.push_back(wrap_command());
  commands.push_back(enroll_command());
  commands.push_back(spawn_command());
  commands.push_back(release_command());
  commands.push_back(send_command());
  commands.push_back(inbox_command());
  commands.push_back(token_command());
  commands.push_back(status_command());
  commands.push_back(stop_command());
  commands.push_back(attach_command());
  commands.push_back(snapshot_command());
  commands.push_back(mcp_command());
  commands.push_back(dead_letters_command());
  commands.push_back(doctor_command());
  commands.push_back(completion_command());
  commands.push_back(keeper_command());
  commands.push_back(peer_init_command());
  commands.push_back(peer_mcp_args_command());
  return commands;
}

/// `--json` must work for a command line that does not parse, too.
bool asks_for_json(const std::vector<std::string>& words) {
  for (const auto& word : words) {
    if (word == "--") return false;
    if (word == "--json") return true;
  }
  return false;
}

Result<void> configure(const std::string& named, const std::vector<Command>& commands,
                       const Command& chosen) {
  if (chosen.hidden) return {};
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  const auto paths = os::user_paths(*around);
  if (!paths) return fail(paths.error());
  // For the brokers that we start.
  if (!named.empty()) ::setenv(kConfigVariable, std::filesystem::absolute(named).c_str(), 1);
  os::SystemRandom random;
  os::PosixFiles files(random);
  const auto file = read_config(files, around->environment, *paths, named);
  if (!file) return fail(file.error());
  return apply_config(*file, around->environment, commands, &chosen);
}

/// For a command that is being typed: its settings, as far as they can be read, and of those that
/// the environment says the first.
void prepare_look(const std::string& named, const std::vector<Command>& commands,
                  const Command& typed) {
  (void)configure(named, commands, typed);
  const os::Environment environment = os::Environment::of_process();
  for (const Option& option : typed.options) {
    auto* const* into = std::get_if<std::string*>(&option.target());
    if (into == nullptr || !(*into)->empty()) continue;
    for (const std::string& variable : option.variables()) {
      if ((*into)->empty()) **into = environment.get(variable).value_or("");
    }
  }
}

/// What the exit status depends on besides the result.
struct Ending {
  int by_signal = 0;
  std::optional<int> status;
  std::string deed;
};

/// Nobody is told to try it again: that would do it twice.
Error untold(const std::string& deed, const Error& why) {
  return {Code::io_error, deed + ", but this could not be written: " + why.cause(),
          "it does not have to be asked for again"};
}

Result<void> obey(const std::vector<std::string>& words, Output& out, Ending& ending) {
  Globals globals;
  const auto global = global_options(globals);
  auto commands = all_commands();
  commands.push_back(help_command(global, commands));
  commands.push_back(manual_command(global, commands));
  if (!words.empty() && words.front() == kCompleteWord) {
    const std::size_t skip = words.size() > 1 && words[1] == "--" ? 2 : 1;
    const auto typed = std::span(words).subspan(skip);
    const auto prepare = [&](const Command& command) {
      prepare_look(globals.config, commands, command);
    };
    for (const auto& candidate : candidates(typed, global, commands, prepare)) out.line(candidate);
    return {};
  }
  const auto parsed = parse(words, global, commands);
  if (!parsed) return fail(parsed.error());
  if (parsed->help) {
    out.write(parsed->command ? command_page(*parsed->command, global)
                              : main_page(global, commands));
    return {};
  }
  if (globals.version) {
    out.line(globals.json ? version_json() : version_line());
    return {};
  }
  if (!parsed->command) {
    return fail(Code::invalid_argument, "no command given",
                "relay-broker --help lists the commands");
  }
  if (parsed->command->is_group()) {
    const auto name = parsed->command->full_name();
    return fail(Code::invalid_argument, name + " needs a command",
                "relay-broker " + name + " --help lists them");
  }
  Context context{out, globals.json};
  auto configured = configure(globals.config, commands, *parsed->command);
  if (!configured && !parsed->command->bears_bad_config) return configured;
  if (!configured) context.config_error = std::move(configured).error();
  auto done = parsed->command->run(context);
  ending.by_signal = context.ended_by;
  ending.status = context.status;
  ending.deed = std::move(context.deed);
  return done;
}

}  // namespace

int run(int argc, char** argv) {
  os::hold_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  Output out(STDOUT_FILENO);
  Ending ending;
  try {
    auto done = obey(words, out, ending);
    if (done) {
      done = out.flush();
      if (done) return ending.status.value_or(0);
      if (!ending.deed.empty()) done = fail(untold(ending.deed, done.error()));
    }
    if (out.reader_gone()) return kReaderGone;
    const int status = report(done.error(), asks_for_json(words), out);
    if (ending.status) return *ending.status;
    return ending.by_signal == 0 ? status : 128 + ending.by_signal;
  } catch (const std::exception& broken) {
    const Error error(Code::internal_error, broken.what(),
                      "this is a bug in relay-broker: please report it");
    return report(error, asks_for_json(words), out);
  }
}

}  // namespace relay::cli
