#include "pty/injection/profile.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "base/utf8.hpp"

namespace relay::pty {

std::string bytes_of_key(std::string_view key) {
  static constexpr std::array kNamed{
      std::pair{"enter", "\r"},         std::pair{"esc", "\x1b"},    std::pair{"tab", "\t"},
      std::pair{"space", " "},          std::pair{"up", "\x1b[A"},   std::pair{"down", "\x1b[B"},
      std::pair{"right", "\x1b[C"},     std::pair{"left", "\x1b[D"}, std::pair{"backspace", "\x7f"},
      std::pair{"alt-enter", "\x1b\r"}, std::pair{"newline", "\n"},
  };
  for (const auto& [name, bytes] : kNamed) {
    if (key == name) return bytes;
  }
  constexpr std::string_view kText = "text:";
  if (key.starts_with(kText)) return std::string(key.substr(kText.size()));
  constexpr std::string_view kControl = "ctrl-";
  if (key.starts_with(kControl) && key.size() == kControl.size() + 1 && key.back() >= 'a' &&
      key.back() <= 'z') {
    return std::string(1, static_cast<char>(key.back() - 'a' + 1));
  }
  if (key.empty()) return {};
  const CodePoint point = first_code_point(key);
  const bool one_character = point.valid && point.length == key.size() && point.value > 0x20;
  return one_character ? std::string(key) : std::string();
}

bool profile_matches(const Profile& profile, std::string_view path_or_name) {
  const auto slash = path_or_name.rfind('/');
  if (slash != std::string_view::npos) path_or_name.remove_prefix(slash + 1);
  const std::string name = lower_ascii(path_or_name);
  return std::any_of(profile.match.begin(), profile.match.end(), [&name](const std::string& word) {
    if (!word.ends_with('*')) return name == word;
    return name.starts_with(std::string_view(word).substr(0, word.size() - 1));
  });
}

const Profile& profile_for(const std::vector<Profile>& profiles, std::string_view path_or_name) {
  for (const Profile& profile : profiles) {
    if (profile_matches(profile, path_or_name)) return profile;
  }
  return *std::find_if(profiles.begin(), profiles.end(),
                       [](const Profile& profile) { return profile.name == "generic"; });
}

}  // namespace relay::pty
