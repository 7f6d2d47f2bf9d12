#include <map>

#include "engine/events.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_deliveries.hpp"

namespace relay::engine::rest {
namespace {

constexpr std::uint32_t kUsualDeliveries = 100;
constexpr std::uint32_t kMostDeliveries = 200;

tl::unexpected<Error> no_such_delivery() {
  return refuse(Refusal::delivery_not_found, "there is no such delivery");
}

/// Nodes that deliveries of one answer went to, each asked for once.
class NodesSeen {
 public:
  explicit NodesSeen(const Store& store) : store_(store) {}

  const Node* find(Id id) {
    auto [at, is_new] = nodes_.try_emplace(id);
    if (is_new) {
      auto node = store_.node(id);
      if (node) at->second = *std::move(node);
    }
    return at->second.id != 0 ? &at->second : nullptr;
  }

 private:
  const Store& store_;
  std::map<Id, Node> nodes_;
};

wire::Delivery delivery_view(const Store& store, NodesSeen& nodes, const Delivery& delivery,
                             bool with_message) {
  wire::Delivery view;
  view.id = delivery_id(delivery);
  view.message_id = std::to_string(delivery.message);
  view.agent_id = std::to_string(delivery.agent);
  view.status = name_of(delivery.status);
  view.seq = delivery.seq;
  view.location_type = "via_node";
  if (const Node* node = nodes.find(delivery.node)) {
    view.location_node_id = node->node_id;
    view.route_node_id = node->node_id;
    view.route_node_kind = name_of(node->kind);
    view.route_node_role = name_of(node->role);
    view.delivery_adapter = node->adapter;
  }
  view.dispatch_attempts = delivery.attempts;
  view.mode = mode_name(delivery);
  view.reason = name_of(delivery.reason);
  view.priority = "normal";
  view.retryable = delivery.retryable;
  // A deferral has said why it is late, everything else what went wrong.
  if (delivery.available) {
    view.available_at = wire_time(delivery.available);
    if (delivery.note) view.reason = *delivery.note;
  } else {
    view.error = delivery.note;
  }
  view.expires_at = wire_time(delivery.expires);
  view.delivered_at = wire_time(delivery.delivered);
  if (delivery.status == DeliveryStatus::acked) view.acked_at = wire_time(delivery.settled);
  if (delivery.status == DeliveryStatus::dead) view.dead_lettered_at = wire_time(delivery.settled);
  view.created_at = wire_time(time_of(delivery.message));
  view.updated_at = wire_time(delivery.settled ? delivery.settled : delivery.delivered);
  auto message = store.message(delivery.message);
  auto channel = message ? store.channel(message->channel) : Result<Channel>(Channel());
  if (!message || !channel) return view;
  view.channel_id = channel_id(*channel);
  if (!with_message) return view;
  wire::DeliveryMessage& carried = view.message.emplace();
  carried.id = view.message_id;
  carried.channel_id = *view.channel_id;
  carried.agent_id = std::to_string(message->author);
  carried.agent_name = message->author_name;
  carried.text = message->text;
  if (message->thread != 0) carried.thread_id = std::to_string(message->thread);
  carried.created_at = *view.created_at;
  return view;
}

Result<Delivery> delivery_asked(const Store& store, const Call& call) {
  const auto name = parse_delivery_id(call.parameter("id"));
  if (!name || name->agent != call.agent().id) return no_such_delivery();
  return store.delivery(name->agent, name->message);
}

Result<Answer> one_delivery(const Store& store, const Delivery& before) {
  auto now = store.delivery(before.agent, before.message);
  if (!now) return fail(std::move(now).error());
  NodesSeen nodes(store);
  return good(delivery_view(store, nodes, *now, false));
}

}  // namespace

Result<Answer> list_deliveries(Store& store, Call& call) {
  std::optional<DeliveryStatus> wanted;
  const auto status = call.query("status");
  if (status && !status->empty()) {
    wanted = delivery_status_of(*status);
    if (!wanted) return refuse(Refusal::invalid_request, "there is no status " + *status);
  }
  auto most = call.limit(kUsualDeliveries, kMostDeliveries + 1);
  if (!most) return fail(std::move(most).error());
  if (*most > kMostDeliveries) return refuse(Refusal::invalid_request, "limit: at most 200");
  auto expired = store.expire_mailbox(call.agent().id);
  if (!expired) return fail(std::move(expired).error());
  tell_expired(store, *expired, call.to);
  auto deliveries = store.deliveries_of(call.agent().id, wanted, *most);
  if (!deliveries) return fail(std::move(deliveries).error());
  NodesSeen nodes(store);
  std::vector<wire::Delivery> views;
  for (const auto& each : *deliveries) views.push_back(delivery_view(store, nodes, each, true));
  return good(views);
}

Result<Answer> ack_delivery(Store& store, Call& call) {
  auto delivery = delivery_asked(store, call);
  if (!delivery) return fail(std::move(delivery).error());
  auto did = store.ack_delivery(delivery->agent, delivery->message);
  if (!did) return fail(std::move(did).error());
  if (*did) tell_acked({*delivery}, call.to);
  return one_delivery(store, *delivery);
}

Result<Answer> fail_delivery(Store& store, Call& call) {
  auto asked = call.body<wire::DeliveryFail>();
  if (!asked) return fail(std::move(asked).error());
  auto delivery = delivery_asked(store, call);
  if (!delivery) return fail(std::move(delivery).error());
  Failure failure;
  failure.error = asked->error.value_or("the agent could not take it");
  failure.retryable = asked->retryable.value_or(false);
  auto did = store.fail_delivery(delivery->agent, delivery->message, failure);
  if (!did) return fail(std::move(did).error());
  if (*did) {
    auto failed = store.delivery(delivery->agent, delivery->message);
    if (!failed) return fail(std::move(failed).error());
    tell_failed(store, *failed, call.to);
  }
  return one_delivery(store, *delivery);
}

Result<Answer> defer_delivery(Store& store, Call& call) {
  auto asked = call.body<wire::DeliveryDefer>();
  if (!asked) return fail(std::move(asked).error());
  auto delivery = delivery_asked(store, call);
  if (!delivery) return fail(std::move(delivery).error());
  const auto available = parse_wire_time(asked->available_at);
  if (!available) {
    return refuse(Refusal::invalid_request,
                  "available_at: expected a time like 2026-01-01T00:00:00Z");
  }
  Deferral deferral;
  deferral.available = *available;
  deferral.reason = asked->reason;
  auto did = store.defer_delivery(delivery->agent, delivery->message, deferral);
  if (!did) return fail(std::move(did).error());
  if (*did) {
    auto deferred = store.delivery(delivery->agent, delivery->message);
    if (!deferred) return fail(std::move(deferred).error());
    tell_deferred(*deferred, call.to);
  }
  return one_delivery(store, *delivery);
}

}  // namespace relay::engine::rest
