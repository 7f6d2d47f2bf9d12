#pragma once

#include "os/fd.hpp"
#include "os/paths.hpp"

namespace relay::test {

/// Unix sockets that a test reads and writes by itself. Who waits at one of them for longer than
/// any test needs gets an error. Each of these throws when it cannot be done.

/// A server's, whose directory is there.
[[nodiscard]] os::Fd listen_at(const os::Path& path);
/// The next connection to it.
[[nodiscard]] os::Fd accept_from(const os::Fd& listener);
[[nodiscard]] os::Fd connect_to(const os::Path& path);
/// One that gets datagrams.
[[nodiscard]] os::Fd datagrams_at(const os::Path& path);

}  // namespace relay::test
