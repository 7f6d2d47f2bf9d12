#include "simulation/journal.hpp"

#include <algorithm>
#include <utility>

#include "node_control/recent_marks.hpp"

namespace relay::simulation {

using node_control::mark_of;

void JournalModel::save(const node_control::BookChange& change) {
  book_ = change.state;
  for (const auto& action : change.actions) {
    if (const auto* surface = std::get_if<node_control::Surface>(&action)) {
      const auto& delivery = surface->delivery;
      Row row;
      row.message.key = Key(delivery.agent_id, delivery.delivery_id, delivery.seq);
      row.message.agent_name = delivery.agent_name;
      row.message.frame = delivery.payload;
      row.order = next_++;
      inbox_.try_emplace(place_of(row.message.key), std::move(row));
    } else if (const auto* letter = std::get_if<node_control::DeadLetter>(&action)) {
      const auto& delivery = letter->delivery;
      const auto found =
          inbox_.find(place_of(Key(delivery.agent_id, delivery.delivery_id, delivery.seq)));
      buried_(found == inbox_.end() ? delivery.payload : found->second.message.frame);
      if (found != inbox_.end()) inbox_.erase(found);
    }
  }
}

Result<std::vector<broker::Begun>> JournalModel::begin(const std::vector<Key>& keys,
                                                       const std::string& generation) {
  if (retired_.contains(generation)) return fail(Code::conflict, "that session is over");
  std::vector<broker::Begun> verdicts;
  for (const auto& key : keys) {
    const auto found = inbox_.find(place_of(key));
    if (ended_.contains({key.agent_id, key.delivery_id})) {
      if (found != inbox_.end()) inbox_.erase(found);
      verdicts.push_back(broker::Begun::not_now);
    } else if (found == inbox_.end()) {
      verdicts.push_back(broker::Begun::not_now);
    } else {
      auto& message = found->second.message;
      verdicts.push_back(message.begun ? broker::Begun::again : broker::Begun::fresh);
      message.begun = true;
      message.generation = generation;
      ++message.attempts;
    }
  }
  return verdicts;
}

void JournalModel::end(const std::vector<broker::MessageEnd>& ends) {
  for (const auto& end : ends) {
    const auto found = inbox_.find(place_of(end.key));
    if (found == inbox_.end()) continue;
    if (end.outcome.end == pty::InjectionEnd::dead) {
      buried_(found->second.message.frame);
    }
    ended_[{end.key.agent_id, end.key.delivery_id}] = end.key;
    inbox_.erase(found);
  }
}

void JournalModel::put_agent(const broker::StoredAgent& agent) {
  const auto known = agents.find(agent.name);
  if (known != agents.end() && known->second.generation != agent.generation) {
    retired_.insert(known->second.generation);
  }
  agents[agent.name] = agent;
}

void JournalModel::remove_agent(const std::string& name) {
  const auto known = agents.find(name);
  if (known == agents.end()) return;
  retired_.insert(known->second.generation);
  agents.erase(known);
}

JournalModel::Standing JournalModel::standing(const std::string& agent_id,
                                              const node_control::MailboxState::Row& row,
                                              Key* key) const {
  for (auto each = inbox_.lower_bound({agent_id, {row.seq, {}}});
       each != inbox_.end() && each->first.first == agent_id && each->first.second.first == row.seq;
       ++each) {
    if (mark_of(each->second.message.key.delivery_id) == row.mark) return Standing::open;
  }
  for (auto each = ended_.lower_bound({agent_id, {}});
       each != ended_.end() && each->first.first == agent_id; ++each) {
    if (each->second.seq != row.seq || mark_of(each->first.second) != row.mark) continue;
    *key = each->second;
    return Standing::ended;
  }
  return Standing::lost;
}

node_control::BookState JournalModel::load() const {
  auto state = book_;
  for (auto* agents_of : {&state.live, &state.retired, &state.strangers}) {
    for (auto& agent : *agents_of) {
      const auto lost = [&](const node_control::MailboxState::Row& row) {
        Key key;
        return !row.finished && standing(agent.agent_id, row, &key) == Standing::lost;
      };
      std::erase_if(agent.mailbox.edit().rows, lost);
      std::erase_if(agent.mailbox.edit().open_ephemeral, lost);
    }
  }
  return state;
}

std::vector<broker::StoredMessage> JournalModel::open_messages() const {
  std::vector<const Row*> rows;
  for (const auto& [place, row] : inbox_) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(),
            [](const Row* a, const Row* b) { return a->order < b->order; });
  std::vector<broker::StoredMessage> out;
  for (const Row* row : rows) out.push_back(row->message);
  for (const auto* agents_of : {&book_.live, &book_.retired, &book_.strangers}) {
    for (const auto& agent : *agents_of) {
      for (const auto& row : agent.mailbox->rows) {
        broker::StoredMessage ended;
        ended.ended = true;
        if (!row.finished && standing(agent.agent_id, row, &ended.key) == Standing::ended) {
          out.push_back(std::move(ended));
        }
      }
    }
  }
  return out;
}

void MarksModel::recall(std::vector<broker::StoredMessage>& messages) {
  std::map<std::string, Mark> kept;
  for (auto& message : messages) {
    if (message.ended) continue;
    const auto mark = marks_.find(text(message.key));
    if (!told_) {
      if (message.begun) kept[text(message.key)] = Mark();
    } else if (mark == marks_.end()) {
      message.begun = false;
    } else {
      message.begun = true;
      if (mark->second.ended) message.outcome = mark->second.outcome;
      kept[text(message.key)] = mark->second;
    }
  }
  marks_ = std::move(kept);
  told_ = true;
}

}  // namespace relay::simulation
