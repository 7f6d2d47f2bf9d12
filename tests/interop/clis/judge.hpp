#pragma once

#include "clis/model.hpp"
#include "clis/scenario.hpp"
#include "clis/stage.hpp"
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace relay::interop {

/// What became of the messages of one scenario.
struct Verdict {
  std::size_t sent = 0;
  /// In one request once, in no request twice, alone in its text, and as it was written.
  std::size_t once = 0;
  std::size_t lost = 0;
  std::size_t twice = 0;
  /// In one text with another message.
  std::size_t merged = 0;
  std::size_t damaged = 0;
  /// Whole, but with spaces in place of tabs.
  std::size_t tabs_as_spaces = 0;
  bool in_order = true;
  /// Recorded as submitted, and never seen by the model.
  std::size_t false_submitted = 0;
  /// How often each end was recorded: "submitted/box", "typed/not_shown".
  std::map<std::string, std::size_t> endings;
  /// From sent to seen by the model, and to its recorded end; milliseconds.
  std::vector<double> seen_after;
  std::vector<double> ended_after;

  [[nodiscard]] bool clean() const { return once == sent && in_order && false_submitted == 0; }
};

/// The ids of our messages in one text of a user, in their order.
[[nodiscard]] std::vector<std::string> ids_in(std::string_view text);

[[nodiscard]] Verdict judge(const Scenario& scenario, const std::map<std::string, Monotonic>& sent,
                            const std::map<std::string, Ending>& endings,
                            const std::vector<ModelRequest>& requests);

}  // namespace relay::interop
