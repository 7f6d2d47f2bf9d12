#include "pty/injection/toml_values.hpp"

#include <fmt/format.h>
#include <optional>
#include <utility>

#include "pty/injection/profile_table.hpp"
#include "pty/injection/toml_text.hpp"

namespace relay::pty {
namespace {

constexpr std::size_t kMostDepth = 8;

/// Reads tables into a flat list; the first fault ends it.
class ValueReader {
 public:
  explicit ValueReader(std::string_view file) : fault_{std::string(file), std::nullopt} {}

  void read(const toml::table& table) {
    for (const auto& [key, node] : table) {
      path_.push_back(from_parser(key.str()));
      take(node, key.source().begin.line);
      path_.pop_back();
    }
  }
  Result<std::vector<TomlValue>> done() && {
    if (fault_.error) return fail(*std::move(fault_.error));
    return std::move(values_);
  }

 private:
  void take(const toml::node& node, std::size_t line) {
    if (const auto* table = node.as_table(); table != nullptr && path_.size() < kMostDepth) {
      return read(*table);
    }
    TomlValue out;
    out.path = path_;
    out.line = line;
    if (const auto* text = node.as_string()) {
      out.value = from_parser(text->get());
    } else if (const auto* flag = node.as_boolean()) {
      out.value = flag->get();
    } else if (const auto* number = node.as_integer()) {
      out.value = std::to_string(number->get());
    } else if (auto list = texts(node)) {
      out.value = *std::move(list);
    } else {
      fault_.set(line, path_.back() +
                           " has to be a text, a whole number, true or false, or a list of texts");
      return;
    }
    values_.push_back(std::move(out));
  }

  static std::optional<std::vector<std::string>> texts(const toml::node& node) {
    const auto* list = node.as_array();
    if (list == nullptr) return std::nullopt;
    std::vector<std::string> out;
    for (const toml::node& item : *list) {
      const auto* text = item.as_string();
      if (text == nullptr) return std::nullopt;
      out.push_back(from_parser(text->get()));
    }
    return out;
  }

  ProfileFault fault_;
  std::vector<std::string> path_;
  std::vector<TomlValue> values_;
};

}  // namespace

Result<std::vector<TomlValue>> read_toml(std::string_view text, std::string_view file) {
  const auto plain = for_parser(text, file);
  if (!plain) return fail(plain.error());
  const toml::parse_result parsed = toml::parse(*plain);
  if (!parsed) {
    ProfileFault fault{std::string(file), std::nullopt};
    fault.set(parsed.error().source().begin.line, from_parser(parsed.error().description()));
    return fail(*std::move(fault.error));
  }
  ValueReader reader(file);
  reader.read(parsed.table());
  return std::move(reader).done();
}

}  // namespace relay::pty
