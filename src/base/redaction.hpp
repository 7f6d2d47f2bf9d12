#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"

namespace relay {

/// What stands in the place of a secret.
inline constexpr std::string_view kRedacted = "[redacted]";

/// `line` without what looks like a secret:
/// - tokens by their prefix (rk_, at_, nt_, ot_, br_, wh_, arr_),
/// - what follows the word Bearer, the value of an Authorization, Cookie or X-Api-Key header,
/// - values of fields whose name ends in token, secret, password, api_key and the like, as JSON
///   (also escaped inside a JSON string), as `name=value` (URL queries, environments) and as
///   `--name value`,
/// - passwords in URLs.
/// A mark that is there already stays one. The result has at most three times the length. Linear in
/// time.
/// Works on one line (or one whole text) at a time: a secret cut in two by the caller is not found.
[[nodiscard]] std::string redact(std::string_view line);

/// As `redact`, and also without the secrets that this process holds, found by value. Every sink of
/// logs and errors goes through one. May be used from several threads.
class Redactor {
 public:
  /// Shorter values would blot out ordinary words; no key or token of ours is shorter.
  static constexpr std::size_t kShortest = 6;

  /// From now on this value is never shown: neither as it is, nor percent-encoded, nor escaped for
  /// JSON; of a value of several lines none that is long enough. Watching one twice needs
  /// forgetting it twice. False for a value that is too short to be watched.
  bool watch(const Secret& secret);
  void forget(const Secret& secret);

  [[nodiscard]] std::string redact(std::string_view line) const;

 private:
  struct Watched {
    Secret value;
    std::size_t times;
  };

  mutable std::mutex mutex_;
  std::vector<Watched> watched_;
};

}  // namespace relay
