#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/journal_types.hpp"
#include "broker/records.hpp"
#include "node_control/node_handler.hpp"

namespace relay::simulation {

/// What a broker's journal has on disk, and what is done to it in a transaction: in the words of
/// `broker::Journal`, without its tables.
class JournalModel {
 public:
  using Key = broker::MessageKey;
  /// A message has become a dead letter.
  using Buried = std::function<void(const std::string& frame)>;

  explicit JournalModel(Buried buried) : buried_(std::move(buried)) {}

  void save(const node_control::BookChange& change);
  [[nodiscard]] Result<std::vector<broker::Begun>> begin(const std::vector<Key>& keys,
                                                         const std::string& generation);
  void end(const std::vector<broker::MessageEnd>& ends);
  void put_agent(const broker::StoredAgent& agent);
  void remove_agent(const std::string& name);

  /// As the next broker finds it: without rows of the book of which the journal knows nothing.
  [[nodiscard]] node_control::BookState load() const;
  /// Oldest first; `ended` for those of which the book was not told.
  [[nodiscard]] std::vector<broker::StoredMessage> open_messages() const;

  std::map<std::string, broker::StoredAgent> agents;
  /// Results that the engine may not have, oldest first.
  std::vector<broker::OwedResult> results;

 private:
  struct Row {
    broker::StoredMessage message;
    std::uint64_t order = 0;
  };
  using Place = std::pair<std::string, std::pair<std::uint64_t, std::string>>;
  [[nodiscard]] static Place place_of(const Key& key) {
    return {key.agent_id, {key.seq, key.delivery_id}};
  }
  enum class Standing { open, ended, lost };
  [[nodiscard]] Standing standing(const std::string& agent_id,
                                  const node_control::MailboxState::Row& row, Key* key) const;

  Buried buried_;
  node_control::BookState book_;
  std::map<Place, Row> inbox_;
  /// By agent id and delivery id.
  std::map<std::pair<std::string, std::string>, Key> ended_;
  std::set<std::string> retired_;
  std::uint64_t next_ = 1;
};

/// What was given to terminals, as `broker::TypingMarks` keeps it: it outlives the broker at once
/// and the machine never.
class MarksModel {
 public:
  struct Mark {
    bool ended = false;
    pty::InjectionOutcome outcome;
  };
  void typing(const broker::MessageKey& key) { marks_[text(key)] = Mark(); }
  void ended(const broker::MessageKey& key, const pty::InjectionOutcome& outcome) {
    marks_[text(key)] = Mark{true, outcome};
  }
  void forget(const broker::MessageKey& key) { marks_.erase(text(key)); }
  void lose() {
    marks_.clear();
    told_ = false;
  }
  /// What an earlier broker marked about these, which are all that are open.
  void recall(std::vector<broker::StoredMessage>& messages);

 private:
  static std::string text(const broker::MessageKey& key) {
    return key.agent_id + "/" + std::to_string(key.seq) + "/" + key.delivery_id;
  }
  std::map<std::string, Mark> marks_;
  bool told_ = false;
};

}  // namespace relay::simulation
