// Internal to broker/: answers of the local API. Two shapes of errors are on the wire, and clients
// read both: `{"success":false,"error":…}` for calls that act on agents and send messages, and
// `{"code":…,"message":…}` for everything else. Both carry code and hint of ours as well. Texts are
// redacted.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/json_writer.hpp"
#include "net/http_exchange.hpp"

namespace relay::broker {

/// The HTTP status of an error of ours.
[[nodiscard]] int http_status_of(Code code);

void answer_text(net::Exchange* exchange, int status, std::string text);
void answer_json(net::Exchange* exchange, int status, std::string json);

/// 200 with one object; `fields(JsonWriter&)` writes what is in it.
template <class Fields>
void answer(net::Exchange* exchange, Fields&& fields) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  fields(out);
  out.end_object();
  out.finish();
  answer_json(exchange, 200, std::move(json));
}

/// `{"code":…,"message":…}`
void refuse(net::Exchange* exchange, int status, std::string_view code, std::string_view message);
/// The same with the error's words and hint.
void refuse(net::Exchange* exchange, int status, std::string_view code, const Error& error);
void refuse(net::Exchange* exchange, const Error& error);
/// The same about one agent: "unknown worker 'x'" when it is not here.
void refuse_agent(net::Exchange* exchange, std::string_view name, const Error& error);

/// `{"success":false,"error":…}` and, with `key`, whom it was about.
void refuse_call(net::Exchange* exchange, int status, const Error& error, std::string_view key = {},
                 std::string_view whom = {});

/// The same in words of the peer that are no codes of ours.
void refuse_call(net::Exchange* exchange, int status, std::string_view code, std::string_view error,
                 std::string_view key = {}, std::string_view whom = {});

/// 422: well-formed JSON that is not what the route takes.
void refuse_body(net::Exchange* exchange, std::string_view what);

}  // namespace relay::broker
