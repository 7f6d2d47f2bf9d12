#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace relay::test {

/// What came back for one request.
struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  /// The text, number or JSON behind a pointer such as "/data/id" of the body; "" when there is
  /// nothing.
  [[nodiscard]] std::string at(const std::string& pointer) const;
};

/// One request to this port of the loopback, on a connection of its own; blocks, 20 s at most.
/// `header_lines` hold the Host. Throws when nobody listens, or hangs up before the whole answer.
[[nodiscard]] Reply http_ask(std::uint16_t port, const std::string& method,
                             const std::string& target,
                             const std::vector<std::string>& header_lines,
                             const std::string& body = {});

}  // namespace relay::test
