#pragma once

namespace relay::os {

/// Unmaps the code of the program and its libraries. What is called is mapped again at once, a page
/// fault for each 64 KiB, from what the kernel keeps of these files; so a service that has started
/// and is going to wait holds what it uses from then on, not what its start has used. From any
/// thread; never fails: what cannot be unmapped stays.
void forget_used_code() noexcept;

}  // namespace relay::os
