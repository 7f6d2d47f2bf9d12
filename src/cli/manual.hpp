#pragma once

#include "cli/command.hpp"
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relay::cli {

/// One exit status and what it says, for the manual: "128+n", "Ended by signal n".
struct StatusMeaning {
  std::string_view status;
  std::string_view meaning;
};
[[nodiscard]] std::span<const StatusMeaning> status_meanings();

/// The pages that the manual has: "relay-broker", and one for each command that is not hidden.
[[nodiscard]] std::vector<std::string> manual_pages(const std::vector<Command>& commands);

/// A manual page as scdoc(5) text. Name, synopsis, arguments, options and examples come from the
/// descriptions that parser and help use; `prose` brings the words that only a manual has:
/// - `# DESCRIPTION` and any other section is taken as it is;
/// - an entry of `# OPTIONS` (`*--name*`, its text indented below) goes on where the help ends;
/// - in the page of a group, `# COMMANDS` does the same for its commands (`*list*`).
/// An entry for what does not exist, and a `*--name*` anywhere that is no option of any command,
/// are errors: the prose has fallen behind.
[[nodiscard]] Result<std::string> manual_page(const std::string& page,
                                              const std::vector<Option>& global,
                                              const std::vector<Command>& commands,
                                              std::string_view prose);

/// `__manual [PAGE]`, for the build: the names of the pages, or the page whose prose is on standard
/// input.
[[nodiscard]] Command manual_command(const std::vector<Option>& global,
                                     const std::vector<Command>& commands);

}  // namespace relay::cli
