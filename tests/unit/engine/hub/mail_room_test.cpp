#include "engine/hub/mail_room.hpp"

#include <doctest/doctest.h>
#include <map>

#include "base/random.hpp"
#include "engine/hub/stream_feed.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;
using Rows = std::vector<std::uint64_t>;

Monotonic moment(Duration time) {
  return Monotonic(1000s + time);
}

/// Numbers of what is sent when the mailbox has these rows.
Rows sent(MailRoom& room, const Rows& mailbox, Duration time = 0s) {
  Rows numbers;
  for (const auto& look : room.due(moment(time), 100)) {
    Rows behind;
    for (const auto seq : mailbox) {
      if (seq > look.after && behind.size() < MailRoom::kRows) behind.push_back(seq);
    }
    const bool whole = behind.size() < MailRoom::kRows;
    for (const auto& frame : room.take(look, behind, whole, moment(time))) {
      numbers.push_back(frame.number);
    }
  }
  return numbers;
}

}  // namespace

TEST_CASE("only agents at a connected node are sent to, and what is out is not sent twice") {
  MailRoom room;
  room.agent_here(7, "bob", 1, false);
  CHECK(room.find(7) == nullptr);
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, false);
  REQUIRE(room.find(7) != nullptr);
  CHECK(room.find(7)->node == 1);
  CHECK(sent(room, {1, 2}) == Rows{1, 2});
  CHECK(sent(room, {1, 2}).empty());
  room.agent_here(7, "bob", 1, false);
  CHECK(sent(room, {1, 2}).empty());
  room.news(7);
  CHECK(sent(room, {1, 2, 3}) == Rows{3});
  CHECK(room.acked(1, "bob", 3, moment(1s))->up_to == 3);
  CHECK_FALSE(room.acked(1, "carol", 3, moment(1s)));
  CHECK_FALSE(room.acked(2, "bob", 3, moment(1s)));
  room.node_down(1);
  CHECK(room.find(7) == nullptr);
  room.news(7);
  CHECK(sent(room, {4}).empty());
}

TEST_CASE(
    "a node that asks for what it has not acknowledged gets it again, not at once each time") {
  MailRoom room;
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, true);
  CHECK(sent(room, {1, 2, 3}) == Rows{1, 2, 3});
  // It asks with every connection; what is on the way to it need not be said twice.
  room.asked_again(7, moment(100ms));
  CHECK(sent(room, {1, 2, 3}, 100ms).empty());
  CHECK(room.next() == moment(1s));
  CHECK(sent(room, {1, 2, 3}, 1s) == Rows{1, 2, 3});
  room.asked_again(7, moment(2s));
  CHECK(sent(room, {1, 2, 3}, 2s).empty());
  CHECK(sent(room, {1, 2, 3}, 3s) == Rows{1, 2, 3});
  // Something was acknowledged: what is missing behind it is asked for anew.
  CHECK(room.acked(1, "bob", 1, moment(4s))->up_to == 1);
  room.asked_again(7, moment(5s));
  CHECK(sent(room, {2, 3}, 5s) == Rows{2, 3});
  // However often it asks, within 16 s it gets it again.
  for (Duration time = 6s; time < 120s; time += 1s) {
    room.asked_again(7, moment(time));
    (void)sent(room, {2, 3}, time);
  }
  room.asked_again(7, moment(136s));
  CHECK(sent(room, {2, 3}, 136s) == Rows{2, 3});
  // It is told nothing that it has not asked for.
  CHECK(sent(room, {2, 3}, 200s).empty());
}

TEST_CASE("one question brings each row again once, whenever it was sent") {
  MailRoom room;
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, true);
  CHECK(sent(room, {1}) == Rows{1});
  room.news(7);
  CHECK(sent(room, {1, 2}, 500ms) == Rows{2});
  room.asked_again(7, moment(600ms));
  CHECK(sent(room, {1, 2}, 1s) == Rows{1});
  CHECK(sent(room, {1, 2}, 1500ms) == Rows{2});
  for (Duration time = 2s; time < 80s; time += 500ms) CHECK(sent(room, {1, 2}, time).empty());
}

