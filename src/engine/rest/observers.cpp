#include <algorithm>
#include <array>

#include "engine/digest.hpp"
#include "engine/rest/operations.hpp"
#include "engine/views.hpp"
#include "wire/rest_workspace.hpp"

namespace relay::engine::rest {
namespace {

constexpr std::array<std::string_view, 12> kScopes{
    "stream:read",     "messages:read", "threads:read", "dms:read",
    "channels:read",   "search:read",   "agents:read",  "nodes:read",
    "deliveries:read", "activity:read", "files:read",   "reactions:read"};

wire::ObserverToken observer_view(const Observer& observer) {
  wire::ObserverToken view;
  view.id = std::to_string(observer.id);
  view.name = observer.name;
  view.scopes = observer.scopes;
  view.description = observer.description;
  if (!observer.filters.empty()) {
    auto filters = wire::decode_body<wire::ObserverFilters>(observer.filters);
    if (filters) view.filters = *std::move(filters);
  }
  view.expires_at = wire_time(observer.expires);
  view.created_at = wire_time(time_of(observer.id));
  return view;
}

Result<void> set_scopes(Observer& observer, const std::vector<std::string>& scopes) {
  if (scopes.empty()) return refuse(Refusal::invalid_request, "scopes: at least one");
  for (const auto& scope : scopes) {
    if (std::find(kScopes.begin(), kScopes.end(), scope) == kScopes.end()) {
      return refuse(Refusal::invalid_request, "scopes: there is none called " + scope);
    }
  }
  observer.scopes = scopes;
  return {};
}

/// What a creation and a change have in common.
template <class Asked>
Result<void> take_details(const Asked& asked, Observer& observer) {
  if (asked.description) observer.description = asked.description;
  if (asked.filters) observer.filters = wire::encode_body(*asked.filters);
  if (asked.expires_at) {
    observer.expires = parse_wire_time(*asked.expires_at);
    if (!observer.expires) return refuse(Refusal::invalid_request, "expires_at: expected a time");
  }
  return {};
}

Result<Observer> observer_asked(const Store& store, const Call& call) {
  const auto id = parse_id(call.parameter("id"));
  return store.observer(call.workspace(), id.value_or(0));
}

Answer with_token(const Observer& observer, const Secret& token, int status) {
  auto view = observer_view(observer);
  view.token = token.reveal();
  return good(view, status);
}

}  // namespace

Result<Answer> create_observer(Store& store, Call& call) {
  auto asked = call.body<wire::ObserverTokenCreate>();
  if (!asked) return fail(std::move(asked).error());
  if (asked->name.empty()) return refuse(Refusal::invalid_request, "name: not empty");
  Observer observer;
  observer.workspace = call.workspace();
  observer.name = asked->name;
  auto fits = set_scopes(observer, asked->scopes);
  if (fits) fits = take_details(*asked, observer);
  if (!fits) return fail(std::move(fits).error());
  const Secret token = new_token(TokenKind::observer, call.random());
  auto put = store.put_observer(observer, sha256_hex(token.reveal()));
  if (!put) return fail(std::move(put).error());
  return with_token(*put, token, 201);
}

Result<Answer> list_observers(const Store& store, Call& call) {
  auto observers = store.observers(call.workspace());
  if (!observers) return fail(std::move(observers).error());
  std::vector<wire::ObserverToken> views;
  for (const auto& observer : *observers) views.push_back(observer_view(observer));
  return good(views);
}

Result<Answer> show_observer(const Store& store, Call& call) {
  auto observer = observer_asked(store, call);
  if (!observer) return fail(std::move(observer).error());
  return good(observer_view(*observer));
}

Result<Answer> update_observer(Store& store, Call& call) {
  auto asked = call.body<wire::ObserverTokenUpdate>();
  if (!asked) return fail(std::move(asked).error());
  auto observer = observer_asked(store, call);
  if (!observer) return fail(std::move(observer).error());
  if (asked->name) observer->name = *asked->name;
  Result<void> fits;
  if (asked->scopes) fits = set_scopes(*observer, *asked->scopes);
  if (fits) fits = take_details(*asked, *observer);
  if (!fits) return fail(std::move(fits).error());
  auto put = store.put_observer(*observer, std::nullopt);
  if (!put) return fail(std::move(put).error());
  return good(observer_view(*put));
}

Result<Answer> rotate_observer(Store& store, Call& call) {
  auto observer = observer_asked(store, call);
  if (!observer) return fail(std::move(observer).error());
  const Secret token = new_token(TokenKind::observer, call.random());
  auto put = store.put_observer(*observer, sha256_hex(token.reveal()));
  if (!put) return fail(std::move(put).error());
  return with_token(*put, token, 200);
}

Result<Answer> delete_observer(Store& store, Call& call) {
  auto observer = observer_asked(store, call);
  if (!observer) return fail(std::move(observer).error());
  auto removed = store.remove_observer(observer->id);
  if (!removed) return fail(std::move(removed).error());
  return nothing();
}

}  // namespace relay::engine::rest
