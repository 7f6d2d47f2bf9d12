#include "cli/arguments.hpp"

#include "cli/help.hpp"
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <utility>

#include "base/text.hpp"

// The only file that knows CLI11: it costs seconds to compile, and the help, the man pages and the
// completion are made from the same Command descriptions.
namespace relay::cli {
namespace {

void add(CLI::App& app, const Option& option) {
  if (option.is_rest()) return;
  CLI::Option* added = std::visit(
      [&](auto* into) -> CLI::Option* {
        if constexpr (std::is_same_v<decltype(into), bool*>) {
          return app.add_flag(option.names(), *into);
        } else {
          return app.add_option(option.names(), *into);
        }
      },
      option.target());
  if (option.is_required()) added->required();
  if (std::holds_alternative<std::string*>(option.target()) && !option.is_argument()) {
    added->take_last();
  }
  // One value each time it is said; the words behind it are something else.
  const bool list = std::holds_alternative<std::vector<std::string>*>(option.target());
  if (list && !option.is_argument()) added->expected(1)->take_all()->allow_extra_args(false);
  if (!option.allowed().empty()) added->check(CLI::IsMember(option.allowed()));
}

std::vector<std::string> option_names(const std::vector<Option>& options) {
  std::vector<std::string> names;
  for (const Option& option : options) {
    if (option.is_argument()) continue;
    for (const auto part : split(option.names(), ',')) names.emplace_back(part);
  }
  return names;
}

/// What other programs call what we call otherwise.
constexpr std::pair<std::string_view, const char*> kOtherNames[] = {
    {"ls", "status"},    {"list", "status"},  {"ps", "status"},    {"agents", "status"},
    {"start", "serve"},  {"up", "serve"},     {"down", "stop"},    {"quit", "stop"},
    {"kill", "release"}, {"rm", "release"},   {"end", "release"},  {"logs", "snapshot"},
    {"tell", "send"},    {"message", "send"}, {"login", "enroll"}, {"join", "enroll"},
    {"-v", "--version"}, {"-V", "--version"},
};

std::string_view our_name_of(std::string_view word) {
  for (const auto& [theirs, ours] : kOtherNames) {
    if (theirs == word) return ours;
  }
  return {};
}

/// Its last argument are the words of another program.
bool starts_program(const Command* command) {
  return command != nullptr && !command->options.empty() &&
         command->options.back().names() == kProgramArguments;
}

/// One of the commands, or of those in them, has this option.
bool is_option_of_any(const std::vector<Command>& commands, std::string_view name) {
  return std::any_of(commands.begin(), commands.end(), [name](const Command& each) {
    return (!each.hidden && option_named(each.options, name) != nullptr) ||
           is_option_of_any(each.commands, name);
  });
}

/// A word too many. The name of an agent may have been meant for the option that takes one.
Error too_many(const std::string& word, const Command& command) {
  std::string hint = usage_of(command);
  const Option* last = nullptr;
  const Option* of_agent = nullptr;
  for (const Option& option : command.options) {
    if (option.is_argument()) last = &option;
    if (!option.is_argument() && option.shown_value() == "AGENT") of_agent = &option;
  }
  if (last == nullptr && of_agent != nullptr) {
    hint = fmt::format("did you mean {} {}? {}", of_agent->long_name(), word, hint);
  }
  const bool takes_text = last != nullptr && last->shown_value() == "TEXT";
  hint += takes_text ? "; a text with blanks stands in quotes" : "; --help tells more";
  return {Code::invalid_argument, fmt::format("unknown argument {}", word), std::move(hint)};
}

Error unexpected(const std::string& word, const Command* command, const std::vector<Option>& global,
                 const std::vector<Command>& top) {
  const bool option = word.starts_with('-');
  const std::string named = word.substr(0, word.find('='));
  if (option && command != nullptr && option_named(command->options, named) != nullptr) {
    return {Code::invalid_argument, fmt::format("{} stands in front of its command", named),
            fmt::format("behind it: relay-broker {} {} …", command->full_name(), word)};
  }
  if (option && (command == nullptr || command->is_group()) &&
      is_option_of_any(command ? command->commands : top, named)) {
    return {Code::invalid_argument, fmt::format("{} is given without a command", named),
            fmt::format("it stands behind one: relay-broker {}COMMAND {}",
                        command ? command->full_name() + " " : std::string(), word)};
  }
  const bool wants_command = command == nullptr || command->is_group();
  const auto& commands = command ? command->commands : top;
  std::vector<std::string> known;
  if (option) {
    known = option_names(global);
    known.emplace_back("--help");
    if (command) {
      const auto own = option_names(command->options);
      known.insert(known.end(), own.begin(), own.end());
    }
  } else if (wants_command) {
    for (const Command& each : commands) {
      if (!each.hidden) known.push_back(each.name);
    }
    // "version" for "--version".
    if (option_named(global, "--" + word) != nullptr) known.push_back("--" + word);
  }
  const auto what = option ? "option" : wants_command ? "command" : "argument";
  auto near = nearest(named, known);
  if (command == nullptr && !our_name_of(word).empty()) near = our_name_of(word);
  const auto page =
      command ? fmt::format("relay-broker {} --help", command->full_name()) : "relay-broker --help";
  const std::string message = fmt::format("unknown {} {}", what, word);
  if (option && near.empty() && starts_program(command)) {
    return Error(
        Code::invalid_argument, message,
        fmt::format("what belongs to the program stands behind --; {} lists the rest", page));
  }
  if (!option && !wants_command) return too_many(word, *command);
  return Error(Code::invalid_argument, message,
               near.empty() ? fmt::format("{} lists what there is", page)
                            : fmt::format("did you mean {}? {} lists what there is", near, page));
}

Error missing(const std::string& argument, const Command& command) {
  return Error(Code::invalid_argument, fmt::format("<{}> is missing", argument),
               fmt::format("{}; --help tells more", usage_of(command)));
}

/// The option's name as it was typed: the parser tells the first that it has.
std::string typed_name(std::string_view name, const Command* command,
                       std::span<const std::string> words) {
  const Option* meant = command == nullptr ? nullptr : option_named(command->options, name);
  if (meant == nullptr) return std::string(name);
  std::string found = meant->long_name();
  for (const std::string& word : words) {
    std::string typed = word.substr(0, word.find('='));
    if (option_named(command->options, typed) == meant) found = std::move(typed);
  }
  return found;
}

Error wrong_usage(const CLI::ParseError& error, const Command* command,
                  std::span<const std::string> words) {
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  constexpr std::string_view kMissing = " is required";
  constexpr std::string_view kNoValue = ": 1 required ";
  if (const auto at = text.find(kNoValue); at != std::string::npos) {
    text = typed_name(text.substr(0, at), command, words) + " needs a value";
  }
  if (command != nullptr && text.ends_with(kMissing)) {
    return missing(text.substr(0, text.size() - kMissing.size()), *command);
  }
  return Error(
      Code::invalid_argument, std::string(trim(text)),
      command ? fmt::format("relay-broker {} --help shows how it is used", command->full_name())
              : "relay-broker --help shows how it is used");
}

using ByApp = std::map<const CLI::App*, const Command*>;

void add(CLI::App& app, const Command& command, ByApp& by_app) {
  CLI::App* sub = app.add_subcommand(command.name);
  sub->set_help_flag("");
  sub->fallthrough();
  for (const Option& option : command.options) add(*sub, option);
  for (const Command& each : command.commands) add(*sub, each, by_app);
  sub->require_subcommand(0, 1);
  by_app[sub] = &command;
}

/// The innermost command that was named.
const CLI::App* named_app(const CLI::App& app) {
  const CLI::App* found = &app;
  for (auto subs = found->get_subcommands(); !subs.empty(); subs = found->get_subcommands()) {
    found = subs.front();
  }
  return found;
}

const Command* named(const CLI::App& app, const ByApp& by_app) {
  const CLI::App* found = named_app(app);
  return found == &app ? nullptr : by_app.at(found);
}

/// How many words there are before the rest of a command that takes one; all of them otherwise.
/// The rest goes into its target. It begins at the first word behind the command that is neither an
/// option nor an option's value, or behind "--".
std::size_t take_rest(std::span<const std::string> words, const std::vector<Option>& global,
                      const std::vector<Command>& commands) {
  std::size_t at = 0;
  for (; at < words.size() && words[at].starts_with('-'); ++at) {
    const Option* option = option_named(global, words[at]);
    if (option != nullptr && !option->is_flag()) ++at;
  }
  if (at >= words.size()) return words.size();
  for (const Command& command : commands) {
    if (command.name != words[at]) continue;
    for (const Option& rest : command.options) {
      if (!rest.is_rest()) continue;
      for (++at; at < words.size() && words[at].starts_with('-') && words[at] != "--"; ++at) {
        const Option* option = option_named(command.options, words[at]);
        if (option == nullptr) option = option_named(global, words[at]);
        if (option != nullptr && !option->is_flag()) ++at;
      }
      at = std::min(at, words.size());
      const std::size_t begin = at < words.size() && words[at] == "--" ? at + 1 : at;
      auto* into = std::get<std::vector<std::string>*>(rest.target());
      into->assign(words.begin() + static_cast<std::ptrdiff_t>(begin), words.end());
      return at;
    }
  }
  return words.size();
}

/// Those that were given. An empty one counts where there are several.
std::vector<std::string> values_of(const Option& option) {
  if (const auto* list = std::get_if<std::vector<std::string>*>(&option.target())) return **list;
  const auto* text = std::get_if<std::string*>(&option.target());
  if (text == nullptr || (*text)->empty()) return {};
  return {**text};
}

/// The values that say themselves whether they are good.
Result<void> check_values(const std::vector<Option>& options) {
  for (const Option& option : options) {
    if (option.check() == nullptr) continue;
    for (const std::string& value : values_of(option)) {
      auto good = option.check()(value);
      if (good) continue;
      Error error = std::move(good).error();
      if (error.message.find(option.long_name()) == std::string::npos) {
        error.message = fmt::format("{}: {}", option.long_name(), error.message);
      }
      return fail(std::move(error));
    }
  }
  return {};
}

/// A variable of a script that is not set: the command would do something else than was meant.
Result<void> check_filled(const CLI::App& app, const Command& command) {
  if (command.hidden) return {};
  for (const Option& option : command.options) {
    if (option.is_rest() || !std::holds_alternative<std::string*>(option.target())) continue;
    const CLI::Option* parsed = app.get_option_no_throw(option.long_name());
    if (parsed == nullptr || parsed->empty() || !parsed->results().back().empty()) continue;
    if (option.is_argument()) {
      return fail(Code::invalid_argument, fmt::format("<{}> is empty", option.names()),
                  fmt::format("{}; --help tells more", usage_of(command)));
    }
    return fail(Code::invalid_argument,
                fmt::format("{} is given an empty value", option.long_name()),
                "leave it out, or give it one");
  }
  return {};
}

Result<void> check_rest(const Command& command) {
  for (const Option& rest : command.options) {
    if (!rest.is_rest() || !rest.is_required()) continue;
    if (!std::get<std::vector<std::string>*>(rest.target())->empty()) continue;
    return fail(missing(rest.names(), command));
  }
  return {};
}

}  // namespace

Result<Parsed> parse(std::span<const std::string> words, const std::vector<Option>& global,
                     const std::vector<Command>& commands) {
  CLI::App app;
  app.set_help_flag("");
  bool help = false;
  app.add_flag("-h,--help", help);
  app.fallthrough();
  for (const Option& option : global) add(app, option);
  ByApp by_app;
  for (const Command& command : commands) add(app, command, by_app);
  app.require_subcommand(0, 1);
  app.allow_extras();
  words = words.first(take_rest(words, global, commands));

  Parsed parsed;
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    parsed.command = named(app, by_app);
    if (help) {
      parsed.help = true;
      return parsed;
    }
    // A wrong option takes the words behind it with it: what then seems to be missing is not told.
    for (const std::string& word : app.remaining(true)) {
      if (word.starts_with('-') && word != "--") {
        return fail(unexpected(word, parsed.command, global, commands));
      }
    }
    return fail(wrong_usage(error, parsed.command, words));
  }
  parsed.command = named(app, by_app);
  parsed.help = help;
  auto extra = app.remaining(true);
  std::erase(extra, "--");  // CLI11 counts the mark itself among what it did not expect
  if (!extra.empty() && !help)
    return fail(unexpected(extra.front(), parsed.command, global, commands));
  if (parsed.command != nullptr && !help) {
    auto good = check_filled(*named_app(app), *parsed.command);
    if (good) good = check_rest(*parsed.command);
    if (good) good = check_values(parsed.command->options);
    if (!good) return fail(std::move(good).error());
  }
  return parsed;
}

}  // namespace relay::cli
