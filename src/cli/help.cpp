#include "cli/help.hpp"

#include "cli/output.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <memory>

#include "base/text.hpp"

namespace relay::cli {
namespace {

constexpr std::string_view kHelp = "help";

struct Row {
  std::string left;
  std::string right;
};

std::string left_of(const Option& option) {
  std::string text;
  for (const auto part : split(option.names(), ',')) {
    if (!text.empty()) text += ", ";
    text += part;
  }
  if (!option.is_flag() && !option.is_argument()) {
    text += ' ';
    text += shown_value_of(option);
  }
  return text;
}

Row row_of(const Option& option) {
  std::string right = option.help();
  const bool told = !option.is_argument() || option.allowed().empty();
  if (!told) right += fmt::format(" ({})", join(option.allowed(), ", "));
  return Row{left_of(option), std::move(right)};
}

void append(std::string& page, std::string_view title, const std::vector<Row>& rows) {
  if (rows.empty()) return;
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.left.size());
  page += fmt::format("\n{}:\n", title);
  for (const Row& row : rows) page += fmt::format("  {:<{}}  {}\n", row.left, width, row.right);
}

const Row kHelpRow{"-h, --help", "Show this page"};

void append_commands(std::string& page, const std::vector<Command>& commands) {
  std::vector<Row> rows;
  for (const Command& command : commands) {
    // The page's last line tells of `help`.
    const bool listed = !command.hidden && command.name != kHelp;
    if (listed) rows.push_back(Row{command.name, command.summary});
  }
  append(page, "Commands", rows);
}

}  // namespace

std::string main_page(const std::vector<Option>& global, const std::vector<Command>& commands) {
  std::string page =
      "relay-broker gives every terminal agent an address.\n\n"
      "Usage: relay-broker [options] <command> [options]\n";
  append_commands(page, commands);
  // In one line: the commands are what a screen has to show.
  page += "\nOptions: ";
  for (const Option& option : global) page += option.long_name() + ", ";
  page += "--help. Each command has a page: relay-broker help <command>\n";
  return page;
}

std::string shown_value_of(const Option& option) {
  if (!option.allowed().empty()) return join(option.allowed(), "|");
  return option.shown_value().empty() ? "VALUE" : option.shown_value();
}

std::string usage_of(const Command& command) {
  std::string usage = fmt::format("relay-broker {}{} [options]", command.full_name(),
                                  command.is_group() ? " <command>" : "");
  for (const Option& option : command.options) {
    if (option.is_hidden() || !option.is_argument()) continue;
    const bool many = std::holds_alternative<std::vector<std::string>*>(option.target());
    const auto shape = option.is_required() ? " <{}>{}" : " [{}]{}";
    usage += fmt::format(fmt::runtime(shape), option.names(), many ? "…" : "");
  }
  return usage;
}

std::string command_page(const Command& command, const std::vector<Option>& global) {
  std::vector<Row> arguments;
  std::vector<Row> options;
  std::vector<std::string> rare;
  for (const Option& option : command.options) {
    if (option.is_hidden()) continue;
    if (option.is_rare()) {
      rare.push_back(left_of(option));
    } else if (option.is_argument()) {
      arguments.push_back(row_of(option));
    } else {
      options.push_back(row_of(option));
    }
  }
  for (const Option& option : global) {
    const bool everywhere = option.long_name() != "--version" && !option.is_rare();
    if (everywhere) options.push_back(row_of(option));
  }
  options.push_back(kHelpRow);
  std::string page = fmt::format("{}.\n\nUsage: {}\n", command.summary, usage_of(command));
  append_commands(page, command.commands);
  append(page, "Arguments", arguments);
  append(page, "Options", options);
  if (!rare.empty()) page += fmt::format("  And: {}\n", join(rare, ", "));
  page += "\nExamples:\n";
  for (const auto& example : command.examples) page += fmt::format("  {}\n", example);
  return page;
}

namespace {

struct HelpWords {
  std::vector<std::string> words;
};

std::vector<std::string> names_of(const std::vector<Command>& commands) {
  std::vector<std::string> out;
  for (const Command& command : commands) {
    if (!command.hidden) out.push_back(command.name);
  }
  return out;
}

/// The command that these words name, one level each; null for none. An error names the near one.
Result<const Command*> command_of(const std::vector<std::string>& words,
                                  const std::vector<Command>& commands) {
  const std::vector<Command>* level = &commands;
  const Command* found = nullptr;
  for (const std::string& word : words) {
    found = command_named(*level, word);
    if (found == nullptr) {
      const auto known = names_of(*level);
      const auto near = nearest(word, known);
      return fail(Code::invalid_argument, fmt::format("there is no command {}", word),
                  near.empty() ? "relay-broker help lists the commands"
                               : fmt::format("did you mean {}?", near));
    }
    level = &found->commands;
  }
  return found;
}

}  // namespace

Command help_command(const std::vector<Option>& global, const std::vector<Command>& commands) {
  auto words = std::make_shared<HelpWords>();
  Command command;
  command.name = kHelp;
  command.bears_bad_config = true;
  command.summary = "Show the commands, or the page of one";
  command.examples = {"relay-broker help spawn", "relay-broker help token list"};
  command.options.push_back(Option("command", "Which command", &words->words)
                                .value_name("COMMAND")
                                .looked_up([words, &commands] {
                                  const auto named = command_of(words->words, commands);
                                  if (!named) return std::vector<std::string>();
                                  return names_of(*named ? (*named)->commands : commands);
                                }));
  command.run = [words, &global, &commands](Context& context) -> Result<void> {
    const auto named = command_of(words->words, commands);
    if (!named) return fail(named.error());
    context.out.write(*named ? command_page(**named, global) : main_page(global, commands));
    return {};
  };
  command.state = words;
  return command;
}

}  // namespace relay::cli
