#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relay::os {

/// Environment variables as a value: read once at the start and handed on, so that nothing depends
/// on getenv and tests choose their own.
class Environment {
 public:
  Environment() = default;
  Environment(std::initializer_list<std::pair<const std::string, std::string>> variables)
      : variables_(variables) {}

  /// Those of this process. Call it in main, before there are threads.
  [[nodiscard]] static Environment of_process();

  /// Nothing for one that is missing or empty: the two mean the same for every variable we read.
  [[nodiscard]] std::optional<std::string> get(std::string_view name) const;
  void set(std::string_view name, std::string value);
  void unset(std::string_view name);

  /// "NAME=value" of all, as execve takes them.
  [[nodiscard]] std::vector<std::string> entries() const;

 private:
  std::map<std::string, std::string, std::less<>> variables_;
};

}  // namespace relay::os
