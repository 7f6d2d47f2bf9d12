#pragma once

#include "cli/output.hpp"
#include <string>

#include "base/error.hpp"

namespace relay::cli {

/// How a failed command tells it: `error:` and `hint:` lines on standard error for people, or one
/// JSON object on standard output with --json, where that can be written. Returns the exit status
/// of the code. The only way out for errors.
int report(const Error& error, bool json, Output& out);

/// `{"ok":false,"error":{…}}`, the JSON form.
[[nodiscard]] std::string error_json(const Error& error);

}  // namespace relay::cli
