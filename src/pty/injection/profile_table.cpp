#include "pty/injection/profile_table.hpp"

#include <algorithm>
#include <cstdint>

#include "base/text.hpp"
#include "pty/injection/profile.hpp"
#include "pty/injection/toml_text.hpp"

namespace relay::pty {
namespace {

constexpr std::size_t kMostItems = 64;
constexpr std::size_t kMostText = 4096;

/// The text that was written, if it is one and not too long.
std::optional<std::string> written(const toml::node& node) {
  const auto* value = node.as_string();
  if (value == nullptr) return std::nullopt;
  std::string text = from_parser(value->get());
  if (text.size() > kMostText || text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

}  // namespace

void ProfileFault::set(std::size_t line, std::string what, std::string hint) {
  if (error) return;
  error =
      Error(Code::invalid_argument, fmt::format("{}:{}: {}", file, line, what), std::move(hint));
}

void ProfileFault::set(const toml::node& where, std::string what, std::string hint) {
  set(where.source().begin.line, std::move(what), std::move(hint));
}

const toml::node* ProfileTable::find(std::string_view key) {
  known_.emplace_back(key);
  return table_->get(key);
}

void ProfileTable::wrong(std::string_view key, std::string what, std::string hint) {
  const toml::node* node = table_->get(key);
  const toml::node& where = node != nullptr ? *node : static_cast<const toml::node&>(*table_);
  fault_->set(where,
              fmt::format("{}{}: {}", name_.empty() ? "" : name_ + ".", from_parser(key), what),
              std::move(hint));
}

void ProfileTable::text(std::string_view key, std::string& into) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  if (!node->is_string()) return wrong(key, "has to be a text in quotes");
  auto value = written(*node);
  if (!value) {
    return wrong(key, fmt::format("is longer than {} bytes or holds a zero byte", kMostText));
  }
  into = *std::move(value);
}

void ProfileTable::number(std::string_view key, std::size_t& into, std::size_t least,
                          std::size_t most) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const auto* value = node->as_integer();
  if (value == nullptr || value->get() < static_cast<std::int64_t>(least) ||
      value->get() > static_cast<std::int64_t>(most)) {
    return wrong(key, fmt::format("has to be a number from {} to {}", least, most));
  }
  into = static_cast<std::size_t>(value->get());
}

void ProfileTable::flag(std::string_view key, bool& into) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const auto* value = node->as_boolean();
  if (value == nullptr) return wrong(key, "has to be true or false");
  into = value->get();
}

void ProfileTable::texts(std::string_view key, std::vector<std::string>& into) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const auto* list = node->as_array();
  if (list == nullptr || list->size() > kMostItems) {
    return wrong(key, fmt::format("has to be a list of at most {} texts", kMostItems));
  }
  std::vector<std::string> found;
  for (const toml::node& item : *list) {
    auto value = written(item);
    if (!value || value->empty()) {
      return fault_->set(item, fmt::format("{}: has to hold texts that are not empty", key));
    }
    found.push_back(*std::move(value));
  }
  into = std::move(found);
}

void ProfileTable::patterns(std::string_view key, TextPatterns& into) {
  std::vector<std::string> sources;
  texts(key, sources);
  TextPatterns found;
  for (const std::string& source : sources) {
    auto pattern = TextPattern::make(source);
    if (!pattern) return wrong(key, pattern.error().message, pattern.error().hint);
    found.push_back(*std::move(pattern));
  }
  if (!found.empty()) into = std::move(found);
}

void ProfileTable::press(std::string_view key, std::string& into, bool may_be_empty) {
  std::string word = into;
  text(key, word);
  if (bytes_of_key(word).empty() && !(word.empty() && may_be_empty)) {
    return wrong(key, fmt::format("\"{}\" is no key", word),
                 "enter, esc, tab, space, up, down, left, right, ctrl-a to ctrl-z, alt-enter, one "
                 "character, or text:…");
  }
  into = std::move(word);
}

void ProfileTable::presses(std::string_view key, std::vector<std::string>& into) {
  std::vector<std::string> words;
  texts(key, words);
  for (const std::string& word : words) {
    if (bytes_of_key(word).empty()) return wrong(key, fmt::format("\"{}\" is no key", word));
  }
  if (!words.empty()) into = std::move(words);
}

std::optional<ProfileTable> ProfileTable::table(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* found = node->as_table();
  if (found == nullptr) {
    wrong(key, "has to be a table");
    return std::nullopt;
  }
  return ProfileTable(*found, std::string(key), *fault_);
}

std::vector<ProfileTable> ProfileTable::tables(std::string_view key, std::size_t most) {
  std::vector<ProfileTable> found;
  const toml::node* node = find(key);
  if (node == nullptr) return found;
  const auto* list = node->as_array();
  if (list == nullptr || list->size() > most) {
    wrong(key, fmt::format("has to be at most {} tables in double brackets", most));
    return found;
  }
  for (const toml::node& item : *list) {
    const auto* one = item.as_table();
    if (one == nullptr) {
      fault_->set(item, fmt::format("{}: has to be a table in double brackets", key));
      return found;
    }
    found.emplace_back(*one, std::string(key), *fault_);
  }
  return found;
}

std::vector<std::pair<std::string, std::string>> ProfileTable::all_texts() {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [key, node] : *table_) {
    std::string value;
    text(key.str(), value);
    found.emplace_back(from_parser(key.str()), std::move(value));
  }
  return found;
}

void ProfileTable::end() {
  for (const auto& [key, node] : *table_) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
    const std::string name = from_parser(key.str());
    const std::string_view near = nearest(name, known_);
    fault_->set(
        key.source().begin.line,
        fmt::format("there is no key \"{}\"{}", name, name_.empty() ? "" : " in [" + name_ + "]"),
        near.empty() ? std::string() : fmt::format("did you mean \"{}\"?", near));
  }
}

}  // namespace relay::pty
