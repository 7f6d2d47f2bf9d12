#include "cli/manual.hpp"

#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/standard_input.hpp"
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <memory>

#include "base/text.hpp"

namespace relay::cli {
namespace {

constexpr std::string_view kProgram = "relay-broker";
constexpr std::size_t kProseMost = std::size_t{1} << 20;

constexpr std::array kMeanings{
    StatusMeaning{"0", "Done"},
    StatusMeaning{"1", "Failed"},
    StatusMeaning{"2", "Wrong usage or bad input"},
    StatusMeaning{"3", "No broker or engine running or reachable"},
    StatusMeaning{"4", "Not enrolled, not authorised, or a file that is not private"},
    StatusMeaning{"5", "No such thing"},
    StatusMeaning{"6", "Conflict"},
    StatusMeaning{"75", "Not now, try again"},
    StatusMeaning{"124", "Timed out while waiting"},
    StatusMeaning{"125", "The program to wrap was not started"},
    StatusMeaning{"126", "It is not executable"},
    StatusMeaning{"127", "It was not found"},
    StatusMeaning{"128+n", "Ended by signal n"},
};

/// Text that scdoc is not to read as markup.
std::string scdoc_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

struct ProseSection {
  std::string title;
  std::string body;
};

/// One "*--name*" with its indented text, of a section of such.
struct ProseEntry {
  std::string name;
  std::string body;
};

/// Without the blank lines at its end.
void trim_blank_end(std::string& body) {
  while (body.ends_with("\n\n")) body.pop_back();
}

std::vector<ProseSection> sections_of(std::string_view prose) {
  std::vector<ProseSection> sections;
  for (const auto line : split(prose, '\n')) {
    if (line.starts_with("# ")) {
      sections.push_back(ProseSection{std::string(line.substr(2)), ""});
    } else if (!sections.empty()) {
      sections.back().body += line;
      sections.back().body += '\n';
    }
  }
  for (ProseSection& each : sections) trim_blank_end(each.body);
  return sections;
}

std::vector<ProseEntry> entries_of(std::string_view body) {
  std::vector<ProseEntry> entries;
  for (const auto line : split(body, '\n')) {
    if (line.starts_with('*') && line.ends_with('*')) {
      entries.push_back(ProseEntry{std::string(line.substr(1, line.size() - 2)), ""});
    } else if (!entries.empty()) {
      entries.back().body += line;
      entries.back().body += '\n';
    }
  }
  for (ProseEntry& each : entries) trim_blank_end(each.body);
  return entries;
}

/// Takes a section out; empty when there is none.
std::string taken(std::vector<ProseSection>& sections, std::string_view title) {
  for (auto at = sections.begin(); at != sections.end(); ++at) {
    if (at->title != title) continue;
    std::string body = std::move(at->body);
    sections.erase(at);
    return body;
  }
  return "";
}

bool is_known_option(std::string_view name, const std::vector<Option>& global,
                     const std::vector<Command>& commands) {
  if (name == "--help" || option_named(global, name) != nullptr) return true;
  return std::any_of(commands.begin(), commands.end(), [&](const Command& each) {
    return option_named(each.options, name) != nullptr || is_known_option(name, {}, each.commands);
  });
}

/// The first `*--name*` of the text that nothing has; empty when there is none.
std::string unknown_option(std::string_view prose, const std::vector<Option>& global,
                           const std::vector<Command>& commands) {
  for (std::size_t at = prose.find("*--"); at != std::string_view::npos;
       at = prose.find("*--", at + 1)) {
    const auto end = prose.find('*', at + 1);
    const auto name = prose.substr(at + 1, end - at - 1);
    if (!is_known_option(name, global, commands)) return std::string(name);
  }
  return "";
}

/// What is written into one page.
class ManualWriter {
 public:
  ManualWriter(const std::string& page, std::string_view prose)
      : name_(page), sections_(sections_of(prose)) {
    const bool first = page == kProgram;
    text_ = fmt::format("{}(1) \"relay-broker {}\"\n",
                        first ? page : fmt::format("{}-{}", kProgram, page), RELAY_BROKER_VERSION);
  }

  void section(std::string_view title) { text_ += fmt::format("\n# {}\n\n", title); }
  void line(std::string_view text) { text_ += fmt::format("{}\n", text); }

