#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pty/injection/envelope.hpp"
#include "pty/injection/injection_types.hpp"

namespace relay::cli {

/// A body of kMostBody bytes, every one of them escaped, and the fields around it.
inline constexpr std::size_t kMostRequestLine = 6 * pty::kMostBody + 4096;
/// Bytes of an id, a sender; both are shown to the program.
inline constexpr std::size_t kMostRequestName = 256;

/// One message from the control socket of `wrap`: `{"id":"m1","from":"alice","text":"hello"}`.
/// A broker says more: `"message"` (what the program answers to), `"kind"`, `"target"`,
/// `"thread"`, `"urgent"`, and `"once"`: asked for again it is not typed again. Other members are
/// ignored.
struct WrapMessage {
  /// As far as it could be read, so that a refusal can name the message.
  std::string id;
  /// Sender, id and body; or why not: invalid_json, invalid_argument, too_large.
  Result<pty::Letter> letter;
  bool urgent = false;
  bool once = false;
};
/// `{"watch":true}`: tell how the program does from now on.
struct WrapWatch {};
/// `{"end_within_ms":2000,"why":"it was released"}`: end the program. `why` is for the person.
struct WrapEnd {
  Duration grace{};
  std::string why;
};
/// `{"hook":"m1"}`: the program has shown that it read the message.
struct WrapHook {
  std::string id;
};
using WrapRequest = std::variant<WrapMessage, WrapWatch, WrapEnd, WrapHook>;
/// What is none of the others is a message that is refused.
[[nodiscard]] WrapRequest read_request(std::string_view line);

/// The two answers, each a line: `{"id":…,"error":{"code":…,"message":…,"hint":…}}` and
/// `{"id":…,"outcome":"typed","proof":"none","reason":"no_proof"}`.
[[nodiscard]] std::string refusal_line(std::string_view id, const Error& error);
[[nodiscard]] std::string outcome_line(std::string_view id, const pty::InjectionOutcome& outcome);

}  // namespace relay::cli
