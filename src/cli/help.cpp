#include "cli/help.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/text.hpp"

namespace relay::cli {
namespace {

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
    text += option.shown_value().empty() ? "VALUE" : option.shown_value();
  }
  return text;
}

Row row_of(const Option& option) {
  std::string right = option.help();
  if (!option.allowed().empty()) right += fmt::format(" ({})", join(option.allowed(), ", "));
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
    if (!command.hidden) rows.push_back(Row{command.name, command.summary});
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
  page += "--help. Each command has a page: relay-broker <command> --help\n";
  return page;
}

std::string command_page(const Command& command, const std::vector<Option>& global) {
  std::string usage = fmt::format("Usage: relay-broker {}{} [options]", command.full_name(),
                                  command.is_group() ? " <command>" : "");
  std::vector<Row> arguments;
  std::vector<Row> options;
  for (const Option& option : command.options) {
    if (option.is_hidden()) continue;
    if (option.is_argument()) {
      const bool many = std::holds_alternative<std::vector<std::string>*>(option.target());
      const auto shape = option.is_required() ? " <{}>{}" : " [{}]{}";
      usage += fmt::format(fmt::runtime(shape), option.names(), many ? "…" : "");
      arguments.push_back(row_of(option));
    } else {
      options.push_back(row_of(option));
    }
  }
  for (const Option& option : global) {
    if (option.long_name() != "--version") options.push_back(row_of(option));
  }
  options.push_back(kHelpRow);
  std::string page = fmt::format("{}.\n\n{}\n", command.summary, usage);
  append_commands(page, command.commands);
  append(page, "Arguments", arguments);
  append(page, "Options", options);
  page += "\nExamples:\n";
  for (const auto& example : command.examples) page += fmt::format("  {}\n", example);
  return page;
}

}  // namespace relay::cli
