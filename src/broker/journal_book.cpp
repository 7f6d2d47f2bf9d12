#include "broker/journal_book.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "broker/journal_schema.hpp"

namespace relay::broker {
namespace {

using node_control::BookState;
using node_control::mark_of;
using node_control::SeqRange;
using Entry = node_control::RecentMarks::Entry;
using StateRow = node_control::MailboxState::Row;

/// Marks in one row of the table: a new mark rewrites 1 KiB.
constexpr std::int64_t kMarksInPart = 64;
constexpr std::size_t kPairBytes = 16;

void put_number(std::string& out, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(number >> shift & 0xff);
}

std::uint64_t number_at(const std::string& bytes, std::size_t at) {
  std::uint64_t number = 0;
  for (std::size_t i = 8; i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

std::string holes_text(const std::vector<SeqRange>& holes) {
  std::string text;
  for (const auto& hole : holes) {
    put_number(text, hole.first);
    put_number(text, hole.last);
  }
  return text;
}

std::vector<SeqRange> holes_from(const std::string& text) {
  std::vector<SeqRange> holes;
  for (std::size_t at = 0; at + kPairBytes <= text.size(); at += kPairBytes) {
    holes.push_back({number_at(text, at), number_at(text, at + 8)});
  }
  return holes;
}

auto key_of(const StateRow& row) {
  return std::tie(row.seq, row.mark);
}

bool same_row(const StateRow& a, const StateRow& b) {
  return key_of(a) == key_of(b) && a.bytes == b.bytes && a.finished == b.finished;
}

bool same_head(const node_control::MailboxState& a, const node_control::MailboxState& b) {
  return a.placed == b.placed && a.cursor == b.cursor && a.adopted == b.adopted &&
         a.forgotten_up_to == b.forgotten_up_to && a.holes == b.holes &&
         a.recent.size() == b.recent.size() &&
         a.recent_ephemeral.size() == b.recent_ephemeral.size();
}

/// How many of `after`, at its end, `before` has not; all of them when the one does not go on from
/// the other. Marks come at the end and go at the front.
std::size_t added(const std::vector<Entry>& before, const std::vector<Entry>& after) {
  if (before.empty()) return after.size();
  const auto last = std::find(after.rbegin(), after.rend(), before.back());
  const auto kept = static_cast<std::size_t>(after.rend() - last);
  if (kept > before.size()) return after.size();
  const bool goes_on =
      std::equal(after.begin(), last.base(), before.end() - static_cast<std::ptrdiff_t>(kept));
  return goes_on ? after.size() - kept : after.size();
}

}  // namespace

Result<void> JournalBook::save(const node_control::BookChange& change, Wall now) {
  const Book& before = saved();
  for (const auto& action : change.actions) {
    if (const auto* surface = std::get_if<node_control::Surface>(&action)) {
      messages_.accept(surface->delivery, surface->late, MessageOrigin::engine, now);
    } else if (const auto* letter = std::get_if<node_control::DeadLetter>(&action)) {
      messages_.bury(*letter, now);
    }
  }
  Book changed;
  std::set<std::string> present;
  const auto put_all = [&](const std::vector<Agent>& agents, Role role) {
    std::int64_t last = 0;
    for (const auto& agent : agents) {
      present.insert(agent.agent_id);
      const auto known = before.find(agent.agent_id);
      // Their order is kept; one that stays in it stays where it is.
      const bool stays =
          known != before.end() && known->second.role == role && known->second.position > last;
      last = stays ? known->second.position : std::max(last + 1, journal_.next_id());
      put_agent(agent, role, last, changed);
    }
  };
  put_all(change.state.live, Role::live);
  put_all(change.state.retired, Role::retired);
  put_all(change.state.strangers, Role::stranger);
  std::vector<std::string> gone;
  for (const auto& [id, agent] : before) {
    if (!present.contains(id)) gone.push_back(id);
  }
  for (const auto& id : gone) remove_agent(id);
  auto written = journal_.db().checked();
  if (!written) return written;
  for (const auto& id : gone) book_.erase(id);
  for (auto& [id, agent] : changed) book_.insert_or_assign(id, std::move(agent));
  return {};
}

void JournalBook::put_agent(const Agent& agent, Role role, std::int64_t position, Book& changed) {
  static const std::string put = journal_table("mailboxes").put("INSERT OR REPLACE");
  const auto known = book_.find(agent.agent_id);
  const Saved nothing;
  const Saved& old = known != book_.end() ? known->second : nothing;
  const bool same_name = known != book_.end() && old.role == role && old.position == position &&
                         old.agent.agent_name == agent.agent_name;
  if (same_name && old.agent.mailbox.is(agent.mailbox)) return;
  const auto& before = *old.agent.mailbox;
  const auto& after = *agent.mailbox;
  const bool same_rows =
      std::equal(before.rows.begin(), before.rows.end(), after.rows.begin(), after.rows.end(),
                 same_row) &&
      std::equal(before.open_ephemeral.begin(), before.open_ephemeral.end(),
                 after.open_ephemeral.begin(), after.open_ephemeral.end(), same_row);
  const bool same_marks =
      before.recent == after.recent && before.recent_ephemeral == after.recent_ephemeral;
  if (same_name && same_rows && same_marks && same_head(before, after)) return;

  Saved now = old;
  if (!same_rows) {
    put_rows(agent.agent_id, false, before.rows, after.rows);
    put_rows(agent.agent_id, true, before.open_ephemeral, after.open_ephemeral);
  }
  if (!same_marks) {
    now.marks_end = put_marks(agent.agent_id, false, before.recent, after.recent, old.marks_end);
    now.ephemeral_end = put_marks(agent.agent_id, true, before.recent_ephemeral,
                                  after.recent_ephemeral, old.ephemeral_end);
  }
  if (!same_name || !same_head(before, after)) {
    const std::string holes = holes_text(after.holes);
    Query(journal_.db(), put)
        .bind(agent.agent_id)
        .bind(static_cast<int>(role))
        .bind(position)
        .bind(agent.agent_name)
        .bind(after.placed)
        .bind(after.cursor)
        .bind(after.adopted)
        .bind(after.forgotten_up_to)
        .bind(Blob{holes})
        .bind(std::uint64_t{after.recent.size()})
        .bind(std::uint64_t{after.recent_ephemeral.size()})
        .run();
  }
  now.role = role;
  now.position = position;
  now.agent = agent;
  changed.emplace(agent.agent_id, std::move(now));
}

void JournalBook::put_rows(const std::string& agent_id, bool ephemeral,
                           const std::vector<MailboxRow>& before,
                           const std::vector<MailboxRow>& after) {
  static const std::string put = journal_table("mailbox_rows").put("INSERT OR REPLACE");
  // Ephemeral ones come in any order.
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  std::map<Key, const MailboxRow*> old;
  for (const auto& row : before) old.emplace(Key(row.seq, row.mark), &row);
  for (const auto& row : after) {
    const auto known = old.extract(Key(row.seq, row.mark));
    if (!known.empty() && same_row(*known.mapped(), row)) continue;
    Query(journal_.db(), put)
        .bind(agent_id)
        .bind(ephemeral)
        .bind(row.seq)
        .bind(row.mark)
        .bind(std::uint64_t{row.bytes})
        .bind(row.finished)
        .run();
  }
  for (const auto& [key, row] : old) {
    Query(journal_.db(),
          "DELETE FROM mailbox_rows WHERE agent_id=?1 AND ephemeral=?2 AND seq=?3 AND mark=?4")
        .bind(agent_id)
        .bind(ephemeral)
        .bind(key.first)
        .bind(key.second)
        .run();
  }
}

/// Where the next mark goes. A part of the table holds the marks of up to 64 places and the number
/// of the first; marks that have gone stay in the first part until all of it has.
std::int64_t JournalBook::put_marks(const std::string& agent_id, bool ephemeral,
                                    const Marks& before, const Marks& after, std::int64_t end) {
  static const std::string put = journal_table("mailbox_marks").put("INSERT OR REPLACE");
  const std::size_t fresh = added(before, after);
  const std::int64_t new_end = end + static_cast<std::int64_t>(fresh);
  const std::int64_t start = new_end - static_cast<std::int64_t>(after.size());
  for (std::int64_t part = end / kMarksInPart; fresh > 0 && part * kMarksInPart < new_end; ++part) {
    std::string entries;
    const std::int64_t from = std::max(part * kMarksInPart, start);
    const std::int64_t to = std::min((part + 1) * kMarksInPart, new_end);
    put_number(entries, static_cast<std::uint64_t>(from));
    for (std::int64_t place = from; place < to; ++place) {
      const auto& entry = after[static_cast<std::size_t>(place - start)];
      put_number(entries, entry.mark);
      put_number(entries, entry.seq);
    }
    Query(journal_.db(), put).bind(agent_id).bind(ephemeral).bind(part).bind(Blob{entries}).run();
  }
  // What does not go on from what was there has begun behind it.
  Query(journal_.db(), "DELETE FROM mailbox_marks WHERE agent_id=?1 AND ephemeral=?2 AND part<?3")
      .bind(agent_id)
      .bind(ephemeral)
      .bind(start / kMarksInPart)
      .run();
  return new_end;
}

void JournalBook::remove_agent(const std::string& agent_id) {
  for (const auto* sql :
       {"DELETE FROM mailboxes WHERE agent_id=?1", "DELETE FROM mailbox_rows WHERE agent_id=?1",
        "DELETE FROM mailbox_marks WHERE agent_id=?1"}) {
    Query(journal_.db(), sql).bind(agent_id).run();
  }
}

/// What the book has open, held against the inbox.
JournalBook::Standing JournalBook::compare(const std::vector<JournalMessages::Row>& inbox) {
  Standing standing;
  std::set<RowKey> waiting;
  for (const auto& row : inbox) {
    const auto& key = row.message.key;
    waiting.emplace(key.agent_id, key.seq, mark_of(key.delivery_id));
  }
  for (const auto& [id, agent] : saved()) {
    std::vector<RowKey> missing;
    const auto look = [&](const MailboxRow& row) {
      if (row.finished) return;
      RowKey key(id, row.seq, row.mark);
      if (waiting.contains(key)) {
        standing.open.insert(std::move(key));
      } else {
        missing.push_back(std::move(key));
      }
    };
    for (const auto& row : agent.agent.mailbox->rows) look(row);
    for (const auto& row : agent.agent.mailbox->open_ephemeral) look(row);
    if (missing.empty()) continue;
    const auto ended = messages_.ended_of(id);
    for (auto& key : missing) {
      const auto found = std::find_if(ended.begin(), ended.end(), [&](const MessageKey& each) {
        return each.seq == std::get<1>(key) && mark_of(each.delivery_id) == std::get<2>(key);
      });
      if (found != ended.end()) {
        standing.ended.push_back(*found);
      } else {
        standing.lost.insert(std::move(key));
      }
    }
  }
  return standing;
}

BookState JournalBook::load() {
  const auto standing = compare(messages_.rows(false));
  std::vector<const Saved*> order;
  for (const auto& [id, agent] : saved()) order.push_back(&agent);
  std::sort(order.begin(), order.end(), [](const Saved* a, const Saved* b) {
    return std::tie(a->position, a->agent.agent_id) < std::tie(b->position, b->agent.agent_id);
  });
  BookState state;
  for (const auto* saved : order) {
    Agent agent = saved->agent;
    const auto lost = [&](const MailboxRow& row) {
      return standing.lost.contains(RowKey(agent.agent_id, row.seq, row.mark));
    };
    std::erase_if(agent.mailbox.edit().rows, lost);
    std::erase_if(agent.mailbox.edit().open_ephemeral, lost);
    auto& into = saved->role == Role::live      ? state.live
                 : saved->role == Role::retired ? state.retired
                                                : state.strangers;
    into.push_back(std::move(agent));
  }
  return state;
}

OpenMessages JournalBook::open_messages() {
  auto inbox = messages_.rows(true);
  auto standing = compare(inbox);
  OpenMessages messages;
  messages.ended = std::move(standing.ended);
  for (auto& row : inbox) {
    const auto& key = row.message.key;
    const bool in_book =
        standing.open.contains(RowKey(key.agent_id, key.seq, mark_of(key.delivery_id)));
    if (row.given_back && !in_book) {
      messages_.forget(row.id);
    } else {
      messages.open.push_back(std::move(row.message));
    }
  }
  return messages;
}

const JournalBook::Book& JournalBook::saved() {
  if (opening_ == journal_.opening()) return book_;
  Book book;
  Query query(journal_.db(),
              "SELECT agent_id,role,position,agent_name,placed,cursor,adopted,forgotten,holes,"
              "marks,ephemeral_marks FROM mailboxes");
  while (query.next()) {
    Saved& saved = book[query.text(0)];
    saved.role = static_cast<Role>(query.integer(1));
    saved.position = query.integer(2);
    saved.agent.agent_id = query.text(0);
    saved.agent.agent_name = query.text(3);
    auto& mailbox = saved.agent.mailbox.edit();
    mailbox.placed = query.flag(4);
    mailbox.cursor = query.number(5);
    mailbox.adopted = query.number(6);
    mailbox.forgotten_up_to = query.number(7);
    mailbox.holes = holes_from(query.text(8));
    mailbox.recent.resize(static_cast<std::size_t>(query.integer(9)));
    mailbox.recent_ephemeral.resize(static_cast<std::size_t>(query.integer(10)));
  }
  read_rows(book);
  read_marks(book);
  if (!journal_.db().failed()) {
    book_ = std::move(book);
    opening_ = journal_.opening();
  }
  return book_;
}

void JournalBook::read_rows(Book& book) {
  Query query(journal_.db(),
              "SELECT agent_id,ephemeral,seq,mark,bytes,finished FROM mailbox_rows "
              "ORDER BY agent_id,ephemeral,seq,mark");
  while (query.next()) {
    const auto owner = book.find(query.text(0));
    if (owner == book.end()) continue;
    auto& mailbox = owner->second.agent.mailbox.edit();
    auto& rows = query.flag(1) ? mailbox.open_ephemeral : mailbox.rows;
    rows.push_back({query.number(2), query.number(3), static_cast<std::size_t>(query.number(4)),
                    query.flag(5)});
  }
}

void JournalBook::read_marks(Book& book) {
  std::map<std::pair<std::string, bool>, Marks> all;
  std::map<std::pair<std::string, bool>, std::int64_t> ends;
  Query query(journal_.db(),
              "SELECT agent_id,ephemeral,part,entries FROM mailbox_marks "
              "ORDER BY agent_id,ephemeral,part");
  while (query.next()) {
    const std::pair key(query.text(0), query.flag(1));
    const std::string bytes = query.text(3);
    auto& marks = all[key];
    if (bytes.size() < 8) continue;
    const std::size_t count = (bytes.size() - 8) / kPairBytes;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = 8 + i * kPairBytes;
      marks.push_back({number_at(bytes, at), number_at(bytes, at + 8)});
    }
    ends[key] = static_cast<std::int64_t>(number_at(bytes, 0) + count);
  }
  for (auto& [id, saved] : book) {
    for (const bool ephemeral : {false, true}) {
      const std::pair key(id, ephemeral);
      auto& mailbox = saved.agent.mailbox.edit();
      auto& into = ephemeral ? mailbox.recent_ephemeral : mailbox.recent;
      auto& marks = all[key];
      // Without a mark that was taken out, what is below the cursor cannot be told apart by marks.
      if (marks.size() < into.size()) mailbox.forgotten_up_to = mailbox.cursor;
      // At its front are those that have gone.
      const std::size_t most = std::min(into.size(), marks.size());
      into.assign(marks.end() - static_cast<std::ptrdiff_t>(most), marks.end());
      (ephemeral ? saved.ephemeral_end : saved.marks_end) = ends[key];
    }
  }
}

}  // namespace relay::broker
