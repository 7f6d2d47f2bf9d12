#include "cli/command.hpp"

#include <algorithm>
#include <utility>

#include "base/duration.hpp"
#include "base/text.hpp"

namespace relay::cli {

Option&& Option::value_name(std::string name) && {
  value_name_ = std::move(name);
  return std::move(*this);
}

Option&& Option::choices(std::vector<std::string> values) && {
  choices_ = std::move(values);
  return std::move(*this);
}

Option&& Option::looked_up(std::function<std::vector<std::string>()> look) && {
  look_ = std::move(look);
  return std::move(*this);
}

Option&& Option::required() && {
  required_ = true;
  return std::move(*this);
}

Option&& Option::checked(Check by) && {
  check_ = by;
  return std::move(*this);
}

Option&& Option::duration() && {
  value_name_ = "DURATION";
  check_ = [](const std::string& value) -> Result<void> {
    const auto read = parse_duration(value);
    if (!read) return fail(read.error());
    return {};
  };
  return std::move(*this);
}

Option&& Option::rest() && {
  rest_ = true;
  return std::move(*this);
}

Option&& Option::rare() && {
  rare_ = true;
  return std::move(*this);
}

Option&& Option::setting(std::vector<std::string> variables) && {
  setting_ = true;
  variables_ = std::move(variables);
  return std::move(*this);
}

Option&& Option::hidden() && {
  hidden_ = true;
  return std::move(*this);
}

std::string Option::long_name() const {
  const auto comma = names_.rfind(',');
  return comma == std::string::npos ? names_ : names_.substr(comma + 1);
}

const Option* option_named(const std::vector<Option>& options, std::string_view name) {
  for (const Option& option : options) {
    if (option.is_argument()) continue;
    for (const auto part : split(option.names(), ',')) {
      if (part == name) return &option;
    }
  }
  return nullptr;
}

std::string Command::full_name() const {
  return group.empty() ? name : group + " " + name;
}

const Command* command_named(const std::vector<Command>& commands, std::string_view name) {
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&](const Command& each) { return each.name == name; });
  return found == commands.end() ? nullptr : &*found;
}

}  // namespace relay::cli
