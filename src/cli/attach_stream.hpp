#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace relay::cli {

/// A picture of an agent's terminal.
struct AttachScreen {
  unsigned rows = 0;
  unsigned columns = 0;
  /// Output that paints it.
  std::string paint;
  /// The alternate screen is shown.
  bool alternate = false;
};

/// What one message of a broker's output stream means for the terminal that shows it.
struct AttachStep {
  enum class Kind {
    nothing,
    print,  // `bytes`
    paint,  // `screen`, whatever was shown before
    gap,    // output is missing: only another picture helps
    ended,  // the agent's program, as `exit` and `status` say
  };
  Kind kind = Kind::nothing;
  std::string bytes;
  AttachScreen screen;
  /// "exit status 3"; empty when there is no program to speak of.
  std::string exit;
  std::optional<int> status;
};

/// Follows the output of one agent as `GET /api/output/{name}` sends it, so that each byte is shown
/// once. Pure.
class AttachStream {
 public:
  /// `protocol_error` for what no broker sends; what the broker refuses is an error in its words.
  [[nodiscard]] Result<AttachStep> text(std::string_view json);
  [[nodiscard]] Result<AttachStep> binary(std::string_view data);

 private:
  /// The position of the next byte; nothing before the first picture.
  std::optional<std::uint64_t> at_;
};

/// What the broker answers to keys.
struct InputNote {
  enum class Kind { nothing, drivers, typed, refused };
  Kind kind = Kind::nothing;
  /// All who drive the agent.
  std::vector<std::string> drivers;
  /// Why keys were refused; `node_not_ready` by a broker that is ending.
  Error error{Code::internal_error, ""};
  /// Other keys may be taken later.
  bool again = false;
};
[[nodiscard]] Result<InputNote> read_input_note(std::string_view json);

}  // namespace relay::cli
