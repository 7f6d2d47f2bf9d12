#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

namespace relay::cli {

/// The keys of a person at an attached terminal until the broker has answered for them: what a
/// broker that makes room for the next one did not type, the next one gets, in its order and once.
/// Pure.
class HeldKeys {
 public:
  /// Bytes that are held: what a person types and pastes while a broker is away.
  static constexpr std::size_t kMostBytes = std::size_t{64} << 10;

  /// False when there are too many: they come again when some are answered. A piece is taken whole
  /// where there is no other.
  [[nodiscard]] bool add(const std::string& keys);
  /// What is to be sent now; from then on an answer is due.
  [[nodiscard]] std::optional<std::string> next();
  /// Answers come in the order in which the keys went out. Typed, or refused for good.
  void answered();
  /// Refused by a broker that is ending, as all that follows will be.
  void refused_by_ending();
  /// The conversation is over. What has no answer was not typed when the broker closed it
  /// (`in_order`); else nobody knows, and it is not typed again.
  void over(bool in_order);

  /// Of what nobody has been sent, or would take.
  [[nodiscard]] std::size_t waiting_bytes() const;

 private:
  [[nodiscard]] std::string take_sent();

  std::deque<std::string> refused_;
  std::deque<std::string> sent_;
  std::deque<std::string> waiting_;
  std::size_t bytes_ = 0;
};

}  // namespace relay::cli
