#include "broker/api_answer.hpp"

#include <fmt/format.h>

#include "base/redaction.hpp"

namespace relay::broker {
namespace {

/// What both shapes have in common behind their own fields.
void write_advice(JsonWriter& out, const Error& error) {
  if (!error.hint.empty()) out.field("hint", redact(error.hint));
  if (error.retry_after) out.field("retry_after_ms", std::int64_t{error.retry_after->count()});
}

void send_refusal(net::Exchange* exchange, int status, std::string json, const Error& error) {
  net::HttpResponse response(status, "application/json", std::move(json));
  if (error.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after);
    response.headers.add("Retry-After", std::to_string(seconds.count()));
  }
  exchange->respond(std::move(response));
}

void refuse_as(net::Exchange* exchange, int status, std::string_view code, const Error& error) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  out.field("code", code);
  out.field("message", redact(error.message));
  write_advice(out, error);
  out.end_object();
  out.finish();
  send_refusal(exchange, status, std::move(json), error);
}

void refuse_call_as(net::Exchange* exchange, int status, std::string_view code, const Error& error,
                    std::string_view key, std::string_view whom) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  out.field("success", false);
  if (!key.empty()) out.field(key, whom);
  out.field("error", redact(error.message));
  out.field("code", code);
  write_advice(out, error);
  out.end_object();
  out.finish();
  send_refusal(exchange, status, std::move(json), error);
}

}  // namespace

int http_status_of(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::invalid_json: return 400;
    case Code::forbidden: return 403;
    case Code::not_found:
    case Code::agent_not_found:
    case Code::node_not_found:
    case Code::token_not_found: return 404;
    case Code::conflict:
    case Code::name_conflict:
    case Code::conversation_busy:
    case Code::already_running: return 409;
    case Code::too_large: return 413;
    case Code::rate_limited: return 429;
    // The engine refuses the broker; the caller's own key was good.
    case Code::unauthorized:
    case Code::token_rejected:
    case Code::not_enrolled:
    case Code::engine_error:
    case Code::engine_unreachable:
    case Code::tls_failed: return 502;
    case Code::broker_not_running:
    case Code::connection_closed:
    case Code::cancelled:
    case Code::node_not_ready:
    case Code::relay_deferred:
    case Code::queue_full:
    case Code::disk_full: return 503;
    case Code::timeout: return 504;
    case Code::internal_error:
    case Code::io_error:
    case Code::spawn_failed:
    case Code::protocol_error:
    case Code::unsafe_file:
    case Code::cwd_missing:
    case Code::cli_not_executable:
    case Code::cli_not_found: return 500;
  }
  return 500;
}

void answer_text(net::Exchange* exchange, int status, std::string text) {
  exchange->respond(net::HttpResponse(status, "text/plain; charset=utf-8", std::move(text)));
}

void answer_json(net::Exchange* exchange, int status, std::string json) {
  exchange->respond(net::HttpResponse(status, "application/json", std::move(json)));
}

void refuse(net::Exchange* exchange, int status, std::string_view code, std::string_view message) {
  refuse_as(exchange, status, code, Error(Code::internal_error, std::string(message)));
}

void refuse(net::Exchange* exchange, int status, std::string_view code, const Error& error) {
  refuse_as(exchange, status, code, error);
}

void refuse(net::Exchange* exchange, const Error& error) {
  refuse_as(exchange, http_status_of(error.code), name_of(error.code), error);
}

void refuse_agent(net::Exchange* exchange, std::string_view name, const Error& error) {
  if (error.code != Code::agent_not_found) return refuse(exchange, error);
  refuse(exchange, Error(error.code, fmt::format("unknown worker '{}'", name), error.hint));
}

void refuse_call(net::Exchange* exchange, int status, const Error& error, std::string_view key,
                 std::string_view whom) {
  refuse_call_as(exchange, status, name_of(error.code), error, key, whom);
}

void refuse_call(net::Exchange* exchange, int status, std::string_view code, std::string_view error,
                 std::string_view key, std::string_view whom) {
  refuse_call_as(exchange, status, code, Error(Code::internal_error, std::string(error)), key,
                 whom);
}

void refuse_body(net::Exchange* exchange, std::string_view what) {
  answer_text(exchange, 422,
              fmt::format("Failed to deserialize the JSON body into the target type: {}", what));
}

}  // namespace relay::broker