TEST_CASE("what a node asks for is looked for, too: of a row nobody may have said anything") {
  MailRoom room;
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, true);
  CHECK(sent(room, {}).empty());
  CHECK(sent(room, {1}, 10s).empty());
  room.asked_again(7, moment(20s));
  CHECK(sent(room, {1}, 20s) == Rows{1});
}

TEST_CASE("an agent in doubt is asked about, and sent to once its node has a cursor for it") {
  constexpr std::uint64_t kQuestion = DeliveryOutbox::kQuestion;
  MailRoom room;
  room.node_up(1, Numbering::own);
  room.agent_doubted(7, "bob", 1);
  room.agent_doubted(8, "carol", 1);
  CHECK(sent(room, {5, 6}) == Rows{kQuestion, kQuestion});
  CHECK_FALSE(room.acked(1, "bob", 3, moment(1s)));
  CHECK(sent(room, {5, 6}, 1s) == Rows{4, 5});
  const auto ack = room.acked(1, "bob", 4, moment(1s));
  REQUIRE(ack);
  CHECK(ack->was_doubted);
  CHECK_FALSE(room.acked(1, "bob", 5, moment(1s))->was_doubted);
  // The other one is in no process that has shown it anything.
  CHECK_FALSE(room.acked(1, "carol", 0, moment(1s)));
  CHECK(room.find(8) == nullptr);
  room.news(8);
  CHECK(sent(room, {5, 6}, 2s).empty());
  room.agent_here(8, "carol", 1, true);
  CHECK(sent(room, {5, 6}, 3s) == Rows{kQuestion});
  CHECK_FALSE(room.acked(1, "carol", 0, moment(3s)));
  CHECK(sent(room, {5, 6}, 3s) == Rows{1, 2});
  // Who says that it is here is not doubted any more, and who is here is not doubted.
  room.node_up(1, Numbering::own);
  room.agent_doubted(8, "carol", 1);
  room.agent_here(8, "carol", 1, false);
  room.agent_doubted(8, "carol", 1);
  CHECK(sent(room, {5, 6}, 4s) == Rows{kQuestion});
  CHECK_FALSE(room.acked(1, "carol", 0, moment(4s)));
  CHECK(sent(room, {5, 6}, 7s) == Rows{1, 2});
}

TEST_CASE("another process or connection gets again what was not acknowledged") {
  MailRoom room;
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, false);
  CHECK(sent(room, {1, 2}) == Rows{1, 2});
  room.agent_here(7, "bob", 1, true);
  CHECK(sent(room, {1, 2}) == Rows{1, 2});
  room.node_down(1);
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, false);
  CHECK(sent(room, {2}) == Rows{2});
  // Another node, another outbox.
  room.node_up(2, Numbering::durable);
  room.agent_here(7, "bob", 2, false);
  CHECK_FALSE(room.acked(1, "bob", 2, moment(0s)));
  CHECK(sent(room, {2}) == Rows{2});
}

TEST_CASE("what was read before a change is not sent after it") {
  MailRoom room;
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, false);
  const auto looks = room.due(moment(0s), 10);
  REQUIRE(looks.size() == 1);
  room.agent_here(7, "bob", 1, true);
  CHECK(room.take(looks[0], {1}, true, moment(0s)).empty());
  CHECK(sent(room, {1}) == Rows{1});
}

