#pragma once

namespace relay::os {

/// A shared library that is only opened when something needs it: by its name, as the system looks
/// for it, or else in the directory where the build has found it ("": nowhere else). Null when it
/// is in neither; `dlerror` says why. It is never closed. From any thread.
[[nodiscard]] void* open_late(const char* name, const char* directory);

}  // namespace relay::os
