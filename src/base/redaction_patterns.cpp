#include "base/redaction_patterns.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/redaction.hpp"
#include "base/text.hpp"

namespace relay::redaction {
namespace {

/// No field name that matters is longer; bounds how far back a name is read.
constexpr std::size_t kLongestName = 64;

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_name(char c) {
  return is_alnum(c) || c == '_' || c == '-';
}
bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

/// Lower case, without '-' and '_': "X-Api-Key" -> "xapikey".
std::string plain_name(std::string_view name) {
  std::string plain = lower_ascii(name);
  std::erase_if(plain, [](char c) { return c == '-' || c == '_'; });
  return plain;
}

bool is_header_name(const std::string& plain) {
  constexpr std::array<std::string_view, 3> kEndings{"authorization", "cookie", "xapikey"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return plain.ends_with(ending); });
}

bool is_secret_name(const std::string& plain) {
  constexpr std::array<std::string_view, 14> kEndings{
      "token",      "secret",       "password",    "passwd",    "passphrase",
      "pwd",        "apikey",       "accesskey",   "secretkey", "privatekey",
      "credential", "workspacekey", "credentials", "authkey"};
  return is_header_name(plain) ||
         std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return plain.ends_with(ending); });
}

class Finder {
 public:
  explicit Finder(std::string_view line) : line_(line) {}

  std::vector<Span> find() {
    for (std::size_t i = 0; i < line_.size(); ++i) {
      // Inside a value that is hidden to its end there is nothing more to hide.
      if (i < hidden_to_) continue;
      switch (line_[i]) {
        case '_': token(i); break;
        case 'b':
        case 'B': bearer(i); break;
        case '=': assignment(i); break;
        case ':':
          field(i);
          user_info(i);
          break;
        case ' ': option(i); break;
        default: break;
      }
    }
    return std::move(spans_);
  }

 private:
  void hide(std::size_t from, std::size_t to, bool quoted = false) {
    from = after_marks(from);
    if (from >= to) return;
    spans_.push_back({from, to, quoted});
    hidden_to_ = std::max(hidden_to_, to);
  }

  /// Behind what an earlier pass has put there.
  [[nodiscard]] std::size_t after_marks(std::size_t at) const {
    while (at < line_.size() && line_.substr(at, kRedacted.size()) == kRedacted) {
      at += kRedacted.size();
    }
    return at;
  }

  template <class Pred>
  [[nodiscard]] std::size_t skip(std::size_t at, Pred wanted) const {
    while (at < line_.size() && wanted(line_[at])) ++at;
    return at;
  }

  /// Where the name that ends before `end` begins.
  [[nodiscard]] std::size_t name_start(std::size_t end) const {
    std::size_t from = end;
    while (from > 0 && end - from < kLongestName && is_name(line_[from - 1])) --from;
    return from;
  }

  /// "at_live_…", "br_<hex>": `at` is the '_' behind the prefix.
  void token(std::size_t at) {
    constexpr std::array<std::string_view, 7> kPrefixes{"rk", "at", "nt", "ot", "br", "wh", "arr"};
    const std::string_view before = line_.substr(0, at);
    for (const std::string_view prefix : kPrefixes) {
      if (!before.ends_with(prefix)) continue;
      const std::size_t from = at - prefix.size();
      if (at >= run_end_) read_run(at);
      const std::string_view body = line_.substr(at + 1, run_end_ - at - 1);
      const bool environment = body.starts_with("live_") || body.starts_with("test_");
      const bool has_digit = last_digit_ > at && last_digit_ < run_end_;
      const bool word_before = from > 0 && is_alnum(line_[from - 1]);
      // Words of ordinary names ("at_least_once") have no digits; a long run is a token wherever it
      // begins, for instance after an escaped newline.
      const std::size_t least = word_before ? 24 : 16;
      if ((environment && body.size() >= 5 + 8) || (has_digit && body.size() >= least)) {
        hide(from, run_end_);
        return;
      }
    }
  }

  /// The run of name characters from `at`, read once for all tokens that could begin in it.
  void read_run(std::size_t at) {
    last_digit_ = 0;
    for (run_end_ = at; run_end_ < line_.size() && is_name(line_[run_end_]); ++run_end_) {
      if (is_digit(line_[run_end_])) last_digit_ = run_end_;
    }
  }

  /// "Bearer abc". The words that people put behind it in a sentence stay.
  void bearer(std::size_t at) {
    constexpr std::string_view kWord = "bearer";
    if (!equal_ignoring_case(line_.substr(at, kWord.size()), kWord)) return;
    if (at > 0 && is_alnum(line_[at - 1])) return;
    std::size_t from = at + kWord.size();
    if (line_.substr(from, 3) == "%20") {
      from += 3;
    } else {
      const std::size_t word_end = from;
      from = skip(from, [](char c) { return is_blank(c) || c == '+'; });
      if (from == word_end) return;
    }
    const std::size_t to = skip(from, [](char c) { return !is_one_of(c, " \t\r\n\"'\\,;<>)]}&"); });
    const std::string_view value = line_.substr(from, to - from);
    constexpr std::array<std::string_view, 4> kWords{"token", "tokens", "auth", "authentication"};
    if (std::find(kWords.begin(), kWords.end(), value) == kWords.end()) hide(from, to);
  }