TEST_CASE("a node that rests is passed over, and what did not go out comes first afterwards") {
  MailRoom room;
  room.node_up(1, Numbering::durable);
  room.node_up(2, Numbering::durable);
  room.agent_here(7, "bob", 1, false);
  room.agent_here(8, "carol", 2, false);
  const auto looks = room.due(moment(0s), 1);
  REQUIRE(looks.size() == 1);
  auto frames = room.take(looks[0], {1, 2, 3}, true, moment(0s));
  REQUIRE(frames.size() == 3);
  frames.erase(frames.begin());
  room.not_sent(7, frames, true);
  CHECK(room.resting() == std::set<Id>{1});
  CHECK(sent(room, {5}) == Rows{5});  // carol's
  CHECK_FALSE(room.has_due());
  room.reads_on(1);
  CHECK(sent(room, {1, 2, 3}) == Rows{2, 3});
  CHECK(room.resting().empty());
}

TEST_CASE("news while a window is full is not forgotten") {
  MailRoom room;
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, false);
  Rows mailbox;
  for (std::uint64_t seq = 1; seq <= 64; ++seq) mailbox.push_back(seq);
  CHECK(sent(room, mailbox).size() == 64);
  mailbox.push_back(65);
  room.news(7);
  CHECK(sent(room, mailbox).empty());
  for (std::uint64_t seq = 1; seq <= 40; ++seq) (void)room.acked(1, "bob", seq, moment(1s));
  CHECK(sent(room, mailbox, 1s) == Rows{65});
}

TEST_CASE("a reading that was cut short is gone on with, though little of the window is free") {
  MailRoom room;
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, false);
  std::uint64_t last = 0;
  for (int reading = 0; reading < 4; ++reading) {
    const auto looks = room.due(moment(0s), 1);
    REQUIRE(looks.size() == 1);
    CHECK(looks[0].after == last);
    Rows rows;
    for (int i = 0; i < 15; ++i) rows.push_back(++last);
    CHECK(room.take(looks[0], rows, false, moment(0s)).size() == 15);
  }
  CHECK(room.has_due());
}

TEST_CASE("silence is an alarm") {
  MailRoom room;
  room.node_up(1, Numbering::durable);
  room.agent_here(7, "bob", 1, false);
  CHECK(sent(room, {1}) == Rows{1});
  CHECK(room.next() == moment(90s));
  CHECK(sent(room, {1}, 89s).empty());
  CHECK(sent(room, {1}, 90s) == Rows{1});
  room.forget(7);
  CHECK_FALSE(room.next());
}

TEST_CASE("whatever happens, all is sent in its order and comes to an end") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    MailRoom room;
    Duration time = 0s;
    std::uint64_t last = 0;
    std::uint64_t acked = 0;
    std::uint64_t received = 0;
    room.node_up(1, Numbering::durable);
    room.agent_here(7, "bob", 1, false);
    const auto serve = [&](bool fails) {
      for (const auto& look : room.due(moment(time), 1)) {
        Rows rows;
        for (auto seq = std::max(look.after, acked) + 1; seq <= last && rows.size() < 64; ++seq) {
          rows.push_back(seq);
        }
        const bool whole = rows.size() < 64;
        if (random.below(8) == 0) {
          ++last;
          room.news(7);
        }
        auto frames = room.take(look, rows, whole, moment(time));
        const auto good = fails ? random.below(frames.size() + 1) : frames.size();
        for (std::size_t i = 0; i < good; ++i) {
          // One behind the other, or again from an earlier one.
          REQUIRE(frames[i].number <= received + 1);
          received = std::max(received, frames[i].number);
        }
        frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(good));
        room.not_sent(7, frames, random.below(2) == 0);
      }
    };
    const auto acknowledge = [&](std::uint64_t up_to) {
      const auto ack = room.acked(1, "bob", up_to, moment(time));
      if (ack) acked = std::max(acked, ack->up_to);
    };
    for (int step = 0; step < 300; ++step) {
      switch (random.below(7)) {
        case 0:
          last += random.below(100);
          room.news(7);
          break;
        case 1: acknowledge(received - random.below(received + 1)); break;
        case 2: room.reads_on(1); break;
        case 3: time += std::chrono::seconds(random.below(100)); break;
        case 4:
          if (random.below(10) != 0) break;
          room.node_down(1);
          room.node_up(1, Numbering::durable);
          room.agent_here(7, "bob", 1, random.below(2) == 0);
          received = acked;
          break;
        default: serve(true); break;
      }
    }
    for (int round = 0; round < 20'000 && acked < last; ++round) {
      room.reads_on(1);
      serve(false);
      acknowledge(received);
      if (!room.has_due()) time += 1s;
    }
    REQUIRE(acked == last);
  }
}

