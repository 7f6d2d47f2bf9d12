#pragma once

namespace relay::pty::keeper {

/// Gives back the memory that only the start of the program needed. The binary is linked with
/// libraries that a keeper never calls, and the linker has read through all of them: pages of files
/// that were not changed are dropped and come back from the page cache if they are used after all.
void give_back_start_up_memory();

}  // namespace relay::pty::keeper
