#pragma once

#include <string>
#include <string_view>

namespace relay::test {

/// `document` without the member at `pointer` ("/data/token"). Keys only, no array indexes. A text
/// that is no JSON, or a pointer to nothing, is a broken test: std::invalid_argument.
[[nodiscard]] std::string json_without(std::string_view document, std::string_view pointer);

/// `document` with the member at `pointer` set to `value`, which is JSON text and is not checked.
/// The objects on the way must exist, the member itself may be new.
[[nodiscard]] std::string json_with(std::string_view document, std::string_view pointer,
                                    std::string_view value);

/// The JSON text at `pointer`, empty when there is nothing: `"3"` for a number, with the quotes for
/// a string.
[[nodiscard]] std::string json_at(std::string_view document, std::string_view pointer);

/// The string at `pointer`, empty when there is none.
[[nodiscard]] std::string json_string_at(std::string_view document, std::string_view pointer);

}  // namespace relay::test
