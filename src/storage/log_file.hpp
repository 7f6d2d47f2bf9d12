#pragma once

namespace relay::storage {

/// The name of the way to the disk for connections that write and wait for the disk at every commit
/// (write-ahead log, synchronous=FULL): what a commit adds to the log goes there in one call of the
/// system, not in two for each page. It is written before anybody can ask for it: at the sync that
/// ends the commit, and before the file is read, cut or measured. What no sync has asked for when
/// the file is closed is of no commit, and is dropped. A write that fails is told by the call that
/// needed it, and by every one after it until the log begins anew.
///
/// One connection at a time writes. One that does not wait for the disk would keep its commits to
/// itself: not for that one. Null when the system's own way cannot be stood in for; connections
/// take that one then. From any thread.
[[nodiscard]] const char* joined_log_writes();

}  // namespace relay::storage
