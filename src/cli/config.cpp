#include "cli/config.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <unistd.h>
#include <utility>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "os/file_rules.hpp"
#include "pty/injection/toml_values.hpp"

namespace relay::cli {
namespace {

using pty::TomlValue;

constexpr std::string_view kEngine = "engine";
constexpr std::string_view kOwnEngine = "own-engine";
constexpr std::string_view kStore = "store";
constexpr std::string_view kWorkspaceKey = "workspace-key";

/// "max-agents"; empty for what has to be typed.
std::string key_of(const Option& option) {
  return option.is_setting() ? option.long_name().substr(2) : std::string();
}

const Option* option_of(const Command& command, std::string_view key) {
  for (const Option& option : command.options) {
    if (!key.empty() && key_of(option) == key) return &option;
  }
  return nullptr;
}

/// All that has options and is for people, groups taken apart.
void collect(const std::vector<Command>& commands, std::vector<const Command*>& into) {
  for (const Command& command : commands) {
    if (command.hidden) continue;
    if (command.is_group()) {
      collect(command.commands, into);
    } else {
      into.push_back(&command);
    }
  }
}

std::vector<std::string> keys_of(const std::vector<const Command*>& commands) {
  std::vector<std::string> out;
  for (const Command* command : commands) {
    for (const Option& option : command->options) {
      std::string key = key_of(option);
      if (!key.empty()) out.push_back(std::move(key));
    }
  }
  return out;
}

bool is_unset(const Option& option) {
  if (auto* const* flag = std::get_if<bool*>(&option.target())) return !**flag;
  if (auto* const* text = std::get_if<std::string*>(&option.target())) return (*text)->empty();
  return std::get<std::vector<std::string>*>(option.target())->empty();
}

/// The file's commands and keys, checked, and what they say.
class ConfigReader {
 public:
  ConfigReader(std::string file, const std::vector<Command>& commands) : file_(std::move(file)) {
    collect(commands, commands_);
  }

  Result<void> take(TomlValue value) {
    const std::string key = value.path.back();
    value.path.pop_back();
    const std::string table = join(value.path, " ");
    if (table.empty()) {
      const Option* example = nullptr;
      for (const Command* command : commands_) {
        if (example == nullptr) example = option_of(*command, key);
      }
      if (example == nullptr) return unknown_key(value, key, commands_);
      auto good = check(value, key, *example);
      if (good) top_.emplace(key, std::move(value));
      return good;
    }
    const auto command =
        std::find_if(commands_.begin(), commands_.end(),
                     [&table](const Command* one) { return one->full_name() == table; });
    if (command == commands_.end()) return unknown_table(value, table);
    const Option* option = option_of(**command, key);
    if (option == nullptr) return unknown_key(value, key, {*command});
    auto good = check(value, key, *option);
    if (good) tables_[table].emplace(key, std::move(value));
    return good;
  }

  /// What the file says for an option of a command.
  [[nodiscard]] const TomlValue* find(const Command& command, const std::string& key) const {
    const auto table = tables_.find(command.full_name());
    if (table != tables_.end()) {
      const auto own = table->second.find(key);
      if (own != table->second.end()) return &own->second;
    }
    const auto common = top_.find(key);
    return common == top_.end() ? nullptr : &common->second;
  }

 private:
  [[nodiscard]] Error wrong(const TomlValue& value, const std::string& what,
                            std::string hint = {}) const {
    return Error(Code::invalid_argument, fmt::format("{}:{}: {}", file_, value.line, what),
                 std::move(hint));
  }

  Result<void> unknown_key(const TomlValue& value, const std::string& key,
                           const std::vector<const Command*>& commands) const {
    for (const Command* command : commands) {
      const Option* option = option_named(command->options, "--" + key);
      if (option == nullptr || option->is_hidden()) continue;
      return fail(wrong(value, fmt::format("\"{}\" may not stand here", printable(key)),
                        fmt::format("it is for the command line: relay-broker {} --{}",
                                    command->full_name(), key)));
    }
    const auto known = keys_of(commands);
    const auto near = nearest(key, known);
    return fail(wrong(value,
                      fmt::format("there is no setting \"{}\"{}", printable(key),
                                  value.path.empty() ? "" : " of " + join(value.path, " ")),
                      near.empty() ? "settings have the names of options, without their dashes"
                                   : fmt::format("did you mean \"{}\"?", near)));
  }

  Result<void> unknown_table(const TomlValue& value, const std::string& table) const {
    std::vector<std::string> known;
    for (const Command* command : commands_) known.push_back(command->full_name());
    const auto near = nearest(table, known);
    return fail(wrong(value, fmt::format("there is no command \"{}\"", printable(table)),
                      near.empty() ? "relay-broker --help lists the commands"
                                   : fmt::format("did you mean \"{}\"?", near)));
  }

