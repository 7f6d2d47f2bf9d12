#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace relay::interop {

/// How messages reach an agent, and what they are like.
struct Scenario {
  std::string_view name;
  /// Body of the message with this number, as a sender writes it.
  std::string (*body)(std::size_t number);
  /// The same as it has to stand in front of the model.
  std::string (*wanted)(std::size_t number);
  /// So many are sent at once; the next when the model has answered all of them.
  std::size_t at_once;
  /// Between two messages (also within a group).
  Duration apart{};
  /// How long the model takes for an answer.
  Duration answer_after{};
  /// So many commands does the model run before each answer.
  int tools = 0;
  /// The first are sent as soon as there is a way to send them, before the program shows anything.
  bool during_boot = false;
  /// The CLI does not know the directory yet, and asks.
  bool first_time = false;
  /// The program is stopped again and again, for longer than a terminal takes for anything.
  bool stalls = false;
};

[[nodiscard]] const std::vector<Scenario>& scenarios();

/// The id of a message: "m0042".
[[nodiscard]] std::string message_id(std::size_t number);

}  // namespace relay::interop
