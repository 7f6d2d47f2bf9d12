#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/inbound.hpp"
#include "broker/records.hpp"
#include "net/event.hpp"

namespace relay::test {

/// Records without a disk, which can be made to fail.
class MemoryRecords final : public broker::Records, private node_control::BookStore {
 public:
  [[nodiscard]] node_control::BookStore& book() override { return *this; }
  void begin_with(NextReader next_reader) override { reader = std::move(next_reader); }
  [[nodiscard]] std::string begun_by(const broker::MessageKey& key) const override {
    for (const auto& message : open) {
      if (message.key == key && message.begun) return message.generation;
    }
    return {};
  }
  [[nodiscard]] std::optional<Error> failure() const override { return broken; }

  /// As `book` does with a message of the engine.
  void save(broker::StoredMessage message) {
    if (reader && !broken) message.generation = reader(message.key.agent_id);
    message.begun = !message.generation.empty();
    open.push_back(std::move(message));
  }
  asio::awaitable<Result<bool>> accept(broker::StoredMessage message,
                                       std::string generation) override {
    if (broken) co_return fail(*broken);
    ++accepts;
    if (accept_waits != nullptr) (void)co_await accept_waits->wait(std::chrono::seconds(30));
    message.begun = !generation.empty();
    open.push_back(std::move(message));
    co_return !generation.empty();
  }
  asio::awaitable<Result<std::vector<broker::Begun>>> begin(std::vector<broker::MessageKey> keys,
                                                            std::string generation) override {
    (void)generation;
    ++begins;
    if (broken) {
      ++refused;
      co_return fail(*broken);
    }
    std::vector<broker::Begun> out;
    for (const auto& key : keys) {
      broker::Begun verdict = broker::Begun::not_now;
      for (auto& message : open) {
        if (!(message.key == key)) continue;
        verdict = message.begun ? broker::Begun::again : broker::Begun::fresh;
        message.begun = true;
      }
      out.push_back(verdict);
    }
    co_return out;
  }
  asio::awaitable<Result<void>> not_begun(std::vector<broker::MessageKey> keys,
                                          std::string generation) override {
    (void)generation;
    for (auto& message : open) {
      for (const auto& key : keys) message.begun = message.begun && !(message.key == key);
    }
    co_return Result<void>();
  }
  void typing(const broker::MessageKey& key) override { (void)key; }
  void typed(const broker::MessageKey& key, const pty::InjectionOutcome& outcome) override {
    (void)key;
    (void)outcome;
  }
  void not_typed(const broker::MessageKey& key) override { (void)key; }
  [[nodiscard]] bool keeps_typing() const override { return run_ahead; }
  asio::awaitable<Result<void>> end(std::vector<broker::MessageEnd> some) override {
    if (broken) co_return fail(*broken);
    for (auto& one : some) {
      const auto at = std::find_if(open.begin(), open.end(),
                                   [&one](const auto& message) { return message.key == one.key; });
      if (one.outcome.end == pty::InjectionEnd::dead) {
        broker::DeadLetterView letter;
        letter.id = next_letter++;
        letter.delivery_id = one.key.delivery_id;
        letter.reason = one.outcome.reason;
        if (at != open.end()) letter.agent = at->agent_name;
        const auto inbound = broker::read_inbound(at != open.end() ? at->frame : std::string());
        if (inbound) letter.body = inbound->letter.body;
        if (at != open.end()) buried[letter.id] = *at;
        dead.push_back(letter);
      }
      if (at != open.end()) open.erase(at);
      ended.push_back(std::move(one));
    }
    co_return Result<void>();
  }
  asio::awaitable<Result<std::vector<broker::StoredMessage>>> open_messages() override {
    co_return open;
  }

