#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "wire/json.hpp"

namespace relay::wire {

/// How a decoder treats what its type does not know.
enum class Strictness {
  /// Unknown keys are passed over and null means absent: for everything that others send us.
  lenient,
  /// Unknown keys and null for an optional field are errors: what our own documents must survive.
  strict,
};

/// JSON text to a typed value: `decode_body<AgentCreate>(request.body, kInboundLimits)`. Declared
/// for every struct of the rest_*.hpp and events headers, and for std::vector of those that are
/// answered as lists. Code::invalid_json and Code::too_large when the text is no acceptable JSON,
/// Code::protocol_error with the path of the field when the shape is wrong.
template <class T>
[[nodiscard]] Result<T> decode_body(std::string_view text, JsonLimits limits = kEngineLimits,
                                    Strictness strictness = Strictness::lenient);

/// The same from a part of a document.
template <class T>
[[nodiscard]] Result<T> decode_body(JsonView view, Strictness strictness = Strictness::lenient);

/// A typed value to JSON text; absent optional fields are left out.
template <class T>
[[nodiscard]] std::string encode_body(const T& value);

/// A typed value as a part of another document.
template <class T>
[[nodiscard]] Json to_json(const T& value);

}  // namespace relay::wire
