#pragma once

#include <cstdint>
#include <map>
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
  Id subscription = 0;
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

  /// What could not be sent for so long is gone.
  static constexpr Duration kOutboundKept = std::chrono::hours(24);
  /// Events of one subscription that may wait.
  static constexpr std::uint32_t kMostWaiting = 10'000;
  /// Events of one subscription that are under way at a time, so that one whose receiver does not
  /// answer leaves room for the others.
  static constexpr std::uint32_t kMostOfOne = 4;
  /// Events under way, by subscription.
  using UnderWay = std::map<Id, std::uint32_t>;

  virtual ~OutboxStore() = default;

  /// How many of the subscription wait then, this one included; above kMostWaiting it was not
  /// taken.
  virtual Result<std::uint32_t> add_outbound(Id subscription, const std::string& body) = 0;
  /// Those whose time has come, of each subscription the oldest first and no more than kMostOfOne
  /// with those under way, each with one attempt more: it comes again by time unless
  /// `outbound_sent` says that it needs not. What has had its last attempt is gone. Begins with the
  /// subscription behind `last`.
  virtual Result<std::vector<Outbound>> take_outbound(std::uint32_t most,
                                                      const UnderWay& under_way = {},
                                                      Id last = 0) = 0;
  virtual Result<void> outbound_sent(Id id) = 0;
};

}  // namespace relay::engine
