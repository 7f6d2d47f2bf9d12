// Internal to broker/: who types into which agent's terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "broker/operations.hpp"

namespace relay::broker {

/// People at terminals of their own who type into the agents' ones. Each hears who the others are.
/// One who goes away, in whatever way, gives the terminal's size free; with the last one of an
/// agent messages need not wait any longer.
class Drivers {
 public:
  /// Bytes of a driver's name, which is also the viewer of its `SizeRequest`s.
  static constexpr std::size_t kMostName = 128;

  /// Hears `{"type":"pty_drivers","name","drivers":[…]}` when somebody comes or goes, in the order
  /// in which they came. Must not block.
  using Tell = std::function<void(const std::string& json)>;

  /// One of them, until it is destroyed. The drivers outlive it.
  class Seat {
   public:
    Seat(Drivers& drivers, std::string agent, std::string name, Tell tell);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

   private:
    friend class Drivers;
    Drivers& drivers_;
    std::string agent_;
    std::string name_;
    Tell tell_;
  };

  explicit Drivers(Operations& operations) : operations_(operations) {}

 private:
  /// Tells all of an agent how many there are left; the number.
  std::size_t tell(const std::string& agent);

  Operations& operations_;
  std::list<Seat*> seats_;
};

}  // namespace relay::broker
