#include "cli/attach_keys.hpp"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <optional>

#include "base/printable.hpp"
#include "base/text.hpp"

namespace relay::cli {
namespace {

constexpr char kEscapeKey = 0x1B;
constexpr std::size_t kMostDetachKeys = 4;
/// A beginning that is shorter is a key with Alt: "ESC [", "ESC P".
constexpr std::size_t kLeastUnfinished = 3;

bool is_between(char c, char first, char last) {
  return c >= first && c <= last;
}

/// The parts of `CSI ? 1 ; 2 $ y`.
struct KeySequence {
  std::string_view parameters;
  std::string_view intermediates;
  char final = 0;
};

/// How long the sequence at the start of `text` is; nothing when its end is not there.
std::optional<std::size_t> length_of_csi(std::string_view text) {
  std::size_t at = 2;
  while (at < text.size() && is_between(text[at], 0x20, 0x3F)) ++at;
  if (at == text.size()) return std::nullopt;
  // Anything else than its last character is the beginning of something new.
  return is_between(text[at], 0x40, 0x7E) ? at + 1 : at;
}

std::optional<std::size_t> length_of_string(std::string_view text) {
  const auto bel = text[1] == ']' ? text.find('\a') : std::string_view::npos;
  const auto st = text.find("\x1B\\", 2);
  if (bel < st) return bel + 1;
  if (st == std::string_view::npos) return std::nullopt;
  return st + 2;
}

/// The length of what is at the start of `text`: a key, a report, or one byte of something else.
std::optional<std::size_t> length_of_token(std::string_view text) {
  if (text[0] != kEscapeKey || text.size() < 2) return 1;
  switch (text[1]) {
    case '[': return length_of_csi(text);
    case ']':
    case 'P':
    case '_':
    case '^': return length_of_string(text);
    case kEscapeKey: return 1;
    default: return 2;
  }
}

std::optional<KeySequence> csi_of(std::string_view token) {
  if (token.size() < 3 || !token.starts_with("\x1B[")) return std::nullopt;
  KeySequence out;
  std::size_t at = 2;
  while (at + 1 < token.size() && is_between(token[at], 0x30, 0x3F)) ++at;
  out.parameters = token.substr(2, at - 2);
  out.intermediates = token.substr(at, token.size() - 1 - at);
  out.final = token.back();
  return out;
}

/// The parameter of a key with all modifiers.
constexpr int kMostModifiers = 16;
/// Answers that a terminal may owe; one that never answers is not waited for any longer.
constexpr std::size_t kMostOwed = 64;

/// An answer of the terminal to a query.
bool is_answer(std::string_view token) {
  if (token.size() > 2 && token[0] == kEscapeKey) {
    // OSC, DCS, APC, PM with their ends: no key is like that.
    if (token[1] == ']' || token[1] == 'P' || token[1] == '_' || token[1] == '^') return true;
  }
  const auto csi = csi_of(token);
  if (!csi) return false;
  const bool is_private = !csi->parameters.empty() && is_between(csi->parameters[0], '<', '?');
  switch (csi->final) {
    case 'R': return csi->parameters.find(';') != std::string_view::npos;  // cursor position
    case 'c': return is_private;                                           // device attributes
    case 'n': return true;                                                 // status
    case 'y': return csi->intermediates == "$";                            // modes
    case 't': return true;                                                 // sizes
    case 'u': return is_private;                                           // kitty's flags
    default: return false;
  }
}

std::optional<int> number_of(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct KeyPress {
  /// The control key's byte, or 0 for another key.
  char control = 0;
  /// It was let go: no key at all.
  bool released = false;
};

/// With Ctrl and nothing else but locks.
char control_of(int code, int modifiers) {
  constexpr int kCtrl = 4;
  constexpr int kLocks = 64 | 128;
  if (((modifiers - 1) & ~kLocks) != kCtrl) return 0;
  if (code >= 'a' && code <= 'z') code -= 'a' - 'A';
  return code >= '@' && code <= '_' ? static_cast<char>(code & 0x1F) : '\0';
}

KeyPress press_of(std::string_view token) {
  if (token.size() == 1) {
    const bool control = token[0] > 0 && token[0] < 0x20 && token[0] != kEscapeKey;
    return {control ? token[0] : '\0', false};
  }
  const auto csi = csi_of(token);
  if (!csi || !csi->intermediates.empty()) return {};
  const auto parts = split(csi->parameters, ';');
  // CSI code[:…] ; modifiers[:event] u
  if (parts.size() >= 2) {
    const auto modifiers = split(parts[1], ':');
    const auto code = number_of(split(parts[0], ':').front());
    const auto bits = number_of(modifiers.front());
    const bool released = modifiers.size() > 1 && modifiers[1] == "3";
    if (released) return {0, true};
    if (csi->final == 'u' && code && bits) return {control_of(*code, *bits), false};
  }
  // CSI 27 ; modifiers ; code ~
  if (csi->final == '~' && parts.size() == 3 && parts[0] == "27") {
    const auto bits = number_of(parts[1]);
    const auto code = number_of(parts[2]);
    if (code && bits) return {control_of(*code, *bits), false};
  }
  return {};
}

/// With kitty's protocol modifier keys are keys of their own.
bool is_modifier_alone(std::string_view token) {
  const auto csi = csi_of(token);
  if (!csi || csi->final != 'u') return false;
  const auto code = number_of(split(split(csi->parameters, ';').front(), ':').front());
  return code && *code >= 57441 && *code <= 57454;
}

}  // namespace

Result<DetachKeys> detach_keys(std::string_view text) {
  DetachKeys keys;
  if (text == "none") return keys;
  std::string words(text);
  for (char& c : words) {
    if (c == ',') c = ' ';
  }
  for (const auto word : split_words(words)) {
    const bool named = word.size() == 6 && (word.starts_with("ctrl-") || word.starts_with("Ctrl-"));
    char key = named ? word[5] : '\0';
    if (is_between(key, 'a', 'z')) key = static_cast<char>(key - 'a' + 'A');
    if (!is_between(key, 'A', '_') || key == '[') {
      return fail(Code::invalid_argument,
                  fmt::format("--detach-key does not know the key '{}'", printable(word)),
                  "a key is ctrl- and a letter, \\, ], ^ or _; \"none\" for no key at all");
    }
    keys.push_back(static_cast<char>(key & 0x1F));
  }
  if (keys.empty() || keys.size() > kMostDetachKeys) {
    return fail(Code::invalid_argument,
                fmt::format("--detach-key takes one to {} keys", kMostDetachKeys),
                "for example ctrl-p,ctrl-q");
  }
  return keys;
}

AttachKeys::Typed AttachKeys::feed(std::string_view bytes) {
  // What does not end with the next piece is no sequence: then it was typed.
  const bool waited = !unfinished_.empty();
  const std::string all = std::exchange(unfinished_, {}) + std::string(bytes);
  std::string_view left = all;
  Typed typed;
  while (!left.empty() && !typed.detach) {
    auto length = length_of_token(left);
    if (!length && left.size() >= kLeastUnfinished && !waited) {
      unfinished_ = left;
      break;
    }
    if (!length) length = std::min<std::size_t>(left.size(), 2);
    look_for_paste(left.substr(0, *length));
    take(left.substr(0, *length), typed);
    left.remove_prefix(*length);
  }
  return typed;
}

/// By its bytes: a bracket that was cut after ESC is no token.
void AttachKeys::look_for_paste(std::string_view bytes) {
  constexpr std::string_view kBegin = "\x1B[200~";
  constexpr std::string_view kEnd = "\x1B[201~";
  for (const char c : bytes) {
    last_bytes_ += c;
    if (last_bytes_.size() > kEnd.size()) last_bytes_.erase(0, 1);
    if (last_bytes_ == kBegin) pasting_ = true;
    if (last_bytes_ == kEnd) pasting_ = false;
  }
}

void AttachKeys::shown(std::string_view output) {
  constexpr std::string_view kQuestion = "\x1B[6n";
  for (const char c : output) {
    if (c != kQuestion[asked_]) asked_ = 0;
    if (c == kQuestion[asked_]) ++asked_;
    if (asked_ < kQuestion.size()) continue;
    asked_ = 0;
    owed_ = std::min(owed_ + 1, kMostOwed);
  }
}

/// Whether a cursor's place was asked for; an answer that came is owed no more.
bool AttachKeys::is_owed(std::string_view token) {
  const auto csi = csi_of(token);
  const bool place = csi && csi->final == 'R' && !csi->parameters.starts_with('?');
  if (!place || csi->parameters.find(';') == std::string_view::npos) return true;
  const auto column = number_of(csi->parameters.substr(csi->parameters.find(';') + 1));
  const bool may_be_key =
      csi->parameters.starts_with("1;") && column && *column >= 2 && *column <= kMostModifiers;
  if (owed_ == 0) return !may_be_key;
  --owed_;
  return true;
}

void AttachKeys::take(std::string_view token, Typed& typed) {
  if (is_answer(token) && is_owed(token)) return;
  const KeyPress press = pasting_ ? KeyPress() : press_of(token);
  const bool beside = press.released || (matched_ > 0 && is_modifier_alone(token));
  if (matched_ > 0 && beside) {
    matched_bytes_ += token;
    return;
  }
  if (press.control != 0 && matched_ < detach_.size() && press.control == detach_[matched_]) {
    matched_bytes_ += token;
    typed.detach = ++matched_ == detach_.size();
    return;
  }
  if (matched_ > 0) {
    // It was none of ours. What is typed now may begin anew.
    matched_ = 0;
    typed.keys += std::exchange(matched_bytes_, {});
    return take(token, typed);
  }
  if (press.control != 0) typed.controls += press.control;
  typed.keys += token;
}

}  // namespace relay::cli