  Result<void> check(const TomlValue& value, const std::string& key, const Option& option) const {
    const auto* text = std::get_if<std::string>(&value.value);
    const auto* list = std::get_if<std::vector<std::string>>(&value.value);
    const bool many = std::holds_alternative<std::vector<std::string>*>(option.target());
    if (option.is_flag() != std::holds_alternative<bool>(value.value)) {
      return fail(wrong(value, key + (option.is_flag() ? " has to be true or false"
                                                       : " has to be a text or a number")));
    }
    if (list != nullptr && !many) return fail(wrong(value, key + " takes one value, not a list"));
    // As on the command line: what is in the open may be read by others.
    if (text != nullptr && key == kWorkspaceKey && !text->starts_with('@')) {
      return fail(wrong(value, "workspace-key has to name the file that holds it",
                        "workspace-key = \"@/path/of/a/file\""));
    }
    const auto& allowed = option.allowed();
    const bool fits = text == nullptr || allowed.empty() ||
                      std::find(allowed.begin(), allowed.end(), *text) != allowed.end();
    if (!fits) {
      return fail(wrong(value, fmt::format("{} has to be one of {}, not \"{}\"", key,
                                           join(allowed, ", "), printable(*text))));
    }
    if (option.check() == nullptr) return {};
    std::vector<std::string> values;
    if (text != nullptr) values.push_back(*text);
    if (list != nullptr) values = *list;
    for (const std::string& each : values) {
      const auto good = option.check()(each);
      if (!good) return fail(wrong(value, key + ": " + good.error().message, good.error().hint));
    }
    return {};
  }

  using Settings = std::map<std::string, TomlValue>;
  std::string file_;
  std::vector<const Command*> commands_;
  Settings top_;
  std::map<std::string, Settings> tables_;
};

void give(const Option& option, const TomlValue& value) {
  const auto* text = std::get_if<std::string>(&value.value);
  if (auto* const* flag = std::get_if<bool*>(&option.target())) {
    **flag = std::get<bool>(value.value);
  } else if (auto* const* one = std::get_if<std::string*>(&option.target())) {
    **one = *text;
  } else {
    auto* const many = std::get<std::vector<std::string>*>(option.target());
    *many = text != nullptr ? std::vector<std::string>{*text}
                            : std::get<std::vector<std::string>>(value.value);
  }
}

bool has_value(const Command& command, std::string_view name, std::string_view value) {
  return std::any_of(command.options.begin(), command.options.end(), [&](const Option& option) {
    auto* const* text = std::get_if<std::string*>(&option.target());
    return text != nullptr && option.long_name() == name && **text == value;
  });
}

/// What is typed makes the file's engine and key meaningless.
bool does_without_engine(const Command& command) {
  return has_value(command, "--relay", "off") || has_value(command, "--role", "engine");
}

/// No engine of ours.
bool runs_no_engine(const Command& command) {
  return has_value(command, "--relay", "off") || has_value(command, "--role", "node");
}

bool in_environment(const Option& option, const os::Environment& environment) {
  const auto& names = option.variables();
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return environment.get(name).has_value(); });
}

std::string asked_config(const os::Environment& environment, const std::string& named) {
  return !named.empty() ? named : environment.get(kConfigVariable).value_or(std::string());
}

}  // namespace

os::Path config_path(const os::Environment& environment, const os::UserPaths& paths,
                     const std::string& named) {
  const std::string asked = asked_config(environment, named);
  return asked.empty() ? paths.config / "config.toml" : std::filesystem::absolute(asked);
}

Result<ConfigFile> read_config(os::Files& files, const os::Environment& environment,
                               const os::UserPaths& paths, const std::string& named) {
  const std::string asked = asked_config(environment, named);
  ConfigFile out;
  out.path = config_path(environment, paths, named);
  auto text = files.read(out.path, kMostConfigBytes);
  const auto info = files.stat(out.path);
  // Who writes it decides which engine gets the workspace's key. (A group is often the user alone.)
  if (text && info && (info->mode & 002U) != 0) {
    return fail(os::unsafe(out.path, "everybody may write it",
                           "chmod o-w " + out.path.string() + ", or relay-broker doctor --fix"));
  }
  if (text && info && info->owner != ::geteuid() && info->owner != 0) {
    return fail(os::unsafe(out.path, "it belongs to somebody else", "copy it, and use the copy"));
  }
  if (text) {
    out.text = *std::move(text);
  } else if (!asked.empty() || text.error().code != Code::not_found) {
    Error error = std::move(text).error().within("the configuration");
    if (error.hint.empty() && asked.empty()) {
      error.hint = "set HOME to a directory of yours, or XDG_CONFIG_HOME";
    }
    return fail(std::move(error));
  }
  return out;
}

Result<void> apply_config(const ConfigFile& file, const os::Environment& environment,
                          const std::vector<Command>& commands, const Command* chosen) {
  if (!file.text) return {};
  auto values = pty::read_toml(*file.text, printable(file.path.string()));
  if (!values) return fail(std::move(values).error());
  ConfigReader reader(printable(file.path.string()), commands);
  for (TomlValue& value : *values) {
    auto taken = reader.take(std::move(value));
    if (!taken) return taken;
  }
  if (chosen == nullptr || chosen->hidden) return {};
  const Option* engine = option_of(*chosen, kEngine);
  const auto given = [chosen](std::string_view key) {
    const Option* option = option_of(*chosen, key);
    return option != nullptr && !is_unset(*option);
  };
  const bool another =
      engine != nullptr && (!is_unset(*engine) || in_environment(*engine, environment));
  const bool engine_given =
      another || given(kOwnEngine) || given(kStore) || does_without_engine(*chosen);
  const bool ours_decided =
      another || given(kOwnEngine) || given(kStore) || runs_no_engine(*chosen);
  for (const Option& option : chosen->options) {
    const std::string key = key_of(option);
    if (key.empty() || !is_unset(option) || in_environment(option, environment)) continue;
    // The file's key is for the file's engine, and for no other one.
    if (engine_given && (key == kWorkspaceKey || key == kEngine)) continue;
    // Of what decides about the engine, what was typed counts alone.
    if (ours_decided && (key == kOwnEngine || key == kStore)) continue;
    if (const TomlValue* value = reader.find(*chosen, key)) give(option, *value);
  }
  return {};
}

}  // namespace relay::cli
