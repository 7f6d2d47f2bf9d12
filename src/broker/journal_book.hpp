// Internal to broker/: the delivery book on disk, on the storage thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "broker/journal_db.hpp"
#include "broker/journal_messages.hpp"
#include "node_control/delivery_book.hpp"
#include "node_control/node_handler.hpp"

namespace relay::broker {

/// Writes of a book only what differs from what was saved last, which is in memory too: a book has
/// thousands of agents, and a message changes one of them.
class JournalBook {
 public:
  JournalBook(JournalDb& journal, JournalMessages& messages)
      : journal_(journal), messages_(messages) {}

  /// Its actions, its agents, all of it or nothing.
  Result<void> save(const node_control::BookChange& change, Wall now);

  /// As it was saved, without what it has open and the inbox does not: that the engine sends again.
  node_control::BookState load();
  /// What is open, in the inbox or in the book. Forgets what was given back and is the engine's
  /// again.
  OpenMessages open_messages();

 private:
  /// Numbers are on disk.
  enum class Role { live = 0, retired = 1, stranger = 2 };
  using Agent = node_control::BookState::Agent;
  using Marks = std::vector<node_control::RecentMarks::Entry>;
  using MailboxRow = node_control::MailboxState::Row;

  struct Saved {
    Role role = Role::live;
    std::int64_t position = 0;
    Agent agent;
    /// How many marks were ever written; where the next one goes.
    std::int64_t marks_end = 0;
    std::int64_t ephemeral_end = 0;
  };
  using Book = std::map<std::string, Saved>;

  /// Agent, sequence number and mark.
  using RowKey = std::tuple<std::string, std::uint64_t, std::uint64_t>;
  struct Standing {
    std::set<RowKey> open;
    std::set<RowKey> lost;
    std::vector<MessageKey> ended;
  };

  Standing compare(const std::vector<JournalMessages::Row>& inbox);
  /// What is on disk, read when this opening of the journal has not read it yet.
  const Book& saved();
  void read_rows(Book& book);
  void read_marks(Book& book);
  void put_agent(const Agent& agent, Role role, std::int64_t position, Book& changed);
  void put_rows(const std::string& agent_id, bool ephemeral, const std::vector<MailboxRow>& before,
                const std::vector<MailboxRow>& after);
  std::int64_t put_marks(const std::string& agent_id, bool ephemeral, const Marks& before,
                         const Marks& after, std::int64_t end);
  void remove_agent(const std::string& agent_id);

  JournalDb& journal_;
  JournalMessages& messages_;
  std::uint64_t opening_ = 0;
  Book book_;
};

}  // namespace relay::broker
