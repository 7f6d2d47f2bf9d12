#include "engine/hub/hub_parts.hpp"

#include <utility>

namespace relay::engine {

NodeLinkPtr NodeLinks::find(Id node) const {
  const auto found = links_.find(node);
  return found == links_.end() ? nullptr : found->second;
}

NodeLinkPtr NodeLinks::put(NodeLinkPtr link) {
  auto& place = links_[link->caller.node];
  return std::exchange(place, std::move(link));
}

bool NodeLinks::is_current(const NodeLinkPtr& link) const {
  return find(link->caller.node) == link;
}

void NodeLinks::erase(const NodeLinkPtr& link) {
  if (is_current(link)) links_.erase(link->caller.node);
}

HubParts::HubParts(asio::any_io_executor executor, const Clock& clock_in, Random& random_in,
                   StoreThread& store_in, HubSettings settings_in)
    : clock(clock_in),
      random(random_in),
      store(store_in),
      settings(std::move(settings_in)),
      ids(static_cast<std::uint32_t>(random_in.next()), 0),
      mail(executor),
      tasks(executor) {}

void HubParts::note(const std::string& what, const Error& error) const {
  if (settings.on_failure) settings.on_failure(what + ": " + error.message);
}

bool HubParts::send(NodeLink& link, std::string_view text) {
  const auto sent = link.socket.try_send(text);
  if (!sent) ++counts.dropped;
  return sent.has_value();
}

net::WsOptions hub_socket_options(std::size_t queued_most) {
  net::WsOptions options;
  options.queued_most = queued_most;
  options.close_within = std::chrono::milliseconds(1500);
  options.linger = std::chrono::milliseconds(500);
  return options;
}

}  // namespace relay::engine
