#pragma once

#include <string>

namespace relay::cli {

/// "relay-broker 0.1.0", and the same as JSON, with what it was built for and by.
[[nodiscard]] std::string version_line();
[[nodiscard]] std::string version_json();

}  // namespace relay::cli
