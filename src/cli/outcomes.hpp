#pragma once

#include "cli/command.hpp"
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace relay::cli {

/// What became of one of the things that a command was given.
struct Outcome {
  Outcome(std::string name_in, std::string what_in)
      : name(std::move(name_in)), what(std::move(what_in)) {}
  Outcome(std::string name_in, Error error_in)
      : name(std::move(name_in)), what("error"), error(std::move(error_in)) {}

  std::string name;
  /// "released", "dropped"; "error" with an error.
  std::string what;
  std::optional<Error> error;
};

/// Of several errors the one that the exit status stands for: what concerns the broker before what
/// concerns one thing, and that a thing is not there last. Null without any.
[[nodiscard]] const Error* worst_of(const std::vector<Outcome>& outcomes);

/// Tells each, and ends the command with the worst: for people the good ones on standard output and
/// the errors on standard error; with --json one document, in which `list` is the name of the list
/// and `key` that of a name. A single error is the command's own.
[[nodiscard]] Result<void> tell_outcomes(Context& context, const std::vector<Outcome>& outcomes,
                                         const char* list, const char* key);

}  // namespace relay::cli
