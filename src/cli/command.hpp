#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace relay::cli {

class Output;

/// One option or argument of a command: what the parser, the help page, the man page and the
/// completion know. `names` is "--grace", "-n,--name", or a bare word for an argument that is told
/// by its place.
class Option {
 public:
  using Target = std::variant<bool*, std::string*, std::vector<std::string>*>;

  Option(std::string names, std::string help, Target into)
      : names_(std::move(names)), help_(std::move(help)), into_(into) {}

  /// What stands for the value in the help: "DIR".
  Option&& value_name(std::string name) &&;
  /// The only values allowed; also what completion offers.
  Option&& choices(std::vector<std::string> values) &&;
  /// Asked for what may stand here while the user types: live names. Within 200 ms, and nothing
  /// when that cannot be known.
  Option&& looked_up(std::function<std::vector<std::string>()> look) &&;
  Option&& required() &&;
  /// Looks at a value as soon as the command line is read; its error names the option by itself.
  using Check = Result<void> (*)(const std::string& value);
  Option&& checked(Check by) &&;
  /// A length of time, as `parse_duration` reads it.
  Option&& duration() &&;
  /// Takes every word from its place on as it is, options too: the last argument of a command that
  /// runs another one. Its target is a list.
  Option&& rest() &&;
  /// Left out of help and completion.
  Option&& hidden() &&;
  /// For few: on the help page by its name only; a global one on the first page only.
  Option&& rare() &&;
  /// It may also come from the configuration file. These variables of the environment say the same,
  /// and count before the file.
  Option&& setting(std::vector<std::string> variables = {}) &&;

  [[nodiscard]] const std::string& names() const { return names_; }
  [[nodiscard]] const std::string& help() const { return help_; }
  [[nodiscard]] const Target& target() const { return into_; }
  [[nodiscard]] const std::string& shown_value() const { return value_name_; }
  [[nodiscard]] const std::vector<std::string>& allowed() const { return choices_; }
  [[nodiscard]] const std::function<std::vector<std::string>()>& look() const { return look_; }
  [[nodiscard]] Check check() const { return check_; }
  [[nodiscard]] bool is_required() const { return required_; }
  [[nodiscard]] bool is_rest() const { return rest_; }
  [[nodiscard]] bool is_hidden() const { return hidden_; }
  [[nodiscard]] bool is_rare() const { return rare_; }
  [[nodiscard]] bool is_setting() const { return setting_; }
  [[nodiscard]] const std::vector<std::string>& variables() const { return variables_; }
  [[nodiscard]] bool is_flag() const { return std::holds_alternative<bool*>(into_); }
  [[nodiscard]] bool is_argument() const { return names_.front() != '-'; }
  /// "--name" of "-n,--name".
  [[nodiscard]] std::string long_name() const;

 private:
  std::string names_;
  std::string help_;
  Target into_;
  std::string value_name_;
  std::vector<std::string> choices_;
  std::function<std::vector<std::string>()> look_;
  Check check_ = nullptr;
  bool required_ = false;
  bool rest_ = false;
  bool hidden_ = false;
  bool rare_ = false;
  bool setting_ = false;
  std::vector<std::string> variables_;
};

/// The last argument of a command that starts another program, whose words stand behind "--".
inline constexpr const char* kProgramArguments = "args";

/// The one that may be written so ("--json", "-n"); null when there is none.
[[nodiscard]] const Option* option_named(const std::vector<Option>& options, std::string_view name);

/// What a command may use of the world outside; lives longer than its run.
struct Context {
  Output& out;
  bool json = false;
  /// The signal that ended the command's work, for the exit status; 0 for none.
  int ended_by = 0;
  /// The exit status of the process in place of the one that the result stands for.
  std::optional<int> status = {};
  /// What has been done, once it has been: "it was sent". It is not undone when the output that
  /// tells of it cannot be written, and must not be asked for again.
  std::string deed = {};
  /// What is wrong with the configuration file, for commands that run all the same.
  std::optional<Error> config_error = {};
};

/// One command: a description and a coroutine-free entry. Its options write into `state`, which the
/// command owns, so a Command can be moved about before it is parsed. A command with `commands` is
/// a group: it has no options and no entry of its own, `relay-broker token list` runs `list`.
struct Command {
  std::string name;
  /// The name of the group that this is in; empty for most.
  std::string group;
  /// One line, a sentence without its full stop.
  std::string summary;
  /// At least two command lines a user would type.
  std::vector<std::string> examples;
  std::vector<Option> options;
  /// Left out of help and completion; the configuration file does not count for it.
  bool hidden = false;
  /// It runs although the configuration file is wrong.
  bool bears_bad_config = false;
  std::function<Result<void>(Context&)> run;
  std::shared_ptr<void> state;
  std::vector<Command> commands;

  [[nodiscard]] bool is_group() const { return !commands.empty(); }
  /// "token list"
  [[nodiscard]] std::string full_name() const;
};

/// The one that is called so, at this level; null when there is none.
[[nodiscard]] const Command* command_named(const std::vector<Command>& commands,
                                           std::string_view name);

}  // namespace relay::cli
