#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "os/terminal.hpp"
#include "pty/screen/output_ring.hpp"
#include "pty/screen/query_responder.hpp"
#include "pty/screen/screen.hpp"

namespace relay::pty {

/// The screen of a session. It is made from the ring when somebody looks for the first time; from
/// then on it is fed when somebody looks, or before the ring drops what it has not seen.
class LazyScreen {
 public:
  LazyScreen(const OutputRing& ring, os::WindowSize size) : ring_(ring), size_(size) {}

  /// To be called before `bytes` go into the ring.
  void before(std::string_view bytes, std::size_t ring_capacity);
  /// The terminal after the first `consumed` bytes of `bytes`, which go into the ring next.
  [[nodiscard]] TerminalFacts facts_at(std::string_view bytes, std::size_t consumed);
  /// Shows all that is in the ring.
  [[nodiscard]] const Screen& now();
  [[nodiscard]] bool made() const { return screen_.has_value(); }
  /// Gives its memory back; the next look makes it anew from what the ring holds then.
  void drop() { screen_.reset(); }
  void resize(os::WindowSize size);

 private:
  void catch_up();

  const OutputRing& ring_;
  os::WindowSize size_;
  std::optional<Screen> screen_;
};

}  // namespace relay::pty
