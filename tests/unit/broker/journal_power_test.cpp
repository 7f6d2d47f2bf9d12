// F2: the power fails at any moment. Of what was written and not synced a random part is left; what
// was answered is all there. RELAY_BROKER_POWER_CUTS in the environment makes it long.
#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <random>
#include <set>

#include "broker/journal_world.hpp"
#include "support/faulty_disk.hpp"
#include "support/figure.hpp"
#include "support/long_form.hpp"
#include "support/seed.hpp"

namespace relay::broker {
namespace {

/// What a caller of the journal knows of a message: `*_tried` was not answered.
enum class Known { accept_tried, accepted, end_tried, ended };

class PowerWorld : public JournalWorld {
 public:
  PowerWorld() {
    disk.remember_unsynced();
    open();
  }
  ~PowerWorld() { end(); }
  PowerWorld(const PowerWorld&) = delete;
  PowerWorld& operator=(const PowerWorld&) = delete;

  static MessageKey key_of(std::uint64_t number) {
    return {"a" + std::to_string(number % 3), "d" + std::to_string(number), number};
  }
  static std::string payload_of(std::uint64_t number) {
    return std::string(number * 37 % 5000, static_cast<char>('a' + number % 26));
  }

  /// Messages come and end until the power fails.
  void work() {
    while (disk.has_power()) {
      switch (random() % 8) {
        case 0:
        case 1:
        case 2: accept(); break;
        case 3:
        case 4:
        case 5: finish(); break;
        case 6: (void)did(journal().put_result({"i" + std::to_string(next_), "{}"})); break;
        default: (void)did(journal().sweep()); break;
      }
    }
  }
  /// The next start: all that was answered is there, and nothing that was never asked for.
  void check() {
    CHECK(journal().report().empty());
    std::set<std::uint64_t> open;
    for (const auto& message : get(journal().open_messages()).open) {
      const auto number = message.key.seq;
      CAPTURE(number);
      open.insert(number);
      const bool asked_for = known_.contains(number);
      CHECK(asked_for);
      CHECK(message.key == key_of(number));
      CHECK(message.payload == payload_of(number));
    }
    check_cursor();
    for (auto at = known_.begin(); at != known_.end();) {
      at = is_over(at->first, at->second, open) ? known_.erase(at) : std::next(at);
    }
  }

  test::FaultyDisk disk;
  std::mt19937 random{test::seed()};
  int accepts_answered = 0;
  int ends_answered = 0;
  int accepts_lost = 0;
  int ends_lost = 0;

 private:
  void accept() {
    const std::uint64_t number = ++next_;
    auto change = change_of({});
    const auto key = key_of(number);
    change->actions.emplace_back(
        Surface{delivery_of(key.agent_id, key.delivery_id, number, payload_of(number)), false});
    node_control::BookState::Agent box;
    box.agent_id = "a0";
    box.agent_name = "name of a0";
    box.mailbox.edit().placed = true;
    box.mailbox.edit().cursor = number;
    change->state.live.push_back(std::move(box));
    known_[number] = Known::accept_tried;
    cursor_tried_ = number;
    if (!did(journal().save(change))) return;
    known_[number] = Known::accepted;
    cursor_ = number;
    ++accepts_answered;
  }
  void finish() {
    const auto found = std::find_if(known_.begin(), known_.end(), [](const auto& entry) {
      return entry.second == Known::accepted;
    });
    if (found == known_.end()) return;
    const std::vector<MessageKey> keys{key_of(found->first)};
    if (!did(journal().begin_attempt(keys, "g"))) return;
    found->second = Known::end_tried;
    const auto outcome = random() % 4 != 0 ? Outcome::typed() : Outcome::dead("not_ready");
    if (!did(journal().finish(keys, "g", outcome))) return;
    found->second = Known::ended;
    ++ends_answered;
  }
  void check_cursor() {
    const auto state = get(journal().load());
    const std::uint64_t found = state.live.empty() ? 0 : state.live.front().mailbox->cursor;
    CHECK(found >= cursor_);
    CHECK(found <= cursor_tried_);
    cursor_ = found;
  }
  /// Looks at one message; true when it has ended or never came.
  bool is_over(std::uint64_t number, Known& what, const std::set<std::uint64_t>& open) {
    CAPTURE(number);
    const bool waits = open.contains(number);
    const bool has_ended =
        !waits && get(journal().begin_attempt({key_of(number)}, "h")).front().standing ==
                      Attempt::Standing::ended;
    if (what == Known::accepted && !waits) ++accepts_lost;
    if (what == Known::end_tried && !waits && !has_ended) ++accepts_lost;
    if (what == Known::ended && !has_ended) ++ends_lost;
    if (what == Known::accept_tried) CHECK_FALSE(has_ended);
    if (waits) what = Known::accepted;
    return !waits;
  }

  std::map<std::uint64_t, Known> known_;
  std::uint64_t next_ = 0;
  std::uint64_t cursor_ = 0;
  std::uint64_t cursor_tried_ = 0;
};

}  // namespace

TEST_CASE_FIXTURE(PowerWorld, "F2: power cuts at any moment: what was answered is in the journal") {
  const int cuts = test::long_form("RELAY_BROKER_POWER_CUTS", 25);
  CAPTURE(test::seed());
  test::PowerCut all;
  for (int cut = 0; cut < cuts; ++cut) {
    CAPTURE(cut);
    disk.fail_power(static_cast<int>(random() % 60));
    work();
    end();
    const auto one = disk.restore_power(random);
    all.kept += one.kept;
    all.lost += one.lost;
    all.torn += one.torn;
    // A hint that is never synced: it may be gone as well.
    if (random() % 2 == 0) std::filesystem::remove(path().string() + ".mark");
    // The power may fail again while what it left is put in order.
    if (random() % 4 == 0) {
      disk.fail_power(static_cast<int>(random() % 12));
      (void)try_open();
      end();
      (void)disk.restore_power(random);
    }
    open();
    check();
    REQUIRE(accepts_lost + ends_lost == 0);
  }
  // Else nothing was cut off.
  CHECK(all.lost + all.torn > cuts / 10);
  test::figure("F2", fmt::format("journal: {} power cuts ({} writes lost, {} torn, {} kept of what "
                                 "was not synced): {} of {} accepts and {} of {} ends lost",
                                 cuts, all.lost, all.torn, all.kept, accepts_lost, accepts_answered,
                                 ends_lost, ends_answered));
}

}  // namespace relay::broker
