#pragma once

#include <string>

namespace relay::bench {

/// Runs the server of this name ("raw" echoes bytes, "ws" echoes messages) until it is killed. Its
/// port is the first line on stdout.
int serve(const std::string& name);

}  // namespace relay::bench
