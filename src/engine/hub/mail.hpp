#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/hub/mail_room.hpp"
#include "engine/store/store.hpp"
#include "wire/json.hpp"

namespace relay::engine {

/// One row of a mailbox with what its frame says.
struct Letter {
  std::uint64_t seq = 0;
  Id message = 0;
  std::string delivery;  // its id on the wire
  bool steer = false;
  /// Shared by all who get the same message in this reading.
  std::shared_ptr<const wire::Json> payload;
};

/// What was read for one look.
struct Mail {
  MailRoom::Look look;
  std::vector<Letter> letters;
  /// These are all open rows behind `look.after`.
  bool whole = false;
};

struct MailBudget {
  /// Of one reading: what then is not read is read with the next one.
  std::size_t rows = 4096;
  std::size_t bytes = std::size_t{4} << 20U;
};

/// The open rows of these mailboxes and what is in them, from what is stored: a message that is
/// sent again is the same, byte for byte. At least one row is read of the first mailbox that has
/// one, whatever the budget.
[[nodiscard]] Result<std::vector<Mail>> read_mail(const Store& store,
                                                  const std::vector<MailRoom::Look>& looks,
                                                  MailBudget budget);

/// The frame of a letter under that number, as text.
[[nodiscard]] std::string deliver_frame(const Letter& letter, Id agent,
                                        const std::string& agent_name, std::uint64_t number);

}  // namespace relay::engine
