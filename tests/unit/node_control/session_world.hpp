#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/event.hpp"
#include "net/task_group.hpp"
#include "node_control/node_session.hpp"
#include "support/fake_engine.hpp"
#include "support/loop.hpp"

namespace relay::node_control {

using namespace std::chrono_literals;
using test::FakeEngine;
using test::FakeNodeSocket;
using test::FakeState;
using test::FrameScript;
using test::HttpScript;
using test::Record;

[[nodiscard]] wire::Json json(std::string_view text);

/// A broker that only notes what it is told; the test acts for it.
class NotingBroker final : public NodeHandler {
 public:
  explicit NotingBroker(asio::any_io_executor executor) : changed(std::move(executor)) {}

  void surfaced(Delivery delivery, bool late) override;
  void dead_letter(DeadLetter letter) override;
  void skipped(Skipped range) override;
  void renamed(Renamed change) override;
  void invoked(wire::ActionInvoke action) override;
  std::vector<wire::InventoryEntry> inventory() override { return agents; }
  NodeLoad load() override { return now; }
  void registered_again(std::string old_agent_id, wire::AgentRegistered agent) override;
  void tunnel(const TunnelReport& report) override;
  void note(NoteLevel level, std::string text) override;

  /// Waits until `holds`; fails the test when that takes too long.
  asio::awaitable<void> until(std::function<bool()> holds, std::string what);
  [[nodiscard]] bool noted(std::string_view words) const;
  [[nodiscard]] std::vector<std::uint64_t> seqs() const;
  void add(const std::string& agent_id, const std::string& name, std::string invocation = {});
  void drop(const std::string& name);

  net::Event changed;
  std::vector<wire::InventoryEntry> agents;
  NodeLoad now;
  std::vector<Delivery> deliveries;
  std::vector<Delivery> late;
  std::vector<DeadLetter> dead;
  std::vector<Skipped> holes;
  std::vector<wire::ActionInvoke> actions;
  std::vector<std::pair<std::string, wire::AgentRegistered>> again;
  std::vector<std::string> tunnels;
  std::vector<std::pair<NoteLevel, std::string>> notes;
  /// "save" and "surface 3", in their order; shared with the store.
  std::vector<std::string> order;
};

class MemoryStore final : public BookStore {
 public:
  explicit MemoryStore(NotingBroker& broker) : broker_(broker) {}
  asio::awaitable<Result<BookState>> load() override { co_return state; }
  asio::awaitable<Result<void>> save(std::shared_ptr<const BookChange> change) override;

  BookState state;
  bool fails = false;
  std::size_t saves = 0;

 private:
  NotingBroker& broker_;
};

/// One token, which the engine may come to refuse; `minted` counts the others.
class ListedTokens final : public NodeTokens {
 public:
  asio::awaitable<Result<NodeToken>> get() override;
  Result<void> discard(const NodeToken& rejected) override;
  [[nodiscard]] bool may_mint() const override { return mints; }

  NodeToken token;
  bool mints = true;
  std::optional<Error> failure;
  std::function<std::string()> mint;
  int gets = 0;
  int minted = 0;
  int discarded = 0;
};

/// An engine, a session and time that stands still until a test moves it.
class SessionWorld {
 public:
  SessionWorld();
  virtual ~SessionWorld();
  SessionWorld(const SessionWorld&) = delete;
  SessionWorld& operator=(const SessionWorld&) = delete;

  /// Runs a scenario; the session is stopped at its end, however it ends.
  template <class Scenario>
  void run(Scenario scenario, std::chrono::seconds at_most = 120s) {
    test::run(io, whole(scenario(*this)), at_most);
  }

  /// Makes the session and starts it; returns when the engine has answered its first question.
  asio::awaitable<void> up();
  asio::awaitable<Result<void>> start();
  /// What the node sent so far is recorded, and what the engine sent is read.
  asio::awaitable<void> settle();
  /// Time passes while there is a connection: second by second, with answers in between.
  asio::awaitable<void> pass(Duration time);
  /// Time passes; what is due happens before this returns, but for the network's part.
  asio::awaitable<void> jump(Duration time);
  asio::awaitable<void> connected();
  /// The try that is under way has ended, well or not.
  asio::awaitable<void> settle_try();
  /// The connection is lost, or the try has failed: the next one is waited for.
  asio::awaitable<void> waits();
  /// The broker has got that many actions.
  asio::awaitable<void> invoked(std::size_t count);
  /// The engine has that status for an invocation.
  asio::awaitable<void> finished(std::string invocation, std::string status);
  /// An agent that the engine takes; it is in the inventory then.
  asio::awaitable<std::string> agent(std::string name);
  /// The book has done what it noted.
  asio::awaitable<void> saved();
  void done(const Delivery& delivery);

  asio::io_context io;
  FakeEngine engine{io};
  FakeClock clock;
  SeededRandom random{17};
  NotingBroker broker{io.get_executor()};
  MemoryStore store{broker};
  ListedTokens tokens;
  NodeTokens* token_source = &tokens;
  NodeOptions options;
  std::unique_ptr<NodeSession> session;

 private:
  asio::awaitable<void> whole(asio::awaitable<void> scenario);
};

}  // namespace relay::node_control
