// F1: the broker is killed at every moment between a frame and its ack. RELAY_BROKER_CYCLES in the
// environment makes it long.
#include <algorithm>
#include <array>
#include <cstring>
#include <doctest/doctest.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <random>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include "base/failpoint.hpp"
#include "fault/failpoint_orders.hpp"
#include "fault/fault_world.hpp"
#include "support/bytes_of.hpp"
#include "support/history.hpp"
#include "support/sanitized.hpp"
#include "support/seed.hpp"
#include "support/skipped.hpp"

namespace relay::test {
namespace {

constexpr int kPoints = static_cast<int>(Failpoint::count) - 1;

/// The orders for the broker, in a file that it maps as well.
class Orders {
 public:
  explicit Orders(const std::filesystem::path& path) {
    const os::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(::ftruncate(file.get(), sizeof(FailpointOrders)) == 0);
    void* at =
        ::mmap(nullptr, sizeof(FailpointOrders), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    REQUIRE(at != MAP_FAILED);
    orders_ = static_cast<FailpointOrders*>(at);
  }
  ~Orders() { ::munmap(orders_, sizeof(FailpointOrders)); }
  Orders(const Orders&) = delete;
  Orders& operator=(const Orders&) = delete;

  void kill_at(Failpoint point, unsigned hits) {
    orders_->hits = hits;
    orders_->point = static_cast<std::uint32_t>(point);
  }
  void live() { orders_->point = 0; }

 private:
  FailpointOrders* orders_;
};

/// One kill: where, at which time it is passed, and how many messages are on their way.
struct Kill {
  Failpoint point;
  unsigned hits;
  int messages;
};

/// An agent without a proof may write down a text so long after its ack: it was in the terminal.
constexpr auto kOnItsWay = std::chrono::seconds(5);

struct Tally {
  int kills = 0;
  /// Kills that the target asks for, where this is a part of them.
  int asked = 0;
  int messages = 0;
  int lost = 0;
  int acked_and_missing = 0;
  int repeated = 0;
  int most_repeated_of_a_kill = 0;
  int repeated_unmarked = 0;

  void check_and_tell(std::string_view who) const {
    CHECK(lost == 0);
    CHECK(acked_and_missing == 0);
    CHECK(repeated_unmarked == 0);
    CHECK(most_repeated_of_a_kill <= 1);
    const std::string of_asked =
        kills < asked ? fmt::format(" of {} asked (all with --long)", asked) : std::string();
    figure("F1", fmt::format("{}: {} kills{} at {} points, {} messages: {} lost, {} acked and "
                             "missing, {} repeated (at most {} at a kill, {} of them unmarked)",
                             who, kills, of_asked, kPoints, messages, lost, acked_and_missing,
                             repeated, most_repeated_of_a_kill, repeated_unmarked));
  }
};

struct KillWorld : FaultWorld {
  KillWorld() {
    environment.set(kFailpointVariable, (temp / "orders").string());
    serve();
  }

  /// `#7# …………  #/7#`: whole or not is seen.
  [[nodiscard]] std::string text_of(int number) const {
    return fmt::format("#{}# {} #/{}#", number, std::string(filler, 'a'), number);
  }

  void kill(const std::string& name, const Kill& how, Tally& tally) {
    CAPTURE(static_cast<int>(how.point));
    CAPTURE(how.hits);
    const int first = sent + 1;
    orders.kill_at(how.point, how.hits);
    for (int i = 0; i < how.messages; ++i) {
      note(Kind::send, name, ++sent);
      dm(name, text_of(sent));
      numbers[last_number(name)] = sent;
      note(Kind::numbered, name, sent);
      note(Kind::accepted, name, sent);
    }
    CHECK(broker->wait_end() == os::ExitStatus::signalled(SIGKILL));
    note(Kind::crashed, name, 0);
    const auto acked_before = static_cast<int>(acked(name));
    orders.live();
    // What was acknowledged was read: it may take a moment to be written down.
    for (int number = first; number <= acked_before; ++number) {
      if (copies(name, number) == 0) ++tally.acked_and_missing;
    }
    serve();
    wait_until([&] { return acked(name) >= static_cast<std::uint64_t>(sent); },
               "all is acknowledged");
    ++tally.kills;
    tally.messages += how.messages;
    int repeated = 0;
    for (int number = first; number <= sent; ++number) {
      const int count = copies(name, number);
      if (count == 0) ++tally.lost;
      repeated += std::max(0, count - 1);
      if (count > 1 && !is_marked(name, number)) ++tally.repeated_unmarked;
    }
    check_history(name, first);
    tally.repeated += repeated;
    tally.most_repeated_of_a_kill = std::max(tally.most_repeated_of_a_kill, repeated);
    forget();
  }

