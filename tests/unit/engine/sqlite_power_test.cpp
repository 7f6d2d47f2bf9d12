// F2: the power fails at any moment under the engine's database. What was answered is all there.
// RELAY_BROKER_POWER_CUTS in the environment makes it long.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <map>
#include <random>
#include <set>

#include "engine/store/sqlite/sqlite_database.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/faulty_disk.hpp"
#include "support/figure.hpp"
#include "support/long_form.hpp"
#include "support/seed.hpp"
#include "support/temp_dir.hpp"

namespace relay::engine {
namespace {

/// Bob's messages to ada, and what bob and ada were answered about them.
class PoweredEngine {
 public:
  PoweredEngine() {
    disk.remember_unsynced();
    open();
    REQUIRE(operation([this](Store& store) -> Result<void> {
      const Id team = store.create_workspace("team", "hash of the key")->id;
      for (const auto* name : {"ada", "bob"}) {
        NewAgent fresh;
        fresh.workspace = team;
        fresh.name = name;
        fresh.token_hash = std::string("token of ") + name;
        (fresh.name == "ada" ? ada_ : bob_) = store.register_agent(fresh)->id;
      }
      room_ = store.direct_conversation(team, bob_, ada_)->id;
      return {};
    }));
  }

  Result<void> try_open() {
    database_.reset();
    auto opened =
        SqliteDatabase::open(dir_ / "state" / "engine.db", files_, clock_, DeliveryStore::Limits());
    if (!opened) return fail(std::move(opened).error());
    database_ = *std::move(opened);
    return {};
  }
  void open() {
    const auto opened = try_open();
    REQUIRE_MESSAGE(opened, opened.error().message);
  }
  void close() { database_.reset(); }

  /// Messages come and are acknowledged until the power fails.
  void work() {
    while (disk.has_power()) {
      if (random() % 2 == 0 && open_.size() < 500)
        send(++next_);
      else
        acknowledge();
    }
  }

  /// All that was answered is there, once, and nothing that nobody has sent. What was not answered
  /// is sent again under its key.
  void check() {
    if (in_doubt_ != 0) send(in_doubt_);
    REQUIRE(in_doubt_ == 0);
    std::set<std::string> texts;
    Page page;
    page.limit = 60;
    const auto views = database_->reading_store().channel_messages(room_, page);
    REQUIRE(views);
    for (const auto& view : *views) {
      CHECK(texts.insert(view.message.text).second);
      CHECK(sent_.contains(view.message.text));
    }
    check_those_behind(checked_);
    checked_ = next_ < 60 ? 0 : next_ - 60;
  }
  void check_those_behind(int number) {
    const Store& store = database_->reading_store();
    for (auto at = answered_.upper_bound(number); at != answered_.end(); ++at) {
      const auto found = store.message(at->second);
      if (!found || found->text != text_of(at->first)) {
        ++messages_lost;
        continue;
      }
      const auto delivery = store.delivery(ada_, at->second);
      if (!delivery) ++messages_lost;
      if (acked_.contains(at->first) && (!delivery || delivery->status != DeliveryStatus::acked)) {
        ++acks_lost;
      }
    }
  }
  [[nodiscard]] std::size_t answered() const { return answered_.size(); }
  [[nodiscard]] std::size_t acked() const { return acked_.size(); }

  test::FaultyDisk disk;
  std::mt19937 random{test::seed()};
  int messages_lost = 0;
  int acks_lost = 0;

 private:
  static std::string text_of(int number) {
    return std::to_string(number) + " " +
           std::string(static_cast<std::size_t>(number * 37 % 6000), 'x');
  }
  template <class Work>
  Result<void> operation(Work work) {
    auto& target = database_->writer();
    auto step = target.begin();
    if (step) step = target.begin_job();
    if (!step) return step;
    auto done = work(database_->store());
    step = done ? target.end_job() : target.undo_job();
    if (step && done) step = target.commit();
    if (!done || !step) target.roll_back();
    return done ? step : done;
  }
  void send(int number) {
    sent_.insert(text_of(number));
    in_doubt_ = number;
    Id id = 0;
    const auto done = operation([&](Store& store) -> Result<void> {
      MessageDraft draft;
      draft.channel = room_;
      draft.author = bob_;
      draft.text = text_of(number);
      draft.key = IdempotencyKey{"bob", std::to_string(number), "the same"};
      auto posted = store.append_message(draft);
      if (!posted) return fail(std::move(posted).error());
      id = posted->message.id;
      return {};
    });
    if (!done) return;
    in_doubt_ = 0;
    answered_[number] = id;
    open_.push_back(number);
  }
  void acknowledge() {
    if (open_.empty()) return;
    const int number = open_.front();
    const auto done = operation([&](Store& store) -> Result<void> {
      auto settled = store.ack_delivery(ada_, answered_.at(number));
      if (!settled) return fail(std::move(settled).error());
      return {};
    });
    if (!done) return;
    acked_.insert(number);
    open_.erase(open_.begin());
  }

  test::TempDir dir_;
  os::SystemRandom system_random_;
  os::PosixFiles files_{system_random_};
  FakeClock clock_;
  std::unique_ptr<SqliteDatabase> database_;
  Id ada_ = 0;
  Id bob_ = 0;
  Id room_ = 0;
  int next_ = 0;
  int checked_ = 0;
  /// Sent, and not answered.
  int in_doubt_ = 0;
  std::set<std::string> sent_;
  std::map<int, Id> answered_;
  std::vector<int> open_;
  std::set<int> acked_;
};

}  // namespace

TEST_CASE("F2: power cuts at any moment: what the engine has answered is in its database") {
  const int cuts = test::long_form("RELAY_BROKER_POWER_CUTS", 12);
  CAPTURE(test::seed());
  PoweredEngine engine;
  test::PowerCut all;
  for (int cut = 0; cut < cuts; ++cut) {
    CAPTURE(cut);
    engine.disk.fail_power(static_cast<int>(engine.random() % 40));
    engine.work();
    engine.close();
    const auto one = engine.disk.restore_power(engine.random);
    all.kept += one.kept;
    all.lost += one.lost;
    all.torn += one.torn;
    // It may fail again while what it left is put in order.
    if (engine.random() % 4 == 0) {
      engine.disk.fail_power(static_cast<int>(engine.random() % 12));
      (void)engine.try_open();
      engine.close();
      (void)engine.disk.restore_power(engine.random);
    }
    engine.open();
    engine.check();
    REQUIRE(engine.messages_lost + engine.acks_lost == 0);
  }
  engine.check_those_behind(0);
  CHECK(engine.messages_lost == 0);
  CHECK(engine.acks_lost == 0);
  // Else nothing was cut off.
  CHECK(all.lost + all.torn > cuts / 10);
  test::figure(
      "F2", fmt::format("the engine's database: {} power cuts ({} writes lost, {} torn, {} "
                        "kept of what was not synced): {} of {} messages and {} of {} "
                        "acknowledgements lost",
                        cuts, all.lost, all.torn, all.kept, engine.messages_lost, engine.answered(),
                        engine.acks_lost, engine.acked()));
}

}  // namespace relay::engine
