#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/journal_types.hpp"
#include "os/fd.hpp"
#include "os/paths.hpp"
#include "pty/injection/injection_types.hpp"

namespace relay::broker {

/// What was given to a terminal, and what came of it, until the journal has its end. A program
/// that has read something lives as long as the machine at most, so these marks have to outlive
/// the broker and not the machine: they are written and never waited for. By them the next broker
/// knows which of the messages that the journal calls begun were typed, in whole or in part.
///
/// One process at a time uses a file (it stands beside the journal, whose lock is held). 64 bytes
/// for each message that has begun and not ended.
class TypingMarks {
 public:
  /// Marks of an earlier broker of this start of the machine are taken over; others say nothing.
  /// Where no file can be kept there are no marks (`kept`).
  static TypingMarks open(const os::Path& path, std::string boot_id);

  /// What is in doubt from before is marked: from now on the next broker may believe the marks.
  /// Not before, so that a start that comes to nothing leaves all of it in doubt.
  void begin();

  /// False: a crash would leave in doubt all that has begun, so only one at a time should.
  [[nodiscard]] bool kept() const { return static_cast<bool>(file_); }
  /// The marks of the broker before were read: what has none was not typed.
  [[nodiscard]] bool told() const { return told_; }

  enum class Stage : std::uint8_t { none = 0, typing = 1, ended = 2 };
  [[nodiscard]] Stage stage_of(const MessageKey& key) const;
  /// Of one that has `ended`.
  [[nodiscard]] pty::InjectionOutcome outcome_of(const MessageKey& key) const;

  /// From now on it is in doubt.
  void typing(const MessageKey& key);
  void ended(const MessageKey& key, const pty::InjectionOutcome& outcome);
  /// Its end is on disk, or nothing of it was typed.
  void forget(const MessageKey& key);
  void forget_all_but(const std::vector<MessageKey>& keys);

 private:
  struct Slot {
    std::size_t place = 0;
    Stage stage = Stage::none;
    pty::InjectionOutcome outcome;
  };

  TypingMarks(os::Path path, os::Fd file, std::string boot_id)
      : path_(std::move(path)), file_(std::move(file)), boot_id_(std::move(boot_id)) {}
  bool read();
  void put(const MessageKey& key, Slot slot);
  using Slots = std::map<std::uint64_t, Slot>;
  Slots::iterator drop(Slots::iterator at);
  void write(std::uint64_t mark, const Slot& slot);
  void give_up();

  os::Path path_;
  os::Fd file_;
  std::string boot_id_;
  bool told_ = false;
  Slots slots_;
  std::vector<std::size_t> free_;
  std::size_t places_ = 0;
};

/// Names this start of the machine; empty when it cannot be told, and then no marks are believed.
[[nodiscard]] std::string boot_id();

}  // namespace relay::broker