  /// How often the agent has taken the whole text; it is waited for while it is not there.
  int copies(const std::string& name, int number) {
    const std::string text = text_of(number);
    int count = 0;
    const auto look = [&] {
      count = 0;
      for (const std::string& input : inputs_with(name, text)) {
        for (auto at = input.find(text); at != std::string::npos; at = input.find(text, at + 1)) {
          ++count;
        }
      }
      return count > 0;
    };
    try {
      wait_until(look, "the text is there", kPatience);
    } catch (const std::runtime_error&) {
      return 0;
    }
    return count;
  }

  bool is_marked(const std::string& name, int number) {
    const auto all = inputs_with(name, text_of(number));
    return std::any_of(all.begin(), all.end(), [](const std::string& input) {
      return input.find("possible repeat") != std::string::npos;
    });
  }

  using Kind = HistoryEvent::Kind;
  void note(Kind kind, const std::string& agent, int number, Monotonic at = SystemClock().now(),
            bool repeat = false) {
    HistoryEvent event;
    event.kind = kind;
    event.agent = agent;
    event.message = std::to_string(number);
    if (kind == Kind::numbered) event.number = last_number(agent);
    event.repeat = repeat;
    seen.emplace(at, std::move(event));
  }
  /// What was seen since the last time, from this message on, in the order in which it happened:
  /// sent, read as the agent says, acknowledged as the engine heard it.
  void check_history(const std::string& agent, int first) {
    std::map<int, Monotonic> read_at;
    note_inputs(agent, first, read_at);
    for (const auto& [at, up_to] : acks(agent)) {
      while (acked_of_engine < up_to) {
        const int number = numbers.at(++acked_of_engine);
        const auto read = read_at.find(number);
        const bool was_on_its_way = !proves && read != read_at.end() && read->second > at;
        if (was_on_its_way && read->second < at + kOnItsWay) note(Kind::handed, agent, number, at);
        note(Kind::acked, agent, number, at);
      }
    }
    for (const auto& [at, event] : seen) CHECK(history.take(event).value_or("") == "");
    seen.clear();
  }
  /// What the agent has read since it was asked last, of the messages from this one on; and when it
  /// has read each for the first time.
  void note_inputs(const std::string& agent, int first, std::map<int, Monotonic>& read_at) {
    const auto all = inputs(agent);
    const auto times = input_times(agent);
    REQUIRE(times.size() >= all.size());
    for (; inputs_noted < all.size(); ++inputs_noted) {
      const std::string& input = all[inputs_noted];
      const Monotonic at = times[inputs_noted];
      const bool repeat = input.find("possible repeat") != std::string::npos;
      std::map<std::size_t, int> by_place;
      for (int number = first; number <= sent; ++number) {
        const auto place = input.find(text_of(number));
        if (place != std::string::npos) by_place[place] = number;
      }
      for (const auto& [place, number] : by_place) {
        note(Kind::shown, agent, number, at, repeat);
        read_at.try_emplace(number, at);
      }
    }
  }
  /// When all is over.
  void tell(const Tally& tally, std::string_view who) const {
    CHECK(history.messages() == static_cast<std::size_t>(sent));
    CHECK(history.finish().value_or("") == "");
    tally.check_and_tell(who);
  }

