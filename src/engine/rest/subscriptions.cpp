#include <algorithm>

#include "base/json_writer.hpp"
#include "engine/rest/operations.hpp"
#include "engine/subscribers.hpp"
#include "engine/views.hpp"

namespace relay::engine::rest {
namespace {

bool is_header_name(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+.^_`|~-";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

Result<std::string> headers_of(const wire::JsonView& root) {
  const auto headers = root.find("headers");
  if (!headers || headers->is_null()) return std::string();
  if (headers->kind() != wire::JsonView::Kind::object) {
    return refuse(Refusal::invalid_request, "headers: expected an object");
  }
  const auto members = headers->members();
  for (const auto& member : members) {
    const auto value = member.value.string();
    if (is_header_of_sender(member.key)) {
      return refuse(Refusal::invalid_request,
                    "headers: " + std::string(member.key) + " is set by the engine itself");
    }
    if (!is_header_name(member.key) || !value ||
        value->find_first_of("\r\n") != std::string_view::npos) {
      return refuse(Refusal::invalid_request,
                    "headers: a name that HTTP does not allow, or a value of several lines");
    }
  }
  return headers->json().text();
}

void write_hidden(JsonWriter& out, const std::string& headers) {
  auto document = wire::JsonDocument::parse(headers, wire::kInboundLimits);
  if (headers.empty() || !document) return out.null();
  out.begin_object();
  const auto members = document->root().members();
  for (const auto& member : members) out.field(member.key, "[redacted]");
  out.end_object();
}

std::string subscription_json(const Subscription& subscription) {
  return wire::Json::build([&](JsonWriter& out) {
           out.begin_object();
           out.field("id", std::to_string(subscription.id));
           out.key("events");
           out.raw(json_texts(subscription.events).text());
           out.key("filter");
           out.raw(stored_json(subscription.filter).text());
           out.field("url", subscription.url);
           out.key("headers");
           write_hidden(out, subscription.headers);
           out.field("is_active", true);
           out.field("created_at", wire_time(time_of(subscription.id)));
           out.end_object();
         })
      .text();
}

Result<Subscription> subscription_asked(const Store& store, const Call& call) {
  const auto id = parse_id(call.parameter("id"));
  return store.subscription(call.workspace(), id.value_or(0));
}

}  // namespace

Result<Answer> create_subscription(Store& store, Call& call) {
  auto document = call.document();
  if (!document) return fail(std::move(document).error());
  const auto root = document->root();
  Subscription subscription;
  subscription.workspace = call.workspace();
  const auto url = root.find("url");
  subscription.url = url ? std::string(url->string().value_or("")) : std::string();
  if (!subscription.url.starts_with("http://") && !subscription.url.starts_with("https://")) {
    return refuse(Refusal::invalid_request, "url: expected http:// or https://");
  }
  const auto events = root.find("events");
  if (events) {
    for (const auto& event : events->elements()) {
      const auto name = event.string();
      if (!name) return refuse(Refusal::invalid_request, "events: expected names");
      subscription.events.emplace_back(*name);
    }
  }
  if (subscription.events.empty()) {
    return refuse(Refusal::invalid_request, "events: at least one");
  }
  const auto filter = root.find("filter");
  if (filter && !filter->is_null()) subscription.filter = filter->json().text();
  auto headers = headers_of(root);
  if (!headers) return fail(std::move(headers).error());
  subscription.headers = *std::move(headers);
  const auto secret = root.find("secret");
  if (secret && secret->string()) subscription.secret = std::string(*secret->string());
  auto added = store.add_subscription(subscription);
  if (!added) return fail(std::move(added).error());
  return good_json(subscription_json(*added), 201);
}

Result<Answer> list_subscriptions(const Store& store, Call& call) {
  auto subscriptions = store.subscriptions(call.workspace());
  if (!subscriptions) return fail(std::move(subscriptions).error());
  std::string list = "[";
  for (const auto& subscription : *subscriptions) {
    if (list.size() > 1) list += ',';
    list += subscription_json(subscription);
  }
  return good_json(list + "]");
}

Result<Answer> show_subscription(const Store& store, Call& call) {
  auto subscription = subscription_asked(store, call);
  if (!subscription) return fail(std::move(subscription).error());
  return good_json(subscription_json(*subscription));
}

Result<Answer> delete_subscription(Store& store, Call& call) {
  auto subscription = subscription_asked(store, call);
  if (!subscription) return fail(std::move(subscription).error());
  auto removed = store.remove_subscription(subscription->id);
  if (!removed) return fail(std::move(removed).error());
  return nothing();
}

}  // namespace relay::engine::rest
