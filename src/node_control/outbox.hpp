#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "wire/json.hpp"

namespace relay::node_control {

/// What is to be done with an action.invoke.
enum class InvokeVerdict {
  run,           // new: run it and report its result
  in_flight,     // it runs already: nothing to do
  answer_again,  // it is finished: send the stored result
  busy,          // no new ones are taken: answer with an error, nothing was noted
};

/// The result of an action as a frame that an engine takes: an output that is too large for one
/// becomes the error `output_too_large`.
[[nodiscard]] std::string result_frame(const std::string& invocation_id,
                                       std::variant<wire::Json, std::string> outcome);

/// What happens to a frame that cannot be sent because there is no connection.
enum class Fate {
  kept,          // sent on the next connection
  latest_kept,   // only the newest of its kind is sent
  made_anew,     // dropped; the next connection begins with a fresh one
  fails_at_once  // its caller is told
};

enum class FrameKind {
  action_result,
  delivery_ack,
  node_register,
  node_heartbeat,
  inventory_sync,
  node_deregister,
  agent_register,
  agent_deregister,
};

[[nodiscard]] constexpr Fate fate_without_connection(FrameKind kind) {
  switch (kind) {
    case FrameKind::action_result: return Fate::kept;
    case FrameKind::delivery_ack: return Fate::latest_kept;
    case FrameKind::node_register:
    case FrameKind::node_heartbeat:
    case FrameKind::inventory_sync:
    case FrameKind::node_deregister:   // without a connection the engine has taken us off already
    case FrameKind::agent_deregister:  // the next inventory does not list the agent
      return Fate::made_anew;
    case FrameKind::agent_register:  // a caller waits and may choose another way
      return Fate::fails_at_once;
  }
  return Fate::made_anew;
}

struct ResultToSend {
  std::string invocation_id;
  /// The encoded frame.
  std::string frame;
  bool operator==(const ResultToSend&) const = default;
};

struct AckToSend {
  std::string agent_id;
  std::string agent_name;
  std::uint64_t up_to_seq = 0;
  bool operator==(const AckToSend&) const = default;
};

/// What has to reach the engine although the connection may end at any time: the result of each
/// invocation, once decided for ever the same, and the highest ack of each agent. The engine
/// confirms neither, so what was written shortly before a connection ended is written again.
class Outbox {
 public:
  /// Invocations that run or whose result was never written; one more is `busy`.
  static constexpr std::size_t kMostUnsent = 1024;
  /// Results that were written and are kept to answer a repeated invocation; the oldest goes first.
  /// The engine repeats an invocation after 30 s.
  static constexpr std::size_t kMostSent = 1024;
  static constexpr std::size_t kMostSentBytes = std::size_t{16} << 20;
  /// A dead connection takes writes until liveness notices (48 s at most); results written within
  /// this time before its end are in doubt.
  static constexpr Duration kInDoubt = std::chrono::seconds(60);

  [[nodiscard]] InvokeVerdict invoked(const std::string& invocation_id, bool takes_new = true);
  /// The invocation is finished. Only the first result of one that was `run` counts; false for any
  /// other. `passed_on`: nothing was done here; when the engine comes back with it after it has
  /// surely read that, it is new.
  bool finished(const std::string& invocation_id, std::string frame, bool passed_on = false);
  /// Of an earlier life, before the first connection: it may not have reached the engine. False
  /// when there are too many.
  bool restored(const std::string& invocation_id, std::string frame);
  /// What the engine has by now, each once: its connection has lived on for `kInDoubt`.
  [[nodiscard]] std::vector<std::string> settled(Monotonic now);
  /// It will be written again although it was written before.
  void answer_again(const std::string& invocation_id);

  /// Keeps the highest number per agent. Under the name it has now.
  void ack(const AckToSend& ack);
  /// The agent is gone or its name is another's: acks go by name.
  void forget_acks_of(const std::string& agent_id);

  /// What to write now, results in the order in which they were finished. The caller tells
  /// `written` for each result; acks count as written.
  [[nodiscard]] std::vector<ResultToSend> results_to_send() const;
  [[nodiscard]] std::vector<AckToSend> take_acks();
  void written(Monotonic now, const std::string& invocation_id);

  void disconnected(Monotonic now);

  [[nodiscard]] std::size_t unsent() const { return in_flight_ + to_send_.size(); }
  [[nodiscard]] std::size_t kept_bytes() const { return sent_bytes_; }

 private:
  enum class Phase { in_flight, to_send, sent };
  struct Entry {
    Phase phase = Phase::in_flight;
    std::string frame;
    Monotonic written{};
    bool settled = false;
    bool passed_on = false;
  };
  void trim();

  std::map<std::string, Entry> entries_;
  std::size_t in_flight_ = 0;
  std::deque<std::string> to_send_;
  /// By the time of writing.
  std::deque<std::string> sent_;
  std::size_t sent_bytes_ = 0;
  /// By agent id.
  std::map<std::string, AckToSend> acks_;
};

}  // namespace relay::node_control
