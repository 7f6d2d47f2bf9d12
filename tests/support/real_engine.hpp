#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/store/deliveries.hpp"
#include "support/http_ask.hpp"

namespace relay::test {

/// The engine itself, store, routes and hub, behind a real server on a loop and a thread of its
/// own, on an ephemeral port of the loopback. Calls block and may come from any thread.
class RealEngine {
 public:
  explicit RealEngine(engine::DeliveryStore::Limits limits = {});
  ~RealEngine();
  RealEngine(const RealEngine&) = delete;
  RealEngine& operator=(const RealEngine&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// One request on a connection of its own; a body goes as JSON. An empty token is none.
  Reply ask(const std::string& method, const std::string& target, const std::string& token,
            const std::string& body = {}, const std::vector<std::string>& header_lines = {});
  /// How long a request waits for the disk; from then on one that did not answer is no failure.
  void wait_for_disk(Duration most);
  /// Types of the events for watchers since the last call of this, in their order.
  std::vector<std::string> heard();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace relay::test