  asio::awaitable<Result<std::vector<broker::DeadLetterView>>> dead_letters(
      std::int64_t after, std::size_t most) override {
    std::vector<broker::DeadLetterView> out;
    for (const auto& letter : dead) {
      if (letter.id > after && out.size() < most) out.push_back(letter);
    }
    co_return out;
  }
  [[nodiscard]] std::size_t dead_letter_count() const override { return dead.size(); }
  asio::awaitable<Result<broker::DeadLetterView>> dead_letter(std::int64_t id) override {
    for (const auto& letter : dead) {
      if (letter.id == id) co_return letter;
    }
    co_return fail(Code::not_found, "no such dead letter");
  }
  asio::awaitable<Result<broker::StoredMessage>> revive(std::int64_t id,
                                                        std::string agent_id) override {
    (void)agent_id;
    const auto found = buried.find(id);
    if (found == buried.end()) co_return fail(Code::not_found, "no such dead letter");
    auto message = found->second;
    message.begun = false;
    std::erase_if(dead, [id](const auto& letter) { return letter.id == id; });
    buried.erase(found);
    open.push_back(message);
    co_return message;
  }
  asio::awaitable<Result<void>> drop(std::int64_t id) override {
    std::erase_if(dead, [id](const auto& letter) { return letter.id == id; });
    co_return Result<void>();
  }

  asio::awaitable<Result<void>> put_agent(broker::StoredAgent agent) override {
    if (broken) co_return fail(*broken);
    if (agents_wait != nullptr) (void)co_await agents_wait->wait(std::chrono::seconds(30));
    agents_by_name[agent.name] = std::move(agent);
    co_return Result<void>();
  }
  asio::awaitable<Result<void>> remove_agent(std::string name) override {
    agents_by_name.erase(name);
    co_return Result<void>();
  }
  asio::awaitable<Result<std::vector<broker::StoredAgent>>> agents() override {
    std::vector<broker::StoredAgent> out;
    for (const auto& [name, agent] : agents_by_name) out.push_back(agent);
    co_return out;
  }

  asio::awaitable<Result<void>> put_result(std::string invocation_id, std::string frame) override {
    if (broken) co_return fail(*broken);
    results_owed[invocation_id] = std::move(frame);
    co_return Result<void>();
  }
  asio::awaitable<Result<void>> remove_result(std::string invocation_id) override {
    results_owed.erase(invocation_id);
    co_return Result<void>();
  }
  asio::awaitable<Result<std::vector<broker::OwedResult>>> results() override {
    std::vector<broker::OwedResult> out;
    for (const auto& [id, frame] : results_owed) out.push_back({id, frame});
    co_return out;
  }

  asio::awaitable<Result<std::optional<std::string>>> remembered(std::string key) override {
    const auto found = answers.find(key);
    if (found == answers.end()) co_return std::optional<std::string>();
    co_return std::optional(found->second);
  }
  asio::awaitable<Result<void>> remember(std::string key, std::string answer) override {
    answers[key] = std::move(answer);
    co_return Result<void>();
  }

  std::optional<Error> broken;
  bool run_ahead = true;
  NextReader reader;
  int begins = 0;
  /// A message of this machine is not written down before that.
  net::Event* accept_waits = nullptr;
  int accepts = 0;
  /// An agent is not written down before that.
  net::Event* agents_wait = nullptr;
  /// How often a message was to be typed and could not be written down.
  int refused = 0;
  std::vector<broker::StoredMessage> open;
  std::vector<broker::MessageEnd> ended;
  std::vector<broker::DeadLetterView> dead;
  std::map<std::int64_t, broker::StoredMessage> buried;
  std::map<std::string, broker::StoredAgent> agents_by_name;
  std::map<std::string, std::string> answers;
  std::map<std::string, std::string> results_owed;

 private:
  asio::awaitable<Result<node_control::BookState>> load() override {
    co_return node_control::BookState();
  }
  asio::awaitable<Result<void>> save(
      std::shared_ptr<const node_control::BookChange> change) override {
    (void)change;
    co_return Result<void>();
  }
  std::int64_t next_letter = 1;
};

}  // namespace relay::test
