#include "token_cache/engine_reply.hpp"

#include <fmt/format.h>

#include "base/printable.hpp"
#include "base/utf8.hpp"
#include "wire/envelope.hpp"

namespace relay::token_cache {
namespace {

constexpr std::size_t kLongestWords = 300;

}  // namespace

Error refusal_of(const net::HttpReply& reply, const net::Redact& redact) {
  Error error = net::error_of(reply, redact);
  const auto answer = wire::decode_answer<wire::NoData>(reply.body);
  if (!answer || !answer->error) return error;
  const std::string words = redact(answer->error->message);
  error.message =
      fmt::format("{}: {} {}: {}", reply.call, reply.status, printable(redact(answer->error->code)),
                  printable(truncate_utf8(words, kLongestWords)));
  return error;
}

std::string refusal_code(const net::HttpReply& reply) {
  const auto answer = wire::decode_answer<wire::NoData>(reply.body);
  return answer && answer->error ? answer->error->code : std::string();
}

Error nonsense(const net::HttpReply& reply, const Error& cause) {
  return {Code::engine_error,
          fmt::format("{}: the answer ({}) is not what an engine sends: {}", reply.call,
                      reply.status, cause.message),
          "is that the address of a relay engine?"};
}

}  // namespace relay::token_cache
