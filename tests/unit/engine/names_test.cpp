#include "engine/names.hpp"

#include <doctest/doctest.h>
#include <set>

#include "engine/digest.hpp"
#include "engine/refusal.hpp"

namespace relay::engine {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("channels are named in lower case, agents without what names them") {
  for (const char* good : {"general", "a", "0-day", "build-2"}) CHECK(is_channel_name(good));
  for (const char* bad : {"", "-x", "Build", "a b", "a_b", "#a", "\xc3\xa4"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_channel_name(bad));
  }
  for (const char* good : {"anna", "Worker.1", "claude-2", "\xc3\xa4gnes"}) {
    CHECK(is_agent_name(good));
  }
  for (const char* bad : {"", "a b", "@self", "x#y", "a/b", "a\nb", "a\x7f"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_agent_name(bad));
  }
  CHECK_FALSE(is_agent_name(std::string(129, 'a')));
  CHECK(without_hash("#build") == "build");
  CHECK(without_hash("##x") == "#x");
}

TEST_CASE("mentions are whole handles, each once") {
  CHECK(mentions_in("@anna and @build-bot, @anna.") == Words{"anna", "build-bot"});
  CHECK(mentions_in("see (@v1.2-rc) - @x-") == Words{"v1.2-rc", "x"});
  CHECK(mentions_in("mail me@example.com @ @@") == Words{});
  CHECK(mentions_in("") == Words{});
}

TEST_CASE("a name that is taken gets the next number") {
  const std::set<std::string> taken{"host", "host-2"};
  const auto is_taken = [&](const std::string& name) { return taken.contains(name); };
  CHECK(free_name("host", is_taken) == "host-3");
  CHECK(free_name("other", is_taken) == "other");
}

TEST_CASE("capabilities of spawning are no actions") {
  CHECK(spawn_capability("claude") == "spawn:claude");
  CHECK(spawn_capability("spawn:claude") == "spawn:claude");
  CHECK(spawn_capability("") == "spawn");
  CHECK(is_action_capability("lint"));
  for (const char* not_action : {"spawn", "release", "spawn:claude", "relay:delivery-cursor-v1"}) {
    CHECK_FALSE(is_action_capability(not_action));
  }
}

TEST_CASE("ids rise, over a clock that goes back, a full millisecond and a restart") {
  const Wall now{1767225600s + 5ms};
  IdSource source(1025, 0);
  const Id first = source.next(now);
  // 365 days after the epoch and 5 ms; worker 1025 is worker 1.
  CHECK(first == (31536000005ULL << 22U) + (1U << 12U));
  CHECK(time_of(first) == now);
  Id last = first;
  for (int i = 0; i < 10000; ++i) {
    const Id next = source.next(now - std::chrono::seconds(i % 3));
    CHECK(next > last);
    last = next;
  }
  CHECK(time_of(last) == now + 2ms);
  IdSource again(1, last);
  CHECK(again.next(now) > last);
  CHECK(first_id_at(now) <= first);
  CHECK(first_id_at(now + 1ms) > first);
  CHECK(first_id_at(Wall(0s)) == 0);
}

TEST_CASE("an id is its digits and nothing else") {
  CHECK(parse_id("139212345678905555") == 139212345678905555U);
  for (const char* bad : {"", "0", "-1", "1x", " 1", "9223372036854775808", "0x10"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_id(bad));
  }
  CHECK(parse_id("act_17", "act_") == 17U);
  CHECK_FALSE(parse_id("17", "act_"));
}

TEST_CASE("of a token only the hash is known; two agents share one channel") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  SeededRandom random(1);
  CHECK(new_token(TokenKind::workspace, random).reveal().size() == 8 + 32);
  CHECK(new_token(TokenKind::node, random).reveal().size() == 8 + 48);
  CHECK(new_token(TokenKind::agent, random).reveal().starts_with("at_live_"));
  CHECK(direct_channel_name(1, 2, 3) == direct_channel_name(1, 3, 2));
  CHECK(direct_channel_name(1, 2, 3) != direct_channel_name(2, 2, 3));
  // The first 24 digits of the sum of "1:2:10": ids are compared as numbers.
  CHECK(direct_channel_name(1, 10, 2) == "dm-" + sha256_hex("1:2:10").substr(0, 24));
}

TEST_CASE("a refusal goes over the wire by its name") {
  const auto refused = refuse(Refusal::channel_not_found, "there is no channel #x");
  CHECK(refused.value().detail == "channel_not_found");
  CHECK(refused.value().code == Code::not_found);
  CHECK(refusal_of(refused.value()) == Refusal::channel_not_found);
  CHECK(refusal_of(Error(Code::io_error, "disk")) == Refusal::internal_error);
  struct Row {
    Refusal refusal;
    const char* name;
    int status;
  };
  for (const auto& row : {
           Row{Refusal::internal_error, "internal_error", 500},
           Row{Refusal::invalid_request, "invalid_request", 400},
           Row{Refusal::unauthorized, "unauthorized", 401},
           Row{Refusal::agent_token_invalid, "agent_token_invalid", 401},
           Row{Refusal::node_token_invalid, "node_token_invalid", 401},
           Row{Refusal::forbidden, "forbidden", 403},
           Row{Refusal::agent_token_required, "agent_token_required", 403},
           Row{Refusal::workspace_not_found, "workspace_not_found", 404},
           Row{Refusal::agent_not_found, "agent_not_found", 404},
           Row{Refusal::agent_already_exists, "agent_already_exists", 409},
           Row{Refusal::agent_location_conflict, "agent_location_conflict", 409},
           Row{Refusal::agent_not_node_bound, "agent_not_node_bound", 409},
           Row{Refusal::channel_already_exists, "channel_already_exists", 409},
           Row{Refusal::channel_archived, "channel_archived", 400},
           Row{Refusal::cannot_archive_general, "cannot_archive_general", 400},
           Row{Refusal::invalid_channel_name, "invalid_channel_name", 400},
           Row{Refusal::not_a_member, "not_a_member", 403},
           Row{Refusal::message_not_found, "message_not_found", 404},
           Row{Refusal::delivery_not_found, "delivery_not_found", 404},
           Row{Refusal::idempotency_key_reused, "idempotency_key_reused", 409},
           Row{Refusal::node_not_found, "node_not_found", 404},
           Row{Refusal::node_id_mismatch, "node_id_mismatch", 409},
           Row{Refusal::node_capacity_exceeded, "node_capacity_exceeded", 409},
           Row{Refusal::direct_node_capacity_exceeded, "direct_node_capacity_exceeded", 400},
           Row{Refusal::capability_mismatch, "capability_mismatch", 409},
           Row{Refusal::handler_unavailable, "handler_unavailable", 503},
           Row{Refusal::placement_self_requires_agent, "placement_self_requires_agent", 400},
           Row{Refusal::placement_self_unavailable, "placement_self_unavailable", 409},
           Row{Refusal::action_not_found, "action_not_found", 404},
           Row{Refusal::action_denied, "action_denied", 403},
           Row{Refusal::invalid_action_handler, "invalid_action_handler", 400},
           Row{Refusal::node_owned_invocation, "node_owned_invocation", 403},
           Row{Refusal::invocation_not_found, "invocation_not_found", 404},
       }) {
    CHECK(name_of(row.refusal) == row.name);
    CHECK(status_of(row.refusal) == row.status);
  }
}

}  // namespace relay::engine
