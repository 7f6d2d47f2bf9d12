#pragma once

#include <string>
#include <string_view>

#include "net/http_message.hpp"

// Responses, chunks and server-sent events as bytes. Pure; every function appends to `out`.
namespace relay::net {

/// How the end of a body is found.
enum class BodyFraming { length, chunked, until_close };

/// What the server adds to the head of a response.
class HeadOptions {
 public:
  BodyFraming framing = BodyFraming::length;
  bool keep_alive = true;
  /// Of the request: an HTTP/1.0 client has to be told that the connection stays.
  int minor_version = 1;
  /// For the Date field; none when empty.
  std::string_view date;
};

/// The status line and the fields, with Content-Length or Transfer-Encoding, Connection and Date;
/// such fields of `response` itself are left out. False, and nothing appended, when a name or a
/// value could break out of its line or the status has no three digits.
[[nodiscard]] bool append_head(std::string& out, const HttpResponse& response,
                               const HeadOptions& options);

/// A chunk of a chunked body; nothing for an empty `data`, which would end it.
void append_chunk(std::string& out, std::string_view data);
void append_last_chunk(std::string& out);

/// A server-sent event. Line ends of `data` (LF, CR LF, CR) become lines of the event. `event` and
/// `id` may be empty; a line end or NUL in them is replaced by a blank.
void append_event(std::string& out, std::string_view event, std::string_view data,
                  std::string_view id);
/// A line that clients ignore: ": text".
void append_comment(std::string& out, std::string_view text);

/// 1xx, 204 and 304 never have a body.
[[nodiscard]] bool status_has_body(int status);

}  // namespace relay::net
