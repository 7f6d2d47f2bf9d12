#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/fake_engine_node_socket.hpp"
#include "support/fake_engine_record.hpp"
#include "support/fake_engine_script.hpp"
#include "support/fake_engine_state.hpp"

namespace relay::test {

/// A relaycast v5 engine on a free port of 127.0.0.1: HTTP and node sockets. It works well until a
/// script says what to do wrong, and it remembers everything:
///
///   FakeEngine engine(io);
///   engine.answer("POST /v1/nodes", HttpScript::refusal(401, "unauthorized"));
///   engine.outgoing("deliver", FrameScript::drop(), 1, 2);       // the third one
///   …
///   const Record ack = co_await engine.next_frame("delivery.ack");
///   CHECK(ack.json("/up_to_seq") == "2");
///
/// All calls on the loop thread; FakeEngineThread is for a product in another process. Lives
/// outside of the coroutine under test, or is stopped there: the destructor runs the loop until the
/// engine is stopped.
class FakeEngine {
 public:
  explicit FakeEngine(asio::io_context& io);
  ~FakeEngine();
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  /// Ends all connections; returns when no coroutine of the engine is left.
  asio::awaitable<void> stop();

  [[nodiscard]] std::uint16_t port() const;
  /// "http://127.0.0.1:4711"
  [[nodiscard]] std::string url() const;

  /// What the engine does for others, in the first workspace. An agent that sends and is not known
  /// is made first; std::out_of_range for a recipient or a node that is not.
  /// A direct message; its id.
  std::string dm(const std::string& from, std::string_view to, const std::string& text,
                 wire::InjectionMode mode = wire::InjectionMode::wait);
  /// A frame with seq 0; `payload` is JSON, {"type":…,"data":…}.
  void notify(std::string_view to, std::string msg_id, std::string_view payload);
  /// An action on a node; its invocation id. `input` is JSON.
  std::string invoke(std::string_view node, std::string action, std::string_view input);

  /// What the engine knows, to look at and to change.
  [[nodiscard]] FakeState& state();
  [[nodiscard]] Transcript& transcript();

  /// The next requests of that pattern, "POST /v1/agents/{name}/rotate-token", `times` of them
  /// after `skip` others, get this. Scripts that fit the same request are used in the order of the
  /// calls.
  void answer(std::string pattern, HttpScript script, std::size_t times = 1, std::size_t skip = 0);
  /// The same for frames to nodes. The pattern is a type; a reply is "reply:agent.register", an
  /// error "error:agent.register".
  void outgoing(std::string type, FrameScript script, std::size_t times = 1, std::size_t skip = 0);
  /// The same for frames from nodes: `drop` or `hold`.
  void incoming(std::string type, FrameScript script, std::size_t times = 1, std::size_t skip = 0);
  /// From now on everything works well. What is held stays so.
  void clear_scripts();
  /// Lets go what `held` and `hold` have kept, in its order.
  void release_answers();
  void release_frames();

  /// The open socket of the node of that name, by default the newest one of all. Throws NotSeen.
  [[nodiscard]] FakeNodeSocket& socket(std::string_view node = {});
  [[nodiscard]] std::size_t open_sockets() const;

  /// Nobody listens any more, and every connection ends with RST.
  void down();
  /// Listens again, on the same port, with the same state.
  void up();

  /// The next of its kind that no call has returned; see Transcript::next.
  asio::awaitable<Record> next_request(std::string pattern, Duration at_most = kSoon);
  asio::awaitable<Record> next_frame(std::string type, Duration at_most = kSoon);
  asio::awaitable<Record> next_sent(std::string type, Duration at_most = kSoon);
  /// "node connected", "node gone" (text: "close 1000 bye", "eof", "reset"), "ping", "pong:data",
  /// "hanging", "held", "client left", "dropped deliver", …
  asio::awaitable<Record> next_note(std::string what, Duration at_most = kSoon);
  [[nodiscard]] std::vector<Record> requests_of(std::string_view pattern) const;
  [[nodiscard]] std::vector<Record> frames_of(std::string_view type) const;
  [[nodiscard]] std::vector<Record> sent_of(std::string_view type) const;

  /// Pings the node and waits for its pong: everything that was sent to it has been read by it, and
  /// what it sent before the pong is recorded. For "and nothing else came".
  asio::awaitable<void> settle(std::string node = {});

 private:
  std::unique_ptr<struct FakeEngineCore> core_;
  std::size_t settled_ = 0;
  bool stopped_ = false;
};

}  // namespace relay::test
