// What commands make of a broker's refusals.
#include "cli/broker_client.hpp"

#include <doctest/doctest.h>

namespace relay::cli {
namespace {

net::HttpReply refusal(int status, std::string body) {
  net::HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  reply.call = "GET http://localhost/api/broker";
  return reply;
}

}  // namespace

TEST_CASE("a broker that is starting asks to come again, as no other refusal does") {
  auto reply = refusal(503, "Broker is starting, please retry");
  Error starting = broker_refusal(reply);
  CHECK(starting.code == Code::node_not_ready);
  CHECK(starting.detail == kBrokerNotReady);
  CHECK(starting.message == "the broker is starting");
  CHECK_FALSE(starting.hint.empty());
  CHECK(starting.retry_after == std::chrono::seconds(1));
  reply.headers.set("Retry-After", "7");
  CHECK(broker_refusal(reply).retry_after == std::chrono::seconds(7));

  const Error full =
      broker_refusal(refusal(503, R"({"error":{"code":"queue_full","message":"no room"}})"));
  CHECK(full.code == Code::queue_full);
  CHECK(full.message == "no room");
  CHECK(full.detail.empty());
  CHECK(broker_refusal(refusal(502, "Bad Gateway")).code == Code::engine_error);
}

}  // namespace relay::cli
