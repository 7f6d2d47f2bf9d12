#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "net/stream.hpp"

namespace relay::net {

/// Header fields in the order of the wire. Names are compared without regard to case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  void add(std::string name, std::string value);
  /// Replaces every field of that name.
  void set(std::string name, std::string value);
  /// The first field of that name.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  /// Whether one of the comma-separated items of the fields of that name is `token` (any case), as
  /// in `Connection: keep-alive, Upgrade`.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;
  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }
  void clear() { fields_.clear(); }

 private:
  std::vector<Field> fields_;
};

/// A request as a server got it.
class HttpRequest {
 public:
  [[nodiscard]] std::string_view path() const;
  /// What follows the `?`, undecoded; empty when there is none.
  [[nodiscard]] std::string_view query() const;
  /// A decoded query parameter; nothing when it is absent or badly encoded.
  [[nodiscard]] std::optional<std::string> query_value(std::string_view name) const;

  std::string method;
  /// As sent: "/v1/agents?status=active".
  std::string target;
  Headers headers;
  std::string body;
  /// The user behind a Unix socket; nothing for TCP.
  std::optional<uid_t> peer_uid;
  std::string peer_name;
};

class HttpResponse {
 public:
  HttpResponse() = default;
  explicit HttpResponse(int status_in) : status(status_in) {}
  HttpResponse(int status_in, std::string content_type, std::string body_in);

  int status = 200;
  Headers headers;
  std::string body;
};

/// A connection that leaves HTTP after its 101: the socket and the bytes already read past the
/// request.
class Handover {
 public:
  Handover(StreamPtr stream_in, std::string already_read_in)
      : stream(std::move(stream_in)), already_read(std::move(already_read_in)) {}

  StreamPtr stream;
  std::string already_read;
};

/// Whether two header names, or other words of HTTP, are the same but for case.
[[nodiscard]] bool same_field_name(std::string_view a, std::string_view b);

/// Undoes percent encoding, as in a path; `+` stays. Nothing when it is badly encoded.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

/// "Not Found" for 404; "Unknown" for a number without a name.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace relay::net
