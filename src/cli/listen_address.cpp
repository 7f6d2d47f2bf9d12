#include "cli/listen_address.hpp"

#include <charconv>
#include <fmt/format.h>

#include "base/printable.hpp"

namespace relay::cli {

Result<ListenAddress> parse_listen_address(const std::string& text, std::string_view option) {
  ListenAddress out;
  const auto colon = text.rfind(':');
  std::string address = colon == std::string::npos ? "" : text.substr(0, colon);
  const std::string_view port =
      std::string_view(text).substr(colon == std::string::npos ? 0 : colon + 1);
  const auto read = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (read.ec != std::errc() || read.ptr != port.data() + port.size()) {
    return fail(Code::invalid_argument,
                fmt::format("{} takes HOST:PORT or a port, not '{}'", option, printable(text)),
                "127.0.0.1:8080, [::1]:8080 or 8080; 0 is any free port");
  }
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  if (!address.empty()) out.address = address == "localhost" ? "127.0.0.1" : address;
  return out;
}

}  // namespace relay::cli
