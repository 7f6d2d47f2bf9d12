// Internal to engine/hub/: brings the mail.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/hub/hub_parts.hpp"
#include "engine/hub/mail.hpp"
#include "net/event.hpp"

namespace relay::engine {

/// What was sent and acknowledged and is not written down yet, each agent once.
struct MailBook {
  struct Ack {
    Id node = 0;
    Id workspace = 0;
    std::uint64_t up_to = 0;
    /// It is at work after all.
    bool was_doubted = false;
  };

  [[nodiscard]] bool empty() const { return sent.empty() && acks.empty(); }
  void note_ack(Id agent, const Ack& ack);

  std::unordered_map<Id, std::vector<std::uint64_t>> sent;
  std::unordered_map<Id, Ack> acks;
};

/// All of the book, in one operation; who watches is told of what has arrived, and so are the log
/// and subscriptions of the workspace.
[[nodiscard]] Result<Outcome> write_book(Store& store, const MailBook& book, bool watched);

/// Sends what waits in mailboxes to the nodes that are connected, and writes down what was sent and
/// acknowledged: one coroutine each for all of them, many mailboxes in one reading, many
/// acknowledgements in one operation. A node that does not read rests; a disk that fails is tried
/// again, and the book waits.
class Courier {
 public:
  /// Mailboxes of one reading: their frames are made in one turn of the loop.
  static constexpr std::size_t kMailboxesAtOnce = 256;
  /// How often a node that rests is looked at.
  static constexpr Duration kLookAtResting = std::chrono::milliseconds(50);
  static constexpr Duration kAfterFailure = std::chrono::seconds(1);

  using Apply = std::function<void(Outcome)>;
  Courier(asio::any_io_executor executor, HubParts* parts, Apply apply)
      : parts_(*parts), apply_(std::move(apply)), booking_(std::move(executor)) {}

  void acknowledge(const NodeLink& link, const std::string& agent, std::uint64_t up_to);

  asio::awaitable<void> deliver();
  asio::awaitable<void> keep_book();
  /// What is not written yet, at the end.
  asio::awaitable<void> close_book();

 private:
  void let_read_on();
  [[nodiscard]] Duration time_to_wait() const;
  void send(const Mail& mail);
  void pass_on(Outcome& written);
  asio::awaitable<bool> write_once();

  HubParts& parts_;
  Apply apply_;
  MailBook book_;
  net::Event booking_;
};

}  // namespace relay::engine
