// Damage on the disk is found, named, and costs no more than what it hit.
// RELAY_BROKER_FLIPS in the environment makes it long.
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <sqlite3.h>

#include "broker/journal_world.hpp"
#include "support/bytes_of.hpp"
#include "support/faulty_disk.hpp"
#include "support/figure.hpp"
#include "support/long_form.hpp"
#include "support/seed.hpp"

namespace relay::broker {
namespace {

using Files = std::map<std::string, std::string>;
using Content = std::multiset<std::string>;

struct DamageWorld : test::QuickDisk, JournalWorld {
  DamageWorld() { open(); }

  os::Path directory() const { return path().parent_path(); }

  void surface(std::uint64_t number, std::size_t size) {
    auto change = change_of({});
    const std::string agent = "a" + std::to_string(number % 3);
    change->actions.emplace_back(
        Surface{delivery_of(agent, "d" + std::to_string(number), number,
                            std::string(size, static_cast<char>('a' + number % 26))),
                false});
    for (const auto* id : {"a0", "a1", "a2"}) {
      node_control::BookState::Agent box;
      box.agent_id = id;
      box.agent_name = "name of " + box.agent_id;
      auto& mailbox = box.mailbox.edit();
      mailbox.placed = true;
      mailbox.cursor = number;
      for (std::uint64_t i = 1; i <= number; ++i) mailbox.recent.push_back({i * 7919, i});
      change->state.live.push_back(std::move(box));
    }
    get(journal().save(change));
  }
  void fill(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i <= to; ++i) {
      surface(i, 40 + i * 37 % 3000);
      const auto key = only("a" + std::to_string(i % 3), "d" + std::to_string(i), i);
      if (i % 4 == 0) get(journal().finish(key, "", Outcome::typed()));
      if (i % 4 == 1) get(journal().finish(key, "", Outcome::dead("not_ready")));
      if (i % 4 == 2) get(journal().begin_attempt(key, "g1"));
      const auto number = std::to_string(i);
      AgentRecord agent;
      agent.name = "w" + number;
      agent.spec = "{\"cli\":\"claude\"}";
      if (i % 10 == 0) get(journal().put_agent(agent));
      if (i % 10 == 1) get(journal().put_result({"i" + number, "{}"}));
      if (i % 10 == 2) get(journal().remember_answer("k" + number, "{}"));
    }
  }
  /// All that it says, a line for each thing that can be lost by itself.
  Content content() {
    Content lines;
    const auto state = get(journal().load());
    for (const auto& agent : state.live) {
      lines.insert("mailbox " + agent.agent_id + agent.agent_name +
                   std::to_string(agent.mailbox->cursor));
      for (const auto& mark : agent.mailbox->recent) {
        lines.insert("mark " + agent.agent_id + " " + std::to_string(mark.mark) + " " +
                     std::to_string(mark.seq));
      }
    }
    const auto text = [](const MessageKey& key) {
      return key.agent_id + " " + key.delivery_id + " " + std::to_string(key.seq);
    };
    const auto messages = get(journal().open_messages());
    for (const auto& message : messages.open) {
      lines.insert("message " + text(message.key) + message.agent_name + message.payload);
      if (message.attempts > 0) {
        lines.insert("attempt " + text(message.key) + message.generation +
                     std::to_string(message.attempts));
      }
    }
    for (const auto& letter : get(journal().dead_letters(0, 1000))) {
      lines.insert("dead " + text(letter.key) + letter.agent_name + letter.payload + letter.reason);
    }
    for (const auto& agent : get(journal().agents()))
      lines.insert("agent " + agent.name + agent.spec);
    for (const auto& result : get(journal().results())) {
      lines.insert("result " + result.invocation_id + result.body);
    }
    for (int i = 2; i <= 82; i += 10) {
      const auto key = "k" + std::to_string(i);
      if (const auto answer = get(journal().answer(key))) lines.insert("answer " + key + *answer);
    }
    return lines;
  }
  Files files() const {
    Files all;
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      all[entry.path().filename()] = test::bytes_of(entry.path());
    }
    return all;
  }
  void put(const Files& all) {
    end();
    std::filesystem::remove_all(directory());
    std::filesystem::create_directory(directory());
    for (const auto& [name, bytes] : all) {
      std::ofstream(directory() / name, std::ios::binary) << bytes;
    }
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      std::filesystem::permissions(entry.path(), std::filesystem::perms(0600));
    }
    std::filesystem::permissions(directory(), std::filesystem::perms(0700));
  }
  bool has_kept_copy() const {
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      if (entry.path().string().find("journal.db.corrupt-") != std::string::npos) return true;
    }
    return false;
  }
  bool says(const std::vector<std::string>& report, std::string_view words) const {
    return std::any_of(report.begin(), report.end(), [&](const std::string& line) {
      return line.find(words) != std::string::npos;
    });
  }
};

