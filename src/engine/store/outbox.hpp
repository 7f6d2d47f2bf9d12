#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"

namespace relay::engine {

/// An event on its way to the address of a subscription.
struct Outbound {
  Id id = 0;
  std::string url;
  std::string headers;  // JSON object, or empty
  std::optional<std::string> secret;
  std::string body;
  /// This one included.
  std::uint32_t attempts = 0;
};

class OutboxStore {
 public:
  /// Attempts to send one event; after the last it is given up.
  static constexpr std::uint32_t kMostAttempts = 5;
  /// After the first attempt, doubled with each.
  static constexpr Duration kNextAttempt = std::chrono::seconds(30);

  virtual ~OutboxStore() = default;

  virtual Result<void> add_outbound(Id subscription, const std::string& body) = 0;
  /// Those whose time has come, oldest first, each with one attempt more: it comes again by time
  /// unless `outbound_sent` says that it needs not. What has had its last attempt is gone.
  virtual Result<std::vector<Outbound>> take_outbound(std::uint32_t most) = 0;
  virtual Result<void> outbound_sent(Id id) = 0;
};

}  // namespace relay::engine
