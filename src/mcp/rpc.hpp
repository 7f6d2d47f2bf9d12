#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "wire/json.hpp"

namespace relay::mcp {

/// A line of a client: one message of a model with a long text in it, and room to spare.
inline constexpr wire::JsonLimits kLineLimits{1024 * 1024, 64};
/// Messages of one batch.
inline constexpr std::size_t kMostBatch = 64;
/// Of an id's JSON: it goes back as it came.
inline constexpr std::size_t kMostId = 256;
/// Of a method's name.
inline constexpr std::size_t kMostMethod = 128;

/// JSON-RPC 2.0's numbers for what is wrong.
enum class RpcFault {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
};

/// One message of the client.
class RpcMessage {
 public:
  enum class Kind {
    request,
    notification,
    /// To a request of ours; we send none.
    response,
    /// Valid JSON, and no message. It is answered.
    invalid,
  };

  Kind kind = Kind::invalid;
  /// JSON as it came: `7`, `"a"`; "null" where there is none that may be sent back.
  std::string id = "null";
  std::string method;
  /// An object, or null when it was left out.
  wire::Json params;
  /// Of an invalid one.
  std::string why;
};

class RpcLine {
 public:
  bool batch = false;
  std::vector<RpcMessage> messages;
};

/// The messages of one line, without its newline. Fails for what is no JSON, too long, too deep or
/// too many.
[[nodiscard]] Result<RpcLine> read_line(std::string_view line);

/// An answer as one JSON text without a newline in it. `id` and `result` are JSON.
[[nodiscard]] std::string answer_text(std::string_view id, std::string_view result);
[[nodiscard]] std::string fault_text(std::string_view id, RpcFault fault, std::string_view message);

}  // namespace relay::mcp
