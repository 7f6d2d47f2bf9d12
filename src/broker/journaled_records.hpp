#pragma once

#include "broker/journal.hpp"
#include "broker/records.hpp"
#include "broker/typing_marks.hpp"

namespace relay::broker {

/// The broker's records in its journal. On the loop thread.
class JournaledRecords final : public Records {
 public:
  /// The journal outlives this.
  JournaledRecords(Journal& journal, TypingMarks marks)
      : journal_(journal), marks_(std::move(marks)) {}

  /// Counts what is there; once, before it is used.
  asio::awaitable<Result<void>> prepare();

  [[nodiscard]] node_control::BookStore& book() override { return journal_; }
  void begin_with(NextReader next_reader) override { journal_.begin_with(std::move(next_reader)); }
  [[nodiscard]] std::string begun_by(const MessageKey& key) const override {
    return journal_.begun_by(key);
  }
  [[nodiscard]] std::optional<Error> failure() const override { return journal_.health(); }
  asio::awaitable<Result<bool>> accept(StoredMessage message, std::string generation) override;
  asio::awaitable<Result<std::vector<Begun>>> begin(std::vector<MessageKey> keys,
                                                    std::string generation) override;
  asio::awaitable<Result<void>> not_begun(std::vector<MessageKey> keys,
                                          std::string generation) override;
  void typing(const MessageKey& key) override { marks_.typing(key); }
  void typed(const MessageKey& key, const pty::InjectionOutcome& outcome) override {
    marks_.ended(key, outcome);
  }
  void not_typed(const MessageKey& key) override { marks_.forget(key); }
  [[nodiscard]] bool keeps_typing() const override { return marks_.kept(); }
  asio::awaitable<Result<void>> end(std::vector<MessageEnd> ends) override;
  asio::awaitable<Result<std::vector<StoredMessage>>> open_messages() override;
  asio::awaitable<Result<std::vector<DeadLetterView>>> dead_letters(std::int64_t after,
                                                                    std::size_t most) override;
  [[nodiscard]] std::size_t dead_letter_count() const override { return dead_letters_; }
  [[nodiscard]] asio::awaitable<Result<DeadLetterView>> dead_letter(std::int64_t id) override;
  asio::awaitable<Result<StoredMessage>> revive(std::int64_t id, std::string agent_id) override;
  asio::awaitable<Result<void>> drop(std::int64_t id) override;
  asio::awaitable<Result<void>> put_agent(StoredAgent agent) override;
  asio::awaitable<Result<void>> remove_agent(std::string name) override;
  asio::awaitable<Result<std::vector<StoredAgent>>> agents() override;
  asio::awaitable<Result<void>> put_result(std::string invocation_id, std::string frame) override;
  asio::awaitable<Result<void>> remove_result(std::string invocation_id) override;
  asio::awaitable<Result<std::vector<OwedResult>>> results() override;
  asio::awaitable<Result<std::optional<std::string>>> remembered(std::string key) override;
  asio::awaitable<Result<void>> remember(std::string key, std::string answer) override;

 private:
  void recall(std::vector<StoredMessage>& messages);

  Journal& journal_;
  TypingMarks marks_;
  std::size_t dead_letters_ = 0;
};

}  // namespace relay::broker
