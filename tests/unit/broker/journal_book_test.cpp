// The delivery book on disk: whatever a real book does, a restarted one finds.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sqlite3.h>

#include "broker/journal_world.hpp"
#include "node_control/delivery_book.hpp"
#include "support/faulty_disk.hpp"

namespace relay::broker {
namespace {

using namespace std::chrono_literals;
using node_control::DeliveryBook;
using Row = node_control::MailboxState::Row;

std::string text_of(const BookState& state) {
  std::string text;
  const auto number = [&](std::uint64_t value) { text += std::to_string(value) + " "; };
  const auto rows = [&](std::vector<Row> list) {
    std::sort(list.begin(), list.end(), [](const Row& a, const Row& b) {
      return std::pair(a.seq, a.mark) < std::pair(b.seq, b.mark);
    });
    for (const auto& row : list) {
      for (const std::uint64_t part : {row.seq, row.mark, std::uint64_t{row.bytes}}) number(part);
      text += row.finished ? "finished;" : "open;";
    }
    text += "\n  ";
  };
  const auto agents = [&](const std::vector<BookState::Agent>& list, const char* role) {
    for (const auto& agent : list) {
      const auto& box = *agent.mailbox;
      text += std::string(role) + " " + agent.agent_id + " " + agent.agent_name + " ";
      for (const std::uint64_t part :
           {std::uint64_t{box.placed}, box.cursor, box.adopted, box.forgotten_up_to}) {
        number(part);
      }
      for (const auto& hole : box.holes)
        text += "[" + std::to_string(hole.first) + "," + std::to_string(hole.last) + "]";
      text += "\n  ";
      rows(box.rows);
      rows(box.open_ephemeral);
      for (const auto& entry : box.recent) number(entry.mark), number(entry.seq);
      for (const auto& entry : box.recent_ephemeral) number(entry.mark), number(entry.seq);
      text += "\n";
    }
  };
  agents(state.live, "live");
  agents(state.retired, "retired");
  agents(state.strangers, "stranger");
  return text;
}

/// A book and its journal, driven as a broker would.
struct BookWorld : test::QuickDisk, JournalWorld {
  BookWorld() { open(); }

  void take(DeliveryBook::Actions actions) {
    for (const auto& action : actions) {
      if (const auto* surface = std::get_if<Surface>(&action)) {
        const auto& delivery = surface->delivery;
        open_.emplace_back(delivery.agent_id, delivery.delivery_id, delivery.seq);
      }
      change_->actions.push_back(action);
    }
  }
  void save() {
    change_->state = book.state();
    get(journal().save(change_));
    change_ = std::make_shared<BookChange>();
  }
  void deliver(const std::string& agent, const std::string& id, std::uint64_t seq) {
    take(book.deliver(clock.now(), delivery_of(agent, id, seq)).actions);
  }
  MessageKey take_open(std::size_t i) {
    auto key = open_.at(i);
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
    return key;
  }
  void done(const MessageKey& key) {
    take(book.done(clock.now(), key.agent_id, key.seq, key.delivery_id));
  }
  void add_agent(const std::string& id) { take(book.registered(clock.now(), id, "name of " + id)); }

  DeliveryBook book;
  std::vector<MessageKey> open_;

