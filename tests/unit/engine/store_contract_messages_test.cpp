// What any store does with messages. Each test runs on every store there is.
#include "engine/store_world.hpp"
#include "engine/views.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;

DeliveryStore::Limits depth(std::uint64_t most) {
  DeliveryStore::Limits limits;
  limits.depth = most;
  return limits;
}

MessageDraft keyed(const Channel& channel, const Agent& author, const std::string& text) {
  MessageDraft draft;
  draft.channel = channel.id;
  draft.author = author.id;
  draft.text = text;
  draft.key = IdempotencyKey{"channel-message", "key 1", "hash of " + text};
  return draft;
}

}  // namespace

TEST_CASE("a message is a delivery for each member but its author, from 1 on") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto carl = world.agent("carl");
    const auto build = world.channel("build", {anna, bert});
    const auto posted = world.post(build, anna, "the build is red");
    REQUIRE(posted.deliveries.size() == 1);
    CHECK(posted.deliveries[0].agent == bert.id);
    CHECK(posted.deliveries[0].seq == 1);
    CHECK(posted.deliveries[0].reason == DeliveryReason::message);
    CHECK(world.open_seqs(anna).empty());
    CHECK(world.open_seqs(carl).empty());
    const auto kept =
        world.get(world.read([&](const Store& of) { return of.message(posted.message.id); }));
    CHECK(kept.text == "the build is red");
    CHECK(kept.author_name == "anna");
    CHECK(kept.workspace == world.workspace.id);
    CHECK(time_of(kept.id) == world.clock.wall());
  });
}

TEST_CASE("the sequence of an agent has no holes, over failures, pruning and a restart") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto first = world.dm(anna, bert, "one");
    CHECK(first.deliveries.at(0).seq == 1);
    const auto undone = world.write([&](Store& of) -> Result<Posted> {
      MessageDraft draft;
      draft.channel = first.message.channel;
      draft.author = anna.id;
      draft.text = "never";
      auto posted = of.append_message(draft);
      if (!posted) return posted;
      CHECK(posted->deliveries.at(0).seq == 2);
      return refuse(Refusal::invalid_request, "changed my mind");
    });
    CHECK(world.refusal(undone) == "invalid_request");
    CHECK(world.dm(anna, bert, "two").deliveries.at(0).seq == 2);
    world.get(world.write([&](Store& of) { return of.ack_up_to(bert.id, bert.node, 2); }));
    world.clock.advance(24h * 100);
    const auto pruned = world.get(world.write(
        [&](Store& of) { return of.prune_deliveries(world.clock.wall() - 24h * 90, 100); }));
    CHECK(pruned == 2);
    world.store->restart();
    CHECK(world.dm(anna, bert, "three").deliveries.at(0).seq == 3);
    const auto readers =
        world.get(world.read([&](const Store& of) { return of.readers(first.message.id); }));
    REQUIRE(readers.size() == 1);
    CHECK(readers[0].agent_name == "bert");
  });
}

TEST_CASE("who has muted a channel gets what mentions him and nothing else") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("build-bot");
    const auto general = world.channel("build", {anna, bert});
    world.get(world.write([&](Store& of) { return of.set_muted(general.id, bert.id, true); }));
    CHECK(world.post(general, anna, "hello all").deliveries.empty());
    const auto posted = world.post(general, anna, "hello @build-bot.");
    REQUIRE(posted.deliveries.size() == 1);
    CHECK(posted.deliveries[0].reason == DeliveryReason::mention);
    CHECK(posted.deliveries[0].seq == 1);
  });
}

TEST_CASE("an answer to an answer belongs to the root, and goes to the members of its channel") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto root = world.dm(anna, bert, "root");
    const auto answer = [&](const Agent& who, Id to) {
      return world.get(world.write([&](Store& of) {
        MessageDraft draft;
        draft.author = who.id;
        draft.answer_to = to;
        draft.text = "answer";
        return of.append_message(draft);
      }));
    };
    const auto one = answer(bert, root.message.id);
    const auto two = answer(anna, one.message.id);
    CHECK(one.message.thread == root.message.id);
    CHECK(two.message.thread == root.message.id);
    CHECK(two.deliveries.at(0).agent == bert.id);
    const auto view =
        world.get(world.read([&](const Store& of) { return of.message_view(root.message.id); }));
    CHECK(view.replies == 2);
    const auto list = world.get(world.read(
        [&](const Store& of) { return of.channel_messages(root.message.channel, Page()); }));
    CHECK(list.size() == 1);
    const auto replies =
        world.get(world.read([&](const Store& of) { return of.replies(root.message.id, Page()); }));
    REQUIRE(replies.size() == 2);
    CHECK(replies[0].id == one.message.id);
  });
}

TEST_CASE("the same idempotency key is the same message, for another body it is refused") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto build = world.channel("build", {anna, bert});
    const auto send = [&](const std::string& text) {
      return world.write([&](Store& of) { return of.append_message(keyed(build, anna, text)); });
    };
    const auto first = world.get(send("hello"));
    CHECK_FALSE(first.replayed);
    world.store->restart();
    const auto again = world.get(send("hello"));
    CHECK(again.replayed);
    CHECK(again.message.id == first.message.id);
    CHECK(again.deliveries.empty());
    CHECK(world.open_seqs(bert).size() == 1);
    CHECK(world.refusal(send("something else")) == "idempotency_key_reused");
    world.clock.advance(25h);
    CHECK_FALSE(world.get(send("something else")).replayed);
    world.clock.advance(25h);
    CHECK(world.get(world.write([](Store& of) { return of.prune_keys(100); })) == 1);
  });
}

