#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "broker/agent_view.hpp"
#include "broker/inbound.hpp"
#include "broker/journal_types.hpp"

namespace relay::broker {

/// One message for one agent, accepted and not ended.
struct Mail {
  MessageKey key;
  /// Unique in this broker's life: what the terminal's queue knows it by.
  std::uint64_t number = 0;
  Inbound inbound;
  Wall accepted{};
  std::uint32_t attempts = 0;
  /// Of the program that it was last given to.
  std::string generation;
  /// That this program is given it is on disk, and it has not been yet.
  bool begun = false;
  /// It was being typed when an earlier broker, or an earlier program of the agent, ended.
  bool recovering = false;
  /// Accepted here, not from the engine: nobody waits for an ack.
  bool local = false;

  /// It goes before others that wait.
  [[nodiscard]] bool urgent() const { return inbound.priority >= kUrgent || inbound.steer; }
};

/// What waits for one agent, in the order in which it is to be typed, and what its terminal has
/// been given. Pure. A message is here from its acceptance to its end.
class AgentMailbox {
 public:
  /// Messages, and bytes of their bodies. What comes from the engine is bounded before by the book.
  static constexpr std::size_t kMostMessages = 10'000;
  static constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  /// Given out at a time: the one that is typed, and the next, that its beginning is on disk by
  /// then. More only for a reader that would wait for the disk: what is urgent comes behind them.
  static constexpr std::size_t kLeastOffered = 2;
  static constexpr std::size_t kMostOffered = 32;

  /// Room for one message, kept free from before the disk is asked until it is accepted. The
  /// mailbox outlives it.
  class Room {
   public:
    Room(AgentMailbox& mailbox, std::size_t bytes);
    ~Room() { give_back(); }
    Room(Room&& other) noexcept
        : mailbox_(std::exchange(other.mailbox_, nullptr)), bytes_(other.bytes_) {}
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    Room& operator=(Room&&) = delete;
    /// Whose room this was is accepted now. Also good twice.
    void give_back();

   private:
    AgentMailbox* mailbox_;
    std::size_t bytes_;
  };
  /// `queue_full`, with a time to come again.
  [[nodiscard]] Result<Room> hold_room(std::size_t bytes);
  /// `queue_full`, with a time to come again; then nothing was taken.
  [[nodiscard]] Result<void> accept(Mail message);

  /// What may be given to the terminal now: the urgent first, then the oldest. They are `offered`
  /// from now on.
  [[nodiscard]] std::vector<const Mail*> take();
  /// Whether what was taken a while ago is still to be typed next: the mode lets it go, and
  /// nothing more urgent waits.
  [[nodiscard]] bool still_next(std::uint64_t number) const;
  /// The terminal did not take it: it is the next one again.
  void put_back(std::uint64_t number);
  /// It has ended, and is gone from here. Nothing for a number that is not here.
  [[nodiscard]] std::optional<Mail> ended(std::uint64_t number);
  [[nodiscard]] const Mail* find(std::uint64_t number) const;
  /// It is on disk that this program is given it now; `again`: perhaps not for the first time.
  void begun(std::uint64_t number, const std::string& generation, bool again);
  /// The beginning of what was taken last is on disk. Whether the terminal had nothing to do by
  /// then says how many are taken the next time.
  void settle_pace(bool reader_waited);
  /// The program has ended: what was offered waits again for the next one. What is named here was
  /// perhaps typed.
  void start_over(const std::vector<std::uint64_t>& perhaps_typed);
  /// What the program of this generation has begun, but these.
  [[nodiscard]] std::vector<MessageKey> begun_except(
      const std::string& generation, const std::vector<std::uint64_t>& numbers) const;
  /// Everything, oldest first; empty afterwards.
  [[nodiscard]] std::vector<Mail> drain();

  [[nodiscard]] DeliveryMode mode() const { return mode_; }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  /// To auto_inject lets everything go; how many that were.
  std::size_t set_mode(DeliveryMode mode);
  /// Lets go what waits now, whatever the mode; how many.
  std::size_t flush();

  [[nodiscard]] std::size_t size() const { return messages_.size(); }
  [[nodiscard]] bool may_take() const;
  [[nodiscard]] std::vector<PendingMessage> pending(const std::string& agent) const;

 private:
  [[nodiscard]] Result<void> check_room(std::size_t bytes) const;

  struct Entry {
    Mail message;
    bool offered = false;
    /// Let go by hand while the mode holds others back.
    bool released = false;
  };
  [[nodiscard]] bool free(const Entry& entry) const {
    return !entry.offered && (mode_ == DeliveryMode::auto_inject || entry.released);
  }

  std::deque<Entry> messages_;
  std::size_t bytes_ = 0;
  /// Messages that have room and are not here yet, and their bytes.
  std::size_t held_ = 0;
  std::size_t held_bytes_ = 0;
  std::size_t offered_ = 0;
  std::size_t at_a_time_ = kLeastOffered;
  /// Nothing that is newer was overtaken by anything, so there is nothing to be looked for.
  std::uint64_t newest_urgent_ = 0;
  DeliveryMode mode_ = DeliveryMode::auto_inject;
  std::uint64_t revision_ = 0;
};

}  // namespace relay::broker
