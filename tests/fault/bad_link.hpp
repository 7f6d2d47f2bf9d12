#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"

namespace relay::test {

/// How bytes get over a link, both ways.
struct LinkPace {
  /// As many bytes at a time at most; 0: as they come.
  std::size_t slice = 0;
  /// Bytes in a second at most; 0: without a bound.
  std::size_t per_second = 0;
  /// What is sent arrives this much later.
  Duration delay{};
};

/// How a link ends.
enum class LinkEnd {
  reset,
  close,
  /// The side that was cut off first hears of it at once, the other one second later.
  slow_close,
};

/// A network between a node and its engine that behaves badly when it is told to: listens on a port
/// of its own and passes everything on to another one. It has a thread; every call may come from
/// any other one and holds from now on.
class BadLink {
 public:
  explicit BadLink(std::uint16_t to_port);
  ~BadLink();
  BadLink(const BadLink&) = delete;
  BadLink& operator=(const BadLink&) = delete;

  /// "http://127.0.0.1:4711"
  [[nodiscard]] std::string url() const;

  void pace(LinkPace pace);
  /// Ends the connections once so many more bytes have come from the engine. Those that come later
  /// are not meant.
  void cut_after(std::size_t bytes, LinkEnd how);
  /// Everything is taken and nothing passed on, nor is an end; until it is told to go on, which
  /// ends the connections of that time.
  void freeze(bool frozen);
  /// Every connection is reset as soon as it is there.
  void refuse(bool refused);

  /// Connections that were asked for so far, and cuts that were made.
  [[nodiscard]] int tries() const;
  [[nodiscard]] int cuts() const;
  /// Connections whose end the node has said.
  [[nodiscard]] int left() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace relay::test
