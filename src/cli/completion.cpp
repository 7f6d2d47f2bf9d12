#include "cli/completion.hpp"

#include "cli/completion_scripts.hpp"
#include "cli/output.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <memory>

namespace relay::cli {
namespace {

struct Chosen {
  std::string shell;
};

std::string_view script_of(std::string_view shell) {
  if (shell == "bash") return completion_scripts::kBash;
  if (shell == "zsh") return completion_scripts::kZsh;
  return completion_scripts::kFish;
}

const Option* rest_of(const Command& command) {
  for (const Option& option : command.options) {
    if (option.is_rest()) return &option;
  }
  return nullptr;
}

void put(const Option& option, std::string_view value) {
  if (auto* const* text = std::get_if<std::string*>(&option.target())) **text = value;
  if (auto* const* list = std::get_if<std::vector<std::string>*>(&option.target())) {
    (*list)->emplace_back(value);
  }
}

/// The option that takes what stands at this place among the arguments, if any.
const Option* argument_at(const Command& command, std::size_t place) {
  for (const Option& option : command.options) {
    if (!option.is_argument()) continue;
    const bool list = std::holds_alternative<std::vector<std::string>*>(option.target());
    if (place == 0 || list) return &option;
    --place;
  }
  return nullptr;
}

/// What the shell itself completes here; nothing for most values.
std::string_view shell_kind(const Option& option, std::string_view typed) {
  const std::string& value = option.shown_value();
  if (value == "FILE") return ":file";
  if (value == "DIR") return ":directory";
  if (value == "CLI") return ":command";
  const bool from_file = value == "@FILE" || (value == "TEXT" && typed.starts_with('@'));
  return from_file ? ":@file" : "";
}

/// Collects what starts with the word being typed.
class Collector {
 public:
  explicit Collector(std::string_view typed) : typed_(typed) {}

  void offer(std::string_view value, std::string_view description) {
    if (value.starts_with(typed_)) found_.push_back(fmt::format("{}\t{}", value, description));
  }
  /// `before` is what stands in the same word: "--wait=".
  void offer_values(const Option& option, const std::string& before = "") {
    for (const auto& choice : option.allowed()) offer(before + choice, "");
    const auto* given = std::get_if<std::vector<std::string>*>(&option.target());
    const auto names = option.look() ? option.look()() : std::vector<std::string>();
    for (const auto& name : names) {
      const bool again =
          given && std::find((*given)->begin(), (*given)->end(), name) != (*given)->end();
      if (!again) offer(before + name, "");
    }
    const auto kind = shell_kind(option, typed_.substr(before.size()));
    if (!kind.empty()) found_.emplace_back(kind);
  }
  void offer_options(const std::vector<Option>& options) {
    for (const Option& option : options) {
      if (!option.is_argument() && !option.is_hidden()) offer(option.long_name(), option.help());
    }
  }
  std::vector<std::string> take() && { return std::move(found_); }

 private:
  std::string_view typed_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> candidates(std::span<const std::string> words,
                                    const std::vector<Option>& global,
                                    const std::vector<Command>& commands,
                                    const PrepareLook& prepare) {
  if (words.empty()) return {};
  const auto& typed = words.back();
  Collector found(typed);
  const Command* command = nullptr;
  const Option* pending = nullptr;
  std::size_t arguments = 0;
  bool only_arguments = false;
  const auto known = [&](std::string_view word) {
    const Option* option = command ? option_named(command->options, word) : nullptr;
    return option ? option : option_named(global, word);
  };
  for (std::size_t at = 0; at + 1 < words.size(); ++at) {
    const std::string& word = words[at];
    if (pending) {
      put(*pending, word);
      pending = nullptr;
    } else if (word == "--" && command) {
      only_arguments = true;
    } else if (word.starts_with('-') && !only_arguments) {
      const auto equals = word.find('=');
      const Option* option = known(std::string_view(word).substr(0, equals));
      if (!option || option->is_flag()) continue;
      if (equals == std::string::npos) {
        pending = option;
      } else {
        put(*option, std::string_view(word).substr(equals + 1));
      }
    } else if (!command || command->is_group()) {
      command = command_named(command ? command->commands : commands, word);
      if (!command || command->hidden) return {};
    } else if (rest_of(*command)) {
      // What another program's arguments are is for the shell to know.
      return {fmt::format(":rest {}", at + 1)};
    } else {
      const Option* argument = argument_at(*command, arguments);
      if (argument) put(*argument, word);
      ++arguments;
    }
  }
  if (command && prepare) prepare(*command);
  const auto equals = typed.find('=');
  const bool option_typed = typed.starts_with('-') && !pending && !only_arguments;
  if (pending) {
    found.offer_values(*pending);
  } else if (option_typed && equals != std::string::npos) {
    const Option* option = known(std::string_view(typed).substr(0, equals));
    if (option && !option->is_flag()) found.offer_values(*option, typed.substr(0, equals + 1));
  } else if (option_typed) {
    if (command) found.offer_options(command->options);
    found.offer_options(global);
    found.offer("--help", "Show the help page");
  } else if (!command || command->is_group()) {
    for (const Command& each : command ? command->commands : commands) {
      if (!each.hidden) found.offer(each.name, each.summary);
    }
  } else if (rest_of(*command)) {
    return {":command"};
  } else if (const Option* argument = argument_at(*command, arguments)) {
    found.offer_values(*argument);
  }
  return std::move(found).take();
}

Command completion_command() {
  auto chosen = std::make_shared<Chosen>();
  Command command;
  command.name = "completion";
  command.bears_bad_config = true;
  command.summary = "Print the script that completes relay-broker in a shell";
  command.examples = {"relay-broker completion fish | source",
                      "relay-broker completion bash > /etc/bash_completion.d/relay-broker"};
  command.options.push_back(
      Option("shell", "Which shell", &chosen->shell).choices({"bash", "zsh", "fish"}).required());
  command.run = [chosen](Context& context) -> Result<void> {
    context.out.write(script_of(chosen->shell));
    return {};
  };
  command.state = chosen;
  return command;
}

}  // namespace relay::cli
