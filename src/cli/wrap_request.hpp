#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "pty/envelope.hpp"
#include "pty/injection_types.hpp"

namespace relay::cli {

/// A body of kMostBody bytes, every one of them escaped, and the fields around it.
inline constexpr std::size_t kMostRequestLine = 6 * pty::kMostBody + 4096;
/// Bytes of an id, a sender; both are shown to the program.
inline constexpr std::size_t kMostRequestName = 256;

/// One line from the control socket of `wrap`: `{"id":"m1","from":"alice","text":"hello"}`. Other
/// members are ignored.
struct WrapRequest {
  /// As far as it could be read, so that a refusal can name the message.
  std::string id;
  /// Sender, id and body; or why not: invalid_json, invalid_argument, too_large.
  Result<pty::Letter> letter;
};
[[nodiscard]] WrapRequest read_request(std::string_view line);

/// The two answers, each a line: `{"id":…,"error":{"code":…,"message":…,"hint":…}}` and
/// `{"id":…,"outcome":"typed","proof":"none","reason":"no_proof"}`.
[[nodiscard]] std::string refusal_line(std::string_view id, const Error& error);
[[nodiscard]] std::string outcome_line(std::string_view id, const pty::InjectionOutcome& outcome);

}  // namespace relay::cli
