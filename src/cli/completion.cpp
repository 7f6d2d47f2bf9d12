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

const Command* command_named(const std::vector<Command>& commands, std::string_view name) {
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&](const Command& each) { return each.name == name; });
  return found == commands.end() ? nullptr : &*found;
}

bool takes_rest(const Command& command) {
  return std::any_of(command.options.begin(), command.options.end(),
                     [](const Option& option) { return option.is_rest(); });
}

/// Collects what starts with the word being typed.
class Collector {
 public:
  explicit Collector(std::string_view typed) : typed_(typed) {}

  void offer(std::string_view value, std::string_view description) {
    if (value.starts_with(typed_)) found_.push_back(fmt::format("{}\t{}", value, description));
  }
  void offer_choices(const Option& option) {
    for (const auto& choice : option.allowed()) offer(choice, "");
    if (!option.look()) return;
    for (const auto& name : option.look()()) offer(name, "");
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
                                    const std::vector<Command>& commands) {
  if (words.empty()) return {};
  const auto& typed = words.back();
  Collector found(typed);
  const Command* command = nullptr;
  const Option* pending = nullptr;
  std::size_t arguments = 0;
  for (const auto& word : words.first(words.size() - 1)) {
    if (pending) {
      pending = nullptr;
    } else if (word.starts_with('-')) {
      const Option* option = command ? option_named(command->options, word) : nullptr;
      if (!option) option = option_named(global, word);
      if (option && !option->is_flag()) pending = option;
    } else if (!command || command->is_group()) {
      command = command_named(command ? command->commands : commands, word);
      if (!command || command->hidden) return {};
    } else if (takes_rest(*command)) {
      // What another program's arguments are is not ours to say.
      return {};
    } else {
      ++arguments;
    }
  }
  if (pending) {
    found.offer_choices(*pending);
  } else if (typed.starts_with('-')) {
    if (command) found.offer_options(command->options);
    found.offer_options(global);
    found.offer("--help", "Show the help page");
  } else if (!command || command->is_group()) {
    for (const Command& each : command ? command->commands : commands) {
      if (!each.hidden) found.offer(each.name, each.summary);
    }
  } else {
    std::size_t place = 0;
    for (const Option& option : command->options) {
      if (!option.is_argument()) continue;
      const bool list = std::holds_alternative<std::vector<std::string>*>(option.target());
      if (place == arguments || (list && place < arguments)) found.offer_choices(option);
      ++place;
    }
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
