#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "os/fd.hpp"

namespace relay::test {

/// A line to a port of the loopback that can be cut. Requests that name the line's own port as
/// their host arrive with the port behind it, since an engine answers to its own name only.
class CutLine {
 public:
  explicit CutLine(std::uint16_t to);
  ~CutLine();
  CutLine(const CutLine&) = delete;
  CutLine& operator=(const CutLine&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Ends every connection that is open now, whatever is on its way.
  void cut();

 private:
  struct Pair {
    os::Fd client;
    os::Fd server;
  };
  void serve();
  void take_one();
  /// False when one of the two has ended.
  bool pass(Pair& pair, bool from_client) const;
  void wake() const;

  std::uint16_t to_;
  std::uint16_t port_ = 0;
  os::Fd listener_;
  os::Fd waker_;
  std::vector<Pair> pairs_;  // of the thread
  std::atomic<bool> cut_ = false;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace relay::test