  /// The section of the prose with this title, if it has one.
  void prose(std::string_view title) {
    const std::string body = taken(sections_, title);
    if (body.empty()) return;
    text_ += fmt::format("\n# {}\n{}", title, body);
  }
  /// Those that have not been asked for.
  void other_prose() {
    for (const ProseSection& each : sections_) {
      text_ += fmt::format("\n# {}\n{}", each.title, each.body);
    }
    sections_.clear();
  }
  void begin_entries(std::string_view title) { entries_ = entries_of(taken(sections_, title)); }
  /// The entry's own words, behind `short_words`.
  void entry(std::string_view heading, std::string_view short_words, std::string_view name) {
    text_ += fmt::format("{}\n\t{}.\n", heading, scdoc_text(short_words));
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      if (at->name != name) continue;
      text_ += at->body;
      entries_.erase(at);
      break;
    }
  }
  void note(std::string_view text) { text_ += fmt::format("\t{}\n", text); }
  void end_entry() {
    trim_blank_end(text_);
    text_ += '\n';
  }
  /// An entry of the prose that belongs to nothing.
  [[nodiscard]] Result<void> end_entries(std::string_view title) const {
    if (entries_.empty()) return {};
    return fail(Code::invalid_argument,
                fmt::format("{}.scd, {}: there is no {}", name_, title, entries_.front().name),
                "the entry must go, or be called otherwise");
  }
  std::string take() && { return std::move(text_); }

 private:
  std::string name_;
  std::vector<ProseSection> sections_;
  std::vector<ProseEntry> entries_;
  std::string text_;
};

std::string heading_of(const Option& option) {
  std::string text;
  for (const auto part : split(option.names(), ',')) {
    if (!text.empty()) text += ", ";
    text += option.is_argument() ? fmt::format("_{}_", part) : fmt::format("*{}*", part);
  }
  if (option.is_flag() || option.is_argument()) return text;
  if (option.allowed().empty()) return fmt::format("{} _{}_", text, shown_value_of(option));
  return fmt::format("{} {}", text, shown_value_of(option));
}

void add_option(ManualWriter& page, const Option& option, std::string_view of_commands) {
  page.entry(heading_of(option), option.help(), option.long_name());
  if (option.is_argument() && !option.allowed().empty()) {
    page.note(fmt::format("One of {}.", join(option.allowed(), ", ")));
  }
  std::string said_elsewhere;
  for (const std::string& variable : option.variables()) {
    if (!said_elsewhere.empty()) said_elsewhere += ", ";
    said_elsewhere += fmt::format("*{}*", variable);
  }
  if (option.is_setting()) {
    if (!said_elsewhere.empty()) said_elsewhere += ", ";
    said_elsewhere += fmt::format("_{}_ in the configuration file", option.long_name().substr(2));
  }
  if (!said_elsewhere.empty()) page.note(fmt::format("Otherwise {}.", said_elsewhere));
  if (!of_commands.empty()) page.note(fmt::format("Of {}.", of_commands));
  page.end_entry();
}

void add_common_options(ManualWriter& page) {
  page.line("*--json*, *--config* _FILE_, *-h*, *--help*");
  page.line("\tSee *relay-broker*(1).");
}

/// The options of all commands of a group, each once, with the commands that have it.
struct SharedOption {
  const Option* option = nullptr;
  std::string commands;
  std::size_t count = 0;
};

std::vector<SharedOption> options_of_group(const Command& group) {
  std::vector<SharedOption> all;
  for (const Command& each : group.commands) {
    for (const Option& option : each.options) {
      if (option.is_hidden()) continue;
      const auto known = std::find_if(all.begin(), all.end(), [&](const SharedOption& one) {
        return one.option->names() == option.names() && one.option->help() == option.help();
      });
      const std::string name = fmt::format("*{}*", each.name);
      if (known == all.end()) {
        all.push_back(SharedOption{&option, name, 1});
      } else {
        known->commands += ", " + name;
        ++known->count;
      }
    }
  }
  return all;
}

void add_examples(ManualWriter& page, const std::vector<std::string>& examples) {
  page.section("EXAMPLES");
  page.line("```");
  for (const std::string& example : examples) page.line(example);
  page.line("```");
}

void add_ending(ManualWriter& page) {
  page.section("SEE ALSO");
  page.line("*relay-broker*(1), with the exit statuses, the files and the environment of all");
  page.line("commands");
}

void add_name(ManualWriter& page, std::string_view name, std::string_view summary) {
  page.section("NAME");
  page.line(fmt::format("{} - {}", name, scdoc_text(summary)));
}

std::string synopsis_of(const Command& command) {
  const std::string usage = usage_of(command);
  const std::string words = fmt::format("{} {}", kProgram, command.full_name());
  return fmt::format("*{}*{}", words, scdoc_text(usage.substr(words.size())));
}

Result<void> write_group(ManualWriter& page, const Command& command) {
  for (const Command& each : command.commands) {
    const bool last = &each == &command.commands.back();
    page.line(synopsis_of(each) + (last ? "" : "++"));
  }
  page.prose("DESCRIPTION");
  page.section("COMMANDS");
  page.begin_entries("COMMANDS");
  for (const Command& each : command.commands) {
    page.entry(fmt::format("*{}*", each.name), each.summary, each.name);
    page.end_entry();
  }
  if (auto fine = page.end_entries("COMMANDS"); !fine) return fine;
  page.section("OPTIONS");
  page.begin_entries("OPTIONS");
  for (const SharedOption& shared : options_of_group(command)) {
    const bool of_all = shared.count == command.commands.size();
    add_option(page, *shared.option, of_all ? "" : shared.commands);
  }
  return page.end_entries("OPTIONS");
}

Result<void> write_command(ManualWriter& page, const Command& command) {
  page.line(synopsis_of(command));
  page.prose("DESCRIPTION");
  page.section("OPTIONS");
  page.begin_entries("OPTIONS");
  for (const Option& option : command.options) {
    if (option.is_argument() && !option.is_hidden()) add_option(page, option, "");
  }
  for (const Option& option : command.options) {
    if (!option.is_argument() && !option.is_hidden()) add_option(page, option, "");
  }
  return page.end_entries("OPTIONS");
}

Result<void> write_first_page(ManualWriter& page, const std::vector<Option>& global,
                              const std::vector<Command>& commands) {
  page.line("*relay-broker* [options] <command> [options]");
  page.prose("DESCRIPTION");
  page.section("COMMANDS");
  for (const Command& each : commands) {
    if (each.hidden) continue;
    page.entry(fmt::format("*relay-broker-{}*(1)", each.name), each.summary, each.name);
    page.end_entry();
  }
  page.section("OPTIONS");
  page.begin_entries("OPTIONS");
  for (const Option& option : global) add_option(page, option, "");
  if (auto fine = page.end_entries("OPTIONS"); !fine) return fine;
  page.line("*-h*, *--help*");
  page.line("\tShow the help page; behind a command, that command's page.");
  page.other_prose();
  page.section("EXIT STATUS");
  for (const StatusMeaning& each : kMeanings) {
    page.entry(fmt::format("*{}*", each.status), each.meaning, "");
    page.end_entry();
  }
  return {};
}

}  // namespace