  /// "name=value": URL queries, environments, forms.
  void assignment(std::size_t at) {
    std::size_t end = at;
    while (end > 0 && is_blank(line_[end - 1]) && at - end < 4) --end;
    const std::size_t from = name_start(end);
    if (from == end || !is_secret_name(plain_name(line_.substr(from, end - from)))) return;
    value(skip(at + 1, is_blank), false);
  }

  /// `"name": value` as JSON, also escaped inside a string; `Name: value` of a header.
  void field(std::size_t at) {
    std::size_t end = at;
    while (end > 0 && is_blank(line_[end - 1]) && at - end < 4) --end;
    const bool quoted_name = end > 0 && is_one_of(line_[end - 1], "\"'");
    if (quoted_name) {
      --end;
      while (end > 0 && line_[end - 1] == '\\' && at - end < kLongestName) --end;
    }
    const std::size_t from = name_start(end);
    if (from == end) return;
    const std::string plain = plain_name(line_.substr(from, end - from));
    if (!is_secret_name(plain)) return;
    const std::size_t start = skip(at + 1, is_blank);
    if (quoted_name || is_quote(start)) {
      value(start, quoted_name);
    } else if (is_header_name(plain)) {
      hide(start, skip(start, [](char c) { return !is_one_of(c, "\r\n\"'\\"); }));
    }
  }

  /// "--token abc": `at` is the blank. A file, a variable or a placeholder is no secret.
  void option(std::size_t at) {
    const std::size_t name = name_start(at);
    const std::string_view word = line_.substr(name, at - name);
    if (!word.starts_with("--") || !is_secret_name(plain_name(word))) return;
    const std::size_t from = skip(at, is_blank);
    const std::string_view rest = line_.substr(from);
    if (rest.empty() || is_one_of(rest.front(), "@<$") || rest.starts_with("--")) return;
    if (rest == "-" || rest.starts_with("- ")) return;
    value(from, false);
  }

  /// "scheme://user:password@host", "https://<token>@host": `at` is the ':' behind the scheme.
  void user_info(std::size_t at) {
    constexpr std::size_t kLongUser = 20;
    if (line_.substr(at, 3) != "://") return;
    const std::size_t from = at + 3;
    const std::size_t end = skip(from, [](char c) { return !is_one_of(c, "/?# \t\r\n\"'<>\\"); });
    const std::size_t sign = line_.substr(from, end - from).rfind('@');
    if (sign == std::string_view::npos) return;
    const std::size_t colon = line_.substr(from, sign).find(':');
    if (colon != std::string_view::npos) {
      hide(from + colon + 1, from + sign);
    } else if (sign >= kLongUser) {
      hide(from, from + sign);
    }
  }

  [[nodiscard]] bool is_quote(std::size_t at) const {
    at = skip(at, [](char c) { return c == '\\'; });
    return at < line_.size() && is_one_of(line_[at], "\"'");
  }

  void value(std::size_t from, bool json) {
    from = after_marks(from);
    if (from >= line_.size()) return;
    if (is_quote(from)) {
      quoted_value(from);
    } else if (json && is_one_of(line_[from], "[{")) {
      hide(from, bracket_end(from), true);
    } else {
      const std::size_t to =
          skip(from, [](char c) { return !is_one_of(c, " \t\r\n\"'\\,;&#<>)]}"); });
      const std::string_view word = line_.substr(from, to - from);
      const bool nothing = word == "null" || word == "true" || word == "false";
      if (!nothing) hide(from, to, json);
    }
  }

  /// `from` is the quote or the backslashes in front of it: with n levels of JSON in JSON a quote
  /// has 2^n - 1 of them.
  void quoted_value(std::size_t from) {
    const std::size_t open = skip(from, [](char c) { return c == '\\'; });
    const std::size_t level = open - from;
    const char quote = line_[open];
    std::size_t slashes = 0;
    for (std::size_t i = open + 1; i < line_.size(); ++i) {
      if (line_[i] == '\\') {
        ++slashes;
        continue;
      }
      const bool closes = slashes < level || (slashes - level) / (level + 1) % 2 == 0;
      if (line_[i] == quote && closes) {
        hide(open + 1, i - std::min(slashes, level));
        return;
      }
      slashes = 0;
    }
    hide(open + 1, line_.size());
  }

  /// Behind the bracket that closes the one at `from`; the end of the line when there is none.
  [[nodiscard]] std::size_t bracket_end(std::size_t from) const {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = from; i < line_.size(); ++i) {
      const char c = line_[i];
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = !in_string;
      } else if (!in_string && is_one_of(c, "[{")) {
        ++depth;
      } else if (!in_string && is_one_of(c, "]}") && --depth == 0) {
        return i + 1;
      }
    }
    return line_.size();
  }

  std::string_view line_;
  std::vector<Span> spans_;
  std::size_t hidden_to_ = 0;
  std::size_t run_end_ = 0;
  std::size_t last_digit_ = 0;
};

}  // namespace

std::vector<Span> find_patterns(std::string_view line) {
  return Finder(line).find();
}

}  // namespace relay::redaction
