#pragma once

// Internal to pty/: names toml++.

#include <cstddef>
#include <fmt/format.h>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
// "[=" is an error that the parser reports; its assertion comes before that, and with NDEBUG it
// would be an assumption.
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "pty/injection/text_pattern.hpp"

namespace relay::pty {

/// The first thing that is wrong with a file.
struct ProfileFault {
  std::string file;
  std::optional<Error> error;

  void set(const toml::node& where, std::string what, std::string hint = {});
  void set(std::size_t line, std::string what, std::string hint = {});
};

/// One table of a profile. Each getter leaves `into` alone when the key is absent, and notes a
/// fault when it is not what it has to be; `end` notes the keys that nobody asked for.
class ProfileTable {
 public:
  ProfileTable(const toml::table& table, std::string name, ProfileFault& fault)
      : table_(&table), name_(std::move(name)), fault_(&fault) {}

  void text(std::string_view key, std::string& into);
  void number(std::string_view key, std::size_t& into, std::size_t least, std::size_t most);
  void flag(std::string_view key, bool& into);
  void texts(std::string_view key, std::vector<std::string>& into);
  void patterns(std::string_view key, TextPatterns& into);
  /// A key of the keyboard; "" if `may_be_empty`.
  void press(std::string_view key, std::string& into, bool may_be_empty);
  void presses(std::string_view key, std::vector<std::string>& into);

  template <class T>
  void choice(std::string_view key, T& into,
              std::initializer_list<std::pair<std::string_view, T>> choices) {
    std::string word;
    text(key, word);
    if (word.empty()) return;
    std::string known;
    for (const auto& [name, value] : choices) {
      if (name == word) {
        into = value;
        return;
      }
      if (!known.empty()) known += ", ";
      known += name;
    }
    wrong(key, fmt::format("\"{}\" is none of {}", word, known));
  }

  /// The table under `key`; absent is nullopt.
  [[nodiscard]] std::optional<ProfileTable> table(std::string_view key);
  /// [[key]], each one.
  [[nodiscard]] std::vector<ProfileTable> tables(std::string_view key, std::size_t most);
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> all_texts();
  void wrong(std::string_view key, std::string what, std::string hint = {});
  void end();

 private:
  [[nodiscard]] const toml::node* find(std::string_view key);

  const toml::table* table_;
  std::string name_;
  ProfileFault* fault_;
  std::vector<std::string> known_;
};

}  // namespace relay::pty