std::span<const StatusMeaning> status_meanings() {
  return kMeanings;
}

std::vector<std::string> manual_pages(const std::vector<Command>& commands) {
  std::vector<std::string> pages{std::string(kProgram)};
  for (const Command& each : commands) {
    if (!each.hidden) pages.push_back(each.name);
  }
  return pages;
}

Result<std::string> manual_page(const std::string& page, const std::vector<Option>& global,
                                const std::vector<Command>& commands, std::string_view prose) {
  const auto stray = unknown_option(prose, global, commands);
  if (!stray.empty()) {
    return fail(Code::invalid_argument,
                fmt::format("{}.scd: no command has an option {}", page, stray),
                "the text has fallen behind the program");
  }
  ManualWriter writer(page, prose);
  if (page == kProgram) {
    add_name(writer, kProgram, "give every terminal agent an address");
    writer.section("SYNOPSIS");
    if (auto fine = write_first_page(writer, global, commands); !fine) return fail(fine.error());
    return std::move(writer).take();
  }
  const Command* found = command_named(commands, page);
  if (found == nullptr || found->hidden) {
    return fail(Code::invalid_argument, "there is no command " + page, "remove its page");
  }
  add_name(writer, fmt::format("{}-{}", kProgram, page), found->summary);
  writer.section("SYNOPSIS");
  auto written = found->is_group() ? write_group(writer, *found) : write_command(writer, *found);
  if (!written) return fail(std::move(written).error());
  add_common_options(writer);
  writer.other_prose();
  add_examples(writer, found->examples);
  add_ending(writer);
  return std::move(writer).take();
}

Command manual_command(const std::vector<Option>& global, const std::vector<Command>& commands) {
  struct ManualWords {
    std::string page;
  };
  auto words = std::make_shared<ManualWords>();
  Command command;
  command.name = "__manual";
  command.hidden = true;
  command.summary = "Print the source of a manual page, whose prose is standard input";
  command.options.emplace_back("page", "Which page; their names without it", &words->page);
  command.run = [words, &global, &commands](Context& context) -> Result<void> {
    if (words->page.empty()) {
      for (const std::string& name : manual_pages(commands)) context.out.line(name);
      return {};
    }
    const auto prose = read_standard_input(kProseMost, "the prose");
    if (!prose) return fail(prose.error());
    const auto page = manual_page(words->page, global, commands, *prose);
    if (!page) return fail(page.error());
    context.out.write(*page);
    return {};
  };
  command.state = words;
  return command;
}

}  // namespace relay::cli
