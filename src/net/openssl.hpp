#pragma once

#include "base/result.hpp"

namespace relay::net {

/// Whether OpenSSL can be used from now on. Where it is loaded at its first use this loads it, in
/// about a millisecond; `internal_error` when it is not there. From any thread. Whoever is about to
/// use it for long, or for a connection, asks first: a later failure ends the process.
[[nodiscard]] Result<void> load_openssl();

}  // namespace relay::net
