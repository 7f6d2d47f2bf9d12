#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "wire/json.hpp"

namespace relay::wire {

/// Why an engine refused a request; `code` is its own word ("agent_already_exists").
struct ApiError {
  std::string code;
  std::string message;
};

/// Data of an answer that has none: {"ok":true}.
struct NoData {};

/// The body of every answer of the REST API: {"ok":true,"data":…} or {"ok":false,"error":…}.
template <class T>
struct Answer {
  /// Set exactly when `error` is not.
  std::optional<T> data;
  std::optional<ApiError> error;
};

/// The body of an answer, as a client reads it. An Error when it is no envelope or its data has the
/// wrong shape; the engine's own refusal is an Answer. For every type that has `decode_body<T>`.
template <class T>
[[nodiscard]] Result<Answer<T>> decode_answer(std::string_view text);

/// The body of a good answer.
template <class T>
[[nodiscard]] std::string encode_answer(const T& data);
/// The body of a good answer without data.
[[nodiscard]] std::string encode_answer();
/// The body of a bad answer.
[[nodiscard]] std::string encode_refusal(const ApiError& error);

}  // namespace relay::wire
