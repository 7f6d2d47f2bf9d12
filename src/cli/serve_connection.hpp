#pragma once

#include "cli/command.hpp"
#include <string>

namespace relay::cli {

/// `serve --print-connection`: where the API of the running broker is: the file with its key, its
/// URL and the socket that needs none. Never the key.
[[nodiscard]] Result<void> print_connection(Context& context, const std::string& instance);

}  // namespace relay::cli
