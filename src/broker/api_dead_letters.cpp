// Messages that could not be delivered: listed, sent again, dropped.
#include <algorithm>
#include <charconv>

#include "broker/api_answer.hpp"
#include "broker/api_body.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"
#include "broker/json_fields.hpp"

namespace relay::broker {
namespace {

constexpr std::size_t kPage = 100;
constexpr std::size_t kPageMost = 1000;

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || number < 0) {
    return std::nullopt;
  }
  return number;
}

void write_letter(JsonWriter& out, const DeadLetterView& letter) {
  out.begin_object();
  out.field("id", letter.id);
  out.field("worker_name", letter.agent);
  out.field("delivery_id", letter.delivery_id);
  out.field("from", letter.from);
  out.field("target", letter.target);
  out.field("body", letter.body);
  out.field("reason", letter.reason);
  out.field("attempts", letter.attempts);
  out.field("queued_at_ms", unix_ms(letter.queued));
  out.field("failed_at_ms", unix_ms(letter.died));
  out.end_object();
}

asio::awaitable<void> list_letters(ApiContext* api, net::Exchange* exchange) {
  const auto after = whole_number(exchange->request().query_value("after").value_or("0"));
  const auto limit =
      whole_number(exchange->request().query_value("limit").value_or(std::to_string(kPage)));
  if (!after || !limit || *limit == 0) {
    refuse(exchange, 400, "invalid_request", "after and limit must be whole numbers");
    co_return;
  }
  const auto most = std::min(static_cast<std::size_t>(*limit), kPageMost);
  const auto letters = co_await api->operations.dead_letters(*after, most);
  if (!letters) {
    refuse(exchange, letters.error());
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.key("dead_letters");
    out.begin_array();
    for (const auto& letter : *letters) write_letter(out, letter);
    out.end_array();
    out.field("count", std::uint64_t{letters->size()});
    out.field("total", std::uint64_t{api->operations.broker().dead_letters});
  });
}

/// What became of sending several again.
struct Redelivery {
  std::uint64_t redelivered = 0;
  std::uint64_t failed = 0;
};

/// Each once: one that dies again meanwhile gets a larger id, at which this ends.
asio::awaitable<Result<Redelivery>> redeliver_all(ApiContext* api) {
  Redelivery done;
  std::int64_t after = 0;
  std::size_t left = api->operations.broker().dead_letters;
  while (left != 0) {
    const auto letters = co_await api->operations.dead_letters(after, std::min(left, kPageMost));
    if (!letters) co_return fail(letters.error());
    if (letters->empty()) break;
    for (const auto& letter : *letters) {
      after = letter.id;
      const auto sent = co_await api->operations.redeliver(letter.id);
      ++(sent ? done.redelivered : done.failed);
    }
    left -= std::min(left, letters->size());
  }
  co_return done;
}

void answer_redelivery(net::Exchange* exchange, Redelivery done) {
  answer(exchange, [&](JsonWriter& out) {
    out.field("success", done.failed == 0);
    out.field("redelivered", done.redelivered);
    out.field("failed", done.failed);
  });
}

asio::awaitable<void> redeliver(ApiContext* api, net::Exchange* exchange) {
  const auto body = object_body(exchange);
  if (!body) co_return;
  const JsonFields fields(body->root());
  if (fields.flag({"all"})) {
    const auto done = co_await redeliver_all(api);
    if (!done) {
      refuse_call(exchange, http_status_of(done.error().code), done.error());
    } else {
      answer_redelivery(exchange, *done);
    }
    co_return;
  }
  auto id = whole_number(fields.text({"id"}));
  if (const auto number = fields.number({"id"})) id = static_cast<std::int64_t>(*number);
  if (!id) {
    const Error error(Code::invalid_argument, "Missing required field: id (or all: true)");
    refuse_call(exchange, 400, error);
    co_return;
  }
  const auto sent = co_await api->operations.redeliver(*id);
  if (!sent) {
    refuse_call(exchange, http_status_of(sent.error().code), sent.error(), "id",
                std::to_string(*id));
    co_return;
  }
  answer_redelivery(exchange, Redelivery{1, 0});
}

asio::awaitable<void> drop_letter(ApiContext* api, net::Exchange* exchange) {
  const std::string text(exchange->parameter("id"));
  const auto id = whole_number(text);
  if (!id) {
    const Error error(Code::invalid_argument, "the id of a dead letter is a whole number");
    refuse_call(exchange, 400, error, "id", text);
    co_return;
  }
  const auto dropped = co_await api->operations.drop_dead_letter(*id);
  if (!dropped) {
    refuse_call(exchange, http_status_of(dropped.error().code), dropped.error(), "id", text);
    co_return;
  }
  answer(exchange, [&](JsonWriter& out) {
    out.field("success", true);
    out.field("id", *id);
  });
}

}  // namespace

void add_dead_letter_routes(ApiRoutes& routes) {
  routes.add("GET", "/api/dead-letters", list_letters);
  routes.add("POST", "/api/dead-letters/redeliver", redeliver);
  routes.add("DELETE", "/api/dead-letters/{id}", drop_letter);
}

}  // namespace relay::broker