/// How many rows these lines are of: all marks of a mailbox are one.
std::size_t rows_of(const Content& lines) {
  std::set<std::string> rows;
  for (const auto& line : lines) {
    const bool is_mark = line.starts_with("mark ");
    rows.insert(is_mark ? line.substr(0, line.find(' ', 5)) : line);
  }
  return rows.size();
}

/// The most rows that a leaf of a table or an index has in this database.
/// https://www.sqlite.org/fileformat2.html#b_tree_pages
std::size_t most_rows_of_a_page(const std::string& database) {
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kFileHeader = 100;
  std::size_t most = 0;
  for (std::size_t at = 0; at + kPage <= database.size(); at += kPage) {
    const std::size_t header = at == 0 ? kFileHeader : at;
    const auto byte = [&](std::size_t i) {
      return static_cast<unsigned char>(database[header + i]);
    };
    if (byte(0) != 0x0d && byte(0) != 0x0a) continue;
    most = std::max(most, std::size_t{byte(3)} << 8U | byte(4));
  }
  return most;
}

/// One in the database alone, one with the end of it in the log.
struct Fixtures : DamageWorld {
  Files closed;
  Files live;
  Content in_closed;
  Content in_live;

  Fixtures() {
    fill(1, 60);
    end();
    closed = files();
    open();
    in_closed = content();
    fill(61, 80);
    live = files();
    in_live = content();
    put(live);
    open();
    REQUIRE(content() == in_live);
    REQUIRE(journal().report().empty());
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixtures,
                  "a flipped bit anywhere: found or harmless, and only what it hit is lost") {
  const unsigned seed = test::seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::size_t lost = 0;
  std::size_t most_lost = 0;
  std::size_t reported = 0;
  std::size_t harmless = 0;
  std::size_t silent = 0;
  const std::size_t page_holds = most_rows_of_a_page(closed.at("journal.db"));
  const int count = test::long_form("RELAY_BROKER_FLIPS", 200);
  for (int flip = 0; flip < count; ++flip) {
    const bool in_log = random() % 2 == 0;
    Files hurt = in_log ? live : closed;
    std::string& bytes = hurt[in_log ? "journal.db-wal" : "journal.db"];
    const std::size_t at = random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
    put(hurt);
    CAPTURE(in_log);
    CAPTURE(at);
    const auto opened = try_open();
    if (!opened) FAIL("did not open: " << opened.error().message);
    const auto report = journal().report();
    const Content& before = in_log ? in_live : in_closed;
    Content after = content();
    Content gone;
    for (const auto& line : before) {
      const auto found = after.find(line);
      if (found == after.end()) {
        gone.insert(line);
      } else {
        after.erase(found);
      }
    }
    for (const auto& line : after) FAIL_CHECK("believed: " << line.substr(0, 60));
    const std::size_t missing = rows_of(gone);
    CHECK((missing == 0 || !report.empty()));
    CHECK(missing <= page_holds);
    if (!report.empty()) ++reported;
    if (missing == 0 && report.empty()) ++harmless;
    if (missing > 0 && report.empty()) ++silent;
    lost += missing;
    most_lost = std::max(most_lost, missing);
    // And it goes on.
    surface(1000, 10);
  }
  test::figure(
      "F4", fmt::format("journal: {} flips: {} harmless, {} reported, {} not noticed; at "
                        "most {} of {} rows lost by one (its page holds {} at most), {:.2f} "
                        "on average",
                        count, harmless, reported, silent, most_lost, rows_of(in_live), page_holds,
                        static_cast<double>(lost) / count));
}

TEST_CASE_FIXTURE(DamageWorld, "a payload that was changed is taken out, the others stay") {
  fill(1, 8);
  end();
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(path().c_str(), &db, SQLITE_OPEN_READWRITE, "unix") == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "UPDATE inbox SET payload=CAST('forged' AS BLOB) WHERE delivery_id='d3'",
                       nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  open();
  const auto report = journal().report();
  CHECK(report.size() == 1);
  CHECK(says(report, "inbox"));
  CHECK(says(report, "a0"));
  CHECK(says(report, "d3"));
  CHECK_FALSE(has_kept_copy());
  for (const auto& message : get(journal().open_messages()).open) {
    CHECK(message.key.delivery_id != "d3");
    CHECK(message.payload.find("forged") == std::string::npos);
  }
  CHECK(get(journal().open_messages()).open.size() == 3);
  open();
  CHECK(journal().report().empty());
}

TEST_CASE_FIXTURE(DamageWorld, "what is no database is put aside, and a new one is begun") {
  end();
  put({{"journal.db", std::string(10'000, 'z')}});
  open();
  CHECK(says(journal().report(), "damaged"));
  CHECK(has_kept_copy());
  surface(1, 10);
  open();
  CHECK(get(journal().open_messages()).open.size() == 1);
  CHECK(journal().report().empty());
}

TEST_CASE_FIXTURE(Fixtures, "a torn end of the log is the end of the log") {
  const std::string log = live["journal.db-wal"];
  std::mt19937 random(3);
  for (int i = 0; i < 10; ++i) {
    Files torn = live;
    torn["journal.db-wal"] = log.substr(0, log.size() - 1 - random() % (2 * 4120));
    // A power cut: the file that says how far it was is not written any more either.
    torn.erase("journal.db.mark");
    put(torn);
    open();
    CHECK(journal().report().empty());
    const auto after = content();
    CHECK(after.size() + 20 > in_live.size());
    surface(1000, 10);
  }
}

TEST_CASE_FIXTURE(Fixtures, "a log that has vanished is noticed") {
  live.erase("journal.db-wal");
  put(live);
  open();
  CHECK(says(journal().report(), "commits are missing"));
  const auto after = content();
  for (const auto& line : in_closed) {
    if (line.starts_with("dead")) CHECK(after.contains(line));
  }
}

TEST_CASE_FIXTURE(Fixtures, "a log that was left behind is no part of a new journal") {
  live.erase("journal.db");
  live.erase("journal.db.mark");
  put(live);
  open();
  CHECK(journal().report().empty());
  CHECK(content().empty());
}

TEST_CASE_FIXTURE(Fixtures, "a recovery that was broken off is finished") {
  Files cut = closed;
  // Complete, but not in its place; the old one is there, or gone, with its log or without.
  cut["journal.db.ready"] = closed["journal.db"];
  cut["journal.db"] = "garbage";
  SUBCASE("the old one is there") {}
  SUBCASE("the old one is gone") {
    cut.erase("journal.db");
    cut["journal.db-wal"] = live["journal.db-wal"];
  }
  put(cut);
  open();
  CHECK(content() == in_closed);
  CHECK_FALSE(std::filesystem::exists(directory() / "journal.db.ready"));
}

TEST_CASE_FIXTURE(DamageWorld, "no more than three damaged ones are kept") {
  for (int i = 0; i < 5; ++i) {
    clock.advance(std::chrono::seconds(1));
    put([&] {
      end();
      Files all = files();
      all["journal.db"] = "garbage";
      return all;
    }());
    open();
  }
  int kept = 0;
  for (const auto& [name, bytes] : files()) {
    if (name.find(".corrupt-") != std::string::npos && !name.ends_with("-wal")) ++kept;
  }
  CHECK(kept == 3);
}

TEST_CASE_FIXTURE(DamageWorld, "a newer program's journal is left alone") {
  end();
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(path().c_str(), &db, SQLITE_OPEN_READWRITE, "unix") == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "PRAGMA user_version=2; UPDATE journal SET version=2; CREATE TABLE x(y)",
                       nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  const auto refused = try_open();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::conflict);
  CHECK(refused.error().message.find("newer") != std::string::npos);
  CHECK_FALSE(has_kept_copy());
}

}  // namespace relay::broker
