#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/operations.hpp"
#include "net/event.hpp"
#include "pty/screen/output_ring.hpp"

namespace relay::test {

/// A broker of agents that exist only as entries of a list: says what a test gave it to say, and
/// writes down what it was asked. The agent's terminal is real but for the program.
class FakeOperations final : public broker::Operations {
 public:
  explicit FakeOperations(asio::any_io_executor executor);

  /// An agent called `name`, idle, with a terminal of 80x24.
  broker::AgentView& add(const std::string& name);
  /// Its program prints.
  void print(const std::string& bytes);
  /// Its program ends.
  void end_program();

  asio::awaitable<Result<broker::SpawnedAgent>> spawn(broker::SpawnRequest request) override;
  asio::awaitable<Result<broker::ReleasedAgent>> release(broker::ReleaseRequest request) override;
  std::vector<broker::AgentView> agents() override { return list; }
  Result<broker::AgentView> agent(const std::string& name) override;
  broker::BrokerView broker() override { return view; }
  broker::EventLog& events() override { return log; }
  broker::Handlers& handlers() override { return actions; }
  asio::awaitable<Result<broker::SentMessage>> send(broker::SendRequest request) override;
  asio::awaitable<Result<std::size_t>> type(std::string name, std::string keys) override;
  Result<void> human_done(const std::string& name) override;
  Result<pty::SizeAnswer> resize(const std::string& name, const pty::SizeRequest& request) override;
  Result<pty::ScreenView> screen(const std::string& name) override;
  asio::awaitable<Result<pty::ViewedOutput>> output(std::string name, std::uint64_t cursor,
                                                    Duration at_most) override;
  asio::awaitable<Result<broker::ModeChanged>> set_mode(std::string name,
                                                        broker::ModeChange change) override;
  asio::awaitable<Result<std::size_t>> flush(std::string name) override;
  Result<std::vector<broker::PendingMessage>> pending(const std::string& name) override;
  asio::awaitable<Result<std::vector<broker::DeadLetterView>>> dead_letters(
      std::int64_t after, std::size_t most) override;
  asio::awaitable<Result<void>> redeliver(std::int64_t id) override;
  asio::awaitable<Result<void>> drop_dead_letter(std::int64_t id) override;
  Result<std::vector<std::string>> subscribe(const std::string& name,
                                             const std::vector<std::string>& channels) override;
  Result<std::vector<std::string>> unsubscribe(const std::string& name,
                                               const std::vector<std::string>& channels) override;
  asio::awaitable<Result<void>> set_model(std::string name, std::string model,
                                          Duration at_most) override;
  Result<broker::AcceptedResult> hand_in(broker::HandedIn result) override;
  std::vector<broker::CrashView> crashes() override { return crashed; }
  void shut_down() override { ++shut_downs; }

  std::vector<broker::AgentView> list;
  broker::BrokerView view;
  broker::EventLog log;
  broker::Handlers actions;
  std::vector<broker::CrashView> crashed;
  std::vector<broker::PendingMessage> waiting;
  std::vector<broker::DeadLetterView> letters;
  /// What spawn, release, send, type, set_model and set_mode fail with.
  std::optional<Error> failure;
  /// `type` waits until this is notified.
  bool hold_keys = false;
  net::Event keys_go_on;
  net::Event keys_came;

  std::vector<broker::SpawnRequest> spawned;
  std::vector<broker::ReleaseRequest> released;
  std::vector<broker::SendRequest> sent;
  broker::SentMessage send_answer;
  /// "name: keys"
  std::vector<std::string> typed;
  std::vector<pty::SizeRequest> sizes;
  std::vector<broker::ModeChange> mode_changes;
  std::vector<std::int64_t> redelivered;
  std::vector<std::string> models;
  std::vector<broker::HandedIn> handed_in;
  std::size_t humans_done = 0;
  int shut_downs = 0;

 private:
  broker::AgentView* find(const std::string& name);

  pty::SizeLease lease_;
  pty::OutputRing ring_;
  pty::SessionViewers viewers_;
};

}  // namespace relay::test
