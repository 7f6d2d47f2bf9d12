#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace relay::net {

/// `text` as one segment of a path: all but letters, digits and -._~ percent-encoded.
[[nodiscard]] std::string path_segment(std::string_view text);

/// A URL with a host, taken apart. Not decoded.
class Url {
 public:
  /// `invalid_argument` when it is none.
  static Result<Url> parse(std::string_view text);

  /// The Host field: the port is left out when it is the scheme's own.
  [[nodiscard]] std::string authority() const;
  /// "443" for https and wss, "80" for http and ws, else "".
  [[nodiscard]] static std::string_view default_port(std::string_view scheme);

  /// In lower case.
  std::string scheme;
  /// "user:password", usually empty.
  std::string userinfo;
  /// Without the brackets of an IPv6 address.
  std::string host;
  /// The scheme's own when none is given.
  std::string port;
  /// Path and query, at least "/".
  std::string target;
};

}  // namespace relay::net