TEST_CASE("a conversation of two is one, whoever begins; others may not write into it") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto carl = world.agent("carl");
    const auto posted = world.dm(anna, bert, "hi");
    CHECK(posted.deliveries.at(0).reason == DeliveryReason::direct);
    CHECK(world.dm(bert, anna, "hi").message.channel == posted.message.channel);
    CHECK(world.dm(anna, anna, "note").deliveries.empty());
    const auto outside = world.write([&](Store& of) {
      MessageDraft draft;
      draft.channel = posted.message.channel;
      draft.author = carl.id;
      draft.text = "let me in";
      return of.append_message(draft);
    });
    CHECK(world.refusal(outside) == "forbidden");
    const auto channel =
        world.get(world.read([&](const Store& of) { return of.channel(posted.message.channel); }));
    const auto id = conversation_id(channel);
    CHECK(id.size() == 27);
    CHECK(channel_id(channel) == "dmch_" + id.substr(3));
    const auto found = world.get(
        world.read([&](const Store& of) { return of.find_conversation(world.workspace.id, id); }));
    CHECK(found.id == channel.id);
  });
}

TEST_CASE("a group gets each message once, and who leaves gets none") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto carl = world.agent("carl");
    const auto group = world.get(world.write([&](Store& of) {
      return of.create_group(world.workspace.id, anna.id, {bert.id, carl.id}, "release");
    }));
    CHECK(group.member_count == 3);
    CHECK(world.post(group, anna, "one").deliveries.size() == 2);
    CHECK(world.get(world.write([&](Store& of) { return of.leave_channel(group.id, carl.id); })));
    CHECK(world.post(group, anna, "two").deliveries.size() == 1);
    CHECK(conversation_id(group) == std::to_string(group.id));
    const auto mine = world.get(
        world.read([&](const Store& of) { return of.conversations(world.workspace.id, bert.id); }));
    CHECK(mine.size() == 1);
  });
}

TEST_CASE("a full mailbox takes no more, and the message is sent all the same") {
  on_each_store(
      [](StoreWorld& world) {
        const auto anna = world.agent("anna");
        const auto bert = world.agent("bert");
        world.dm(anna, bert, "one");
        world.dm(anna, bert, "two");
        const auto third = world.dm(anna, bert, "three");
        CHECK(third.message.id != 0);
        CHECK(third.deliveries.empty());
        REQUIRE(third.refused.size() == 1);
        CHECK(third.refused[0] == bert.id);
        CHECK(world.open_seqs(bert) == std::vector<std::uint64_t>{1, 2});
        world.get(world.write([&](Store& of) { return of.ack_up_to(bert.id, bert.node, 1); }));
        CHECK(world.dm(anna, bert, "four").deliveries.at(0).seq == 3);
      },
      depth(2));
}

TEST_CASE("what is over and not swept does not fill a mailbox; its author is told") {
  on_each_store(
      [](StoreWorld& world) {
        const auto anna = world.agent("anna");
        const auto bert = world.agent("bert");
        world.dm(anna, bert, "one");
        world.clock.advance(2h);
        const auto second = world.dm(anna, bert, "two");
        CHECK(second.deliveries.at(0).seq == 2);
        REQUIRE(second.expired.size() == 1);
        CHECK(second.expired[0].author == anna.id);
        CHECK(second.expired[0].delivery.seq == 1);
      },
      depth(1));
}

TEST_CASE("reading a message acknowledges it and empties the inbox") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto build = world.channel("build", {anna, bert});
    world.post(build, anna, "one");
    const auto posted = world.post(build, anna, "two for @bert");
    const auto inbox = [&] {
      return world.get(world.read([&](const Store& of) { return of.inbox_of(bert.id, 20); }));
    };
    REQUIRE(inbox().channels.size() == 1);
    CHECK(inbox().channels[0].count == 2);
    CHECK(inbox().channels[0].last.text == "two for @bert");
    REQUIRE(inbox().mentions.size() == 1);
    CHECK(inbox().mentions[0].id == posted.message.id);
    world.get(world.write([&](Store& of) { return of.mark_read(posted.message.id, bert.id); }));
    CHECK(world.delivery(posted, bert).status == DeliveryStatus::acked);
    CHECK(inbox().channels.empty());
    CHECK(inbox().mentions.empty());
    CHECK(world.open_seqs(bert) == std::vector<std::uint64_t>{1});
    const auto carl = world.agent("carl");
    CHECK(world.refusal(world.write([&](Store& of) {
      return of.mark_read(posted.message.id, carl.id);
    })) == "message_not_found");
  });
}

TEST_CASE("a reaction counts once for each agent") {
  on_each_store([](StoreWorld& world) {
    const auto anna = world.agent("anna");
    const auto bert = world.agent("bert");
    const auto posted = world.dm(anna, bert, "done?");
    const auto react = [&](const Agent& who, const std::string& emoji) {
      return world.get(world.write(
          [&](Store& of) { return of.add_reaction(posted.message.id, who.id, emoji); }));
    };
    CHECK(react(bert, "+1"));
    CHECK_FALSE(react(bert, "+1"));
    world.clock.advance(1s);
    CHECK(react(anna, "+1"));
    const auto groups =
        world.get(world.read([&](const Store& of) { return of.reactions(posted.message.id); }));
    REQUIRE(groups.size() == 1);
    CHECK(groups[0].agents == std::vector<std::string>{"bert", "anna"});
    CHECK(world.get(world.write(
        [&](Store& of) { return of.remove_reaction(posted.message.id, bert.id, "+1"); })));
  });
}

}  // namespace relay::engine
