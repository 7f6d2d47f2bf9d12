#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/rpc.hpp"
#include "mcp/tool_run.hpp"
#include "mcp/tools.hpp"

namespace relay::mcp {

/// Calls without a result from which on nothing more should be read. A model makes a few at a time.
inline constexpr std::size_t kManyCalls = 32;
/// Beyond these a call is refused: what was read before, and one batch.
inline constexpr std::size_t kMostCalls = kManyCalls + kMostBatch;

/// Who serves whom.
class ServerFacts {
 public:
  std::string version;
  /// Empty when it has none.
  std::string agent;
  Offer offer;
};

/// A call that has to be made; its result goes back by `number`.
class ToolCall {
 public:
  ToolCall(std::uint64_t number_in, ToolRun run_in) : number(number_in), run(std::move(run_in)) {}

  std::uint64_t number;
  ToolRun run;
};

/// What an event leads to.
class ServerStep {
 public:
  /// Whole lines, each with its newline.
  std::string out;
  /// To be made in this order, one after the other: messages arrive as they were sent.
  std::vector<ToolCall> calls;
  /// Their results are not wanted any more.
  std::vector<std::uint64_t> cancelled;
};

/// One client's session of the Model Context Protocol, without what waits. Every request gets one
/// answer, a cancelled one none. What the client breaks is answered, never fatal. Pure.
class Server {
 public:
  explicit Server(ServerFacts facts) : facts_(std::move(facts)) {}

  [[nodiscard]] ServerStep on_line(std::string_view line);
  /// A line beyond `kLineLimits` was thrown away.
  [[nodiscard]] static ServerStep on_long_line();
  /// Of a call that was cancelled it is dropped.
  [[nodiscard]] ServerStep on_result(std::uint64_t call, const ToolResult& result);
  /// It has registered: it has an identity from now on.
  void has_identity() { facts_.offer.identity = true; }

  [[nodiscard]] std::size_t calls() const { return calls_.size(); }

 private:
  struct Call {
    std::string id;
    /// 0 for a request that came alone.
    std::uint64_t batch = 0;
  };
  struct Batch {
    std::size_t open = 0;
    std::vector<std::string> answers;
  };

  void take(const RpcMessage& message, std::uint64_t batch, ServerStep& step);
  void take_request(const RpcMessage& message, std::uint64_t batch, ServerStep& step);
  void take_call(const RpcMessage& message, std::uint64_t batch, ServerStep& step);
  [[nodiscard]] bool is_me(const wire::JsonView& arguments) const;
  void take_cancel(const RpcMessage& message, ServerStep& step);
  void answer(std::uint64_t batch, std::string text, ServerStep& step);
  void end_batch(std::uint64_t batch, ServerStep& step);
  [[nodiscard]] std::string initialise(const wire::Json& params);

  ServerFacts facts_;
  std::string version_;
  std::map<std::uint64_t, Call> calls_;
  std::map<std::uint64_t, Batch> batches_;
  std::uint64_t last_ = 0;
};

}  // namespace relay::mcp
