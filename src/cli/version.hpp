#pragma once

#include <string>

namespace relay::cli {

/// "relay-broker 0.1.0", and the same as JSON.
[[nodiscard]] std::string version_line();
[[nodiscard]] std::string version_json();

}  // namespace relay::cli