TEST_CASE("a feed keeps the last events, and says when it does not know what was before") {
  const StreamFilter all_shown;
  StreamFeed feed(Wall(std::chrono::hours(24 * 365 * 57)));
  const auto none = feed.behind(0, all_shown);
  CHECK(none.gap);
  const auto start = none.current;
  CHECK(start < (std::uint64_t{1} << 53U));
  CHECK_FALSE(feed.behind(start, all_shown).gap);
  for (int i = 0; i < 501; ++i) {
    wire::StreamOther event;
    event.type = "event " + std::to_string(i);
    StreamNews news;
    news.event = std::move(event);
    feed.add(std::move(news));
  }
  CHECK(feed.behind(start, all_shown).gap);
  CHECK(feed.behind(start, all_shown).events.size() == 500);
  const auto all = feed.behind(start + 1, all_shown);
  CHECK_FALSE(all.gap);
  CHECK(all.events.size() == 500);
  CHECK(all.events.front().find("\"event 1\"") != std::string::npos);
  CHECK(feed.behind(start + 501, all_shown).events.empty());
  CHECK_FALSE(feed.behind(start + 501, all_shown).gap);
  CHECK(feed.behind(start + 502, all_shown).gap);
  const StreamFilter one_type(R"({"event_types":["event 7"]})");
  CHECK(feed.behind(start + 1, one_type).events.size() == 1);
  StreamFeed later(Wall(std::chrono::hours(24 * 365 * 57) + 1s));
  CHECK(later.behind(start + 501, all_shown).gap);
}

TEST_CASE("filters choose by type, channel, conversation and author, each what it is about") {
  const auto news = [](Id channel, std::string name, std::string conversation,
                       wire::StreamMessageToClient event) {
    StreamNews made;
    made.channel = channel;
    made.channel_name = std::move(name);
    made.conversation = std::move(conversation);
    made.event = std::move(event);
    return made;
  };
  wire::StreamMessage message;
  message.type = "message.created";
  message.message.agent_id = "7";
  wire::StreamDm dm;
  dm.type = "dm.received";
  dm.message.agent_id = "8";
  wire::StreamWebhook hook;
  hook.type = "webhook.received";
  wire::StreamAgentStatus status;
  status.type = "agent.status.active";
  const auto shown = [&](const std::string& filters) {
    const StreamFilter filter(filters);
    std::string all;
    all += filter.shows(facts_of(news(17, "build", "", message))) ? "m" : "";
    all += filter.shows(facts_of(news(17, "build", "", hook))) ? "w" : "";
    all += filter.shows(facts_of(news(18, "", "dm_1", dm))) ? "d" : "";
    all += filter.shows(facts_of(news(0, "", "", status))) ? "s" : "";
    return all;
  };
  CHECK(shown("") == "mwds");
  CHECK(shown("{}") == "mwds");
  CHECK(shown("no JSON") == "");
  CHECK(shown(R"({"event_types":["dm.received"]})") == "d");
  CHECK(shown(R"({"channel_names":["build"]})") == "mwds");
  CHECK(shown(R"({"channel_names":["other"]})") == "ds");
  CHECK(shown(R"({"channel_ids":["17"],"channel_names":["other"]})") == "mwds");
  CHECK(shown(R"({"include_dms":false})") == "mws");
  CHECK(shown(R"({"dm_conversation_ids":["dm_1"]})") == "mwds");
  CHECK(shown(R"({"dm_conversation_ids":["dm_2"]})") == "mws");
  CHECK(shown(R"({"agent_ids":["7"]})") == "mws");
}

}  // namespace relay::engine