  Orders orders{temp / "orders"};
  HistoryChecker history;
  /// Since the checker has got some last. What happened at the same time is in the order of notes.
  std::multimap<Monotonic, HistoryEvent> seen;
  /// The engine's numbers, and ours.
  std::map<std::uint64_t, int> numbers;
  std::uint64_t acked_of_engine = 0;
  /// The agent's terminal shows that it has taken a text, so no ack comes before.
  bool proves = false;
  std::size_t inputs_noted = 0;
  int sent = 0;
  /// More than one write of a terminal takes.
  std::size_t filler = 5000;
};

/// What of the file is in memory when the program runs: not its table of symbols.
std::string loaded_part_of(const std::filesystem::path& path) {
  const std::string bytes = bytes_of(path);
  Elf64_Ehdr head;
  REQUIRE(bytes.size() > sizeof head);
  std::memcpy(&head, bytes.data(), sizeof head);
  std::string out;
  for (int i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr part;
    std::memcpy(&part, bytes.data() + head.e_phoff + i * sizeof part, sizeof part);
    if (part.p_type == PT_LOAD) out += bytes.substr(part.p_offset, part.p_filesz);
  }
  return out;
}

bool names_failpoints(const std::string& bytes) {
  // A sanitizer keeps the names of sources.
  return bytes.find("RELAY_BROKER_FAILPOINTS") != std::string::npos ||
         (!kSanitized && bytes.find("ailpoint") != std::string::npos);
}

}  // namespace

TEST_CASE("F1: the product knows nothing of failpoints") {
  const auto environment = os::Environment::of_process();
  const std::string with = loaded_part_of(environment.get("FAULTS_BINARY").value());
  const std::string without = loaded_part_of(environment.get("RELAY_BROKER_BINARY").value());
  CHECK(names_failpoints(with));
  CHECK_FALSE(names_failpoints(without));
}

TEST_CASE_FIXTURE(KillWorld, "F1: killed at each point, a program without proof") {
  spawn("ada", "paste");
  Tally tally;
  for (int point = 1; point <= kPoints; ++point) kill("ada", {Failpoint(point), 1, 1}, tally);
  // The second save is that of the ack.
  kill("ada", {Failpoint::before_save, 2, 1}, tally);
  kill("ada", {Failpoint::saved, 2, 1}, tally);
  // In the middle of several.
  kill("ada", {Failpoint::frame_decoded, 2, 3}, tally);
  kill("ada", {Failpoint::body_half_written, 2, 3}, tally);
  kill("ada", {Failpoint::enter_written, 2, 3}, tally);
  kill("ada", {Failpoint::before_end, 2, 4}, tally);
  tell(tally, "paste");
}

TEST_CASE_FIXTURE(KillWorld, "F1: killed at each point, a program with an input box") {
  filler = 40;
  proves = true;
  spawn("ada", "box", "claude");
  Tally tally;
  for (int point = 1; point <= kPoints; ++point) {
    // A text for a box is one write.
    if (Failpoint(point) == Failpoint::body_half_written) continue;
    kill("ada", {Failpoint(point), 1, 1}, tally);
  }
  kill("ada", {Failpoint::body_written, 2, 3}, tally);
  kill("ada", {Failpoint::enter_written, 2, 3}, tally);
  // What stands on the screen, in the box or above it, is not typed again.
  CHECK(tally.repeated == 0);
  tell(tally, "box");
}

TEST_CASE_FIXTURE(KillWorld, "F1: the result of an action outlives the broker that had it") {
  spawn("zoe", "paste");
  const std::string node = ask({"status"}, "/node/node_name");
  const std::string id = lose_result_of_release(node, "zoe");
  end();
  serve();
  CHECK(next_result() == id + " {\"released\":true,\"name\":\"zoe\"}");
  figure("F1", "a result that was lost on its way and its broker killed: told by the next one");
}

TEST_CASE_FIXTURE(KillWorld, "F1: killed at random") {
  const int cycles = long_form("RELAY_BROKER_CYCLES", 0);
  if (cycles == 0) return skip_row("F1", "killed at random: RELAY_BROKER_CYCLES says how often");
  const unsigned seed = test::seed();
  std::mt19937 random(seed);
  CAPTURE(seed);
  spawn("ada", "paste");
  Tally tally;
  tally.asked = 1000;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    Kill how{Failpoint(1 + random() % kPoints), 1, 1 + static_cast<int>(random() % 4)};
    const std::array of_each{Failpoint::frame_decoded, Failpoint::body_half_written,
                             Failpoint::body_written, Failpoint::enter_written};
    if (std::find(of_each.begin(), of_each.end(), how.point) != of_each.end()) {
      how.hits = 1 + random() % static_cast<unsigned>(how.messages);
    }
    kill("ada", how, tally);
    if ((cycle + 1) % 100 == 0) fmt::print(stderr, "{} kills\n", cycle + 1);
  }
  tell(tally, "paste, at random");
}

}  // namespace relay::test