 private:
  std::shared_ptr<BookChange> change_ = std::make_shared<BookChange>();
};

}  // namespace

TEST_CASE_FIXTURE(BookWorld, "a new journal has an empty book") {
  CHECK(text_of(get(journal().load())).empty());
}

TEST_CASE("a book of any history comes back as it was") {
  for (const unsigned seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    BookWorld world;
    std::map<std::string, std::uint64_t> next;
    int ids = 0;
    world.take(world.book.connected(world.clock.now()));
    for (int step = 0; step < 400; ++step) {
      const std::string agent = "a" + std::to_string(random() % 5);
      const auto id = "d" + std::to_string(++ids);
      switch (random() % 10) {
        case 0: world.add_agent(agent); break;
        case 1:
          if (random() % 8 == 0) world.book.released(agent);
          break;
        case 2: world.deliver(agent, id, 0); break;
        case 3: world.deliver(agent, id, next[agent] += 1 + random() % 3); break;
        case 4:
        case 5:
        case 6: world.deliver(agent, id, ++next[agent]); break;
        case 7:
        case 8:
          if (!world.open_.empty()) {
            // Surfaced means saved.
            world.save();
            const auto key = world.take_open(random() % world.open_.size());
            world.get(world.journal().finish({key}, "", Outcome::typed()));
            world.done(key);
          }
          break;
        default:
          world.clock.advance(std::chrono::seconds(random() % 100));
          world.take(world.book.on_time(world.clock.now()));
          break;
      }
      if (random() % 3 == 0) world.save();
      if (random() % 40 == 0) {
        world.save();
        world.open();
        REQUIRE(text_of(world.get(world.journal().load())) == text_of(world.book.state()));
      }
    }
    CHECK(world.journal().report().empty());
  }
}

TEST_CASE_FIXTURE(BookWorld, "more marks than are remembered come back, over restarts too") {
  add_agent("a1");
  for (std::uint64_t seq = 1; seq <= 2600; ++seq) {
    deliver("a1", "d" + std::to_string(seq), seq);
    done(take_open(0));
    if (seq % 37 == 0) {
      save();
      std::vector<MessageKey> keys;
      for (const auto& message : get(journal().open_messages()).open) keys.push_back(message.key);
      get(journal().finish(keys, "", Outcome::typed()));
    }
    if (seq % 700 == 0) open();
  }
  save();
  open();
  const auto state = get(journal().load());
  CHECK(state.live.at(0).mailbox->recent.size() == 1024);
  CHECK(text_of(state) == text_of(book.state()));
}

TEST_CASE_FIXTURE(BookWorld, "a message that ended before the book was told is reported done") {
  add_agent("a1");
  deliver("a1", "d1", 1);
  deliver("a1", "d2", 2);
  save();
  get(journal().finish(only("a1", "d1", 1), "", Outcome::submitted()));
  open();
  const auto messages = get(journal().open_messages());
  CHECK(messages.open.size() == 1);
  CHECK(messages.ended == only("a1", "d1", 1));
  // The restored book knows it as open, so that `done` moves its cursor.
  DeliveryBook restored(get(journal().load()), clock.now());
  (void)restored.done(clock.now(), "a1", 1, "d1");
  CHECK(restored.cursor_of("a1") == 1);
}

TEST_CASE_FIXTURE(BookWorld,
                  "a message that was given back is open until the book has heard of it") {
  add_agent("a1");
  deliver("a1", "d1", 1);
  save();
  get(journal().begin_attempt(only("a1", "d1", 1), "g1"));
  get(journal().give_back(only("a1", "d1", 1), "g1"));
  SUBCASE("the broker dies before") {
    open();
    const auto messages = get(journal().open_messages());
    REQUIRE(messages.open.size() == 1);
    CHECK(messages.open[0].state == MessageState::accepted);
  }
  SUBCASE("the engine sends it again") {
    take(book.failed(clock.now(), "a1", 1, "d1"));
    save();
    deliver("a1", "d1", 1);
    save();
    open();
    const auto messages = get(journal().open_messages());
    REQUIRE(messages.open.size() == 1);
    CHECK(messages.open[0].attempts == 1);
  }
  SUBCASE("the broker dies before it comes again") {
    take(book.failed(clock.now(), "a1", 1, "d1"));
    save();
    open();
    CHECK(get(journal().open_messages()).open.empty());
    DeliveryBook restored(get(journal().load()), clock.now());
    CHECK(restored.deliver(clock.now(), delivery_of("a1", "d1", 1)).verdict ==
          node_control::Verdict::surfaced);
  }
}

TEST_CASE_FIXTURE(BookWorld,
                  "a message that is lost from the inbox is the engine's to send again") {
  add_agent("a1");
  deliver("a1", "d1", 1);
  deliver("a1", "d2", 2);
  save();
  end();
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(path().c_str(), &db, SQLITE_OPEN_READWRITE, "unix") == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "DELETE FROM inbox WHERE delivery_id='d1'", nullptr, nullptr, nullptr) ==
          SQLITE_OK);
  sqlite3_close(db);
  open();
  CHECK(get(journal().open_messages()).ended.empty());
  DeliveryBook restored(get(journal().load()), clock.now());
  CHECK(restored.deliver(clock.now(), delivery_of("a1", "d1", 1)).verdict ==
        node_control::Verdict::surfaced);
  CHECK(restored.deliver(clock.now(), delivery_of("a1", "d2", 2)).verdict ==
        node_control::Verdict::duplicate);
}

TEST_CASE_FIXTURE(BookWorld, "one that the engine does not repeat is a dead letter with its text") {
  add_agent("a1");
  deliver("a1", "d0", 0);
  save();
  get(journal().give_back(only("a1", "d0", 0), ""));
  take(book.failed(clock.now(), "a1", 0, "d0"));
  save();
  open();
  const auto letters = get(journal().dead_letters(0, 10));
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].reason == "not_repeated");
  CHECK(letters[0].payload == "hello");
  const auto messages = get(journal().open_messages());
  CHECK(messages.open.empty());
  CHECK(messages.ended.empty());
}

TEST_CASE_FIXTURE(BookWorld, "a dead letter that is saved twice is there once") {
  auto change = change_of({});
  change->actions.emplace_back(DeadLetter{delivery_of("a9", "d1", 1), DeadReason::unknown_agent});
  get(journal().save(change));
  get(journal().save(change));
  const auto letters = get(journal().dead_letters(0, 10));
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].reason == "unknown_agent");
  CHECK(letters[0].payload == "hello");
}

}  // namespace relay::broker
