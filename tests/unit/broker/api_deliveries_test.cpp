// Delivery modes, messages that wait, dead letters.
#include "api_world.hpp"

namespace relay::broker {
namespace {

using test::ApiWorld;
using test::is;

constexpr const char* kUnknown = R"({"code":"agent_not_found","message":"unknown worker 'w2'"})";
const char* const kMode = "/api/spawned/w1/delivery-mode";

PendingMessage waiting(const char* id) {
  PendingMessage message;
  message.delivery_id = id;
  message.event_id = "evt_1";
  message.agent = "w1";
  message.from = "amy";
  message.target = "w1";
  message.body = "hello";
  message.priority = 2;
  message.mode = "wait";
  message.queued = Wall(std::chrono::milliseconds(1'767'225'600'123));
  return message;
}

DeadLetterView letter(std::int64_t id, const char* agent) {
  DeadLetterView view;
  view.id = id;
  view.agent = agent;
  view.delivery_id = "dlv_" + std::to_string(id);
  view.from = "amy";
  view.target = agent;
  view.body = "hello";
  view.reason = "unknown_agent";
  view.died = Wall(std::chrono::milliseconds(5));
  return view;
}

}  // namespace

TEST_CASE("a mode is read and set, and says what it let go") {
  ApiWorld world;
  world.operations.add("w1");
  CHECK(is(world.ask("GET", kMode), 200, R"({"mode":"auto_inject","revision":0})"));
  CHECK(is(world.ask("PUT", kMode, R"({"mode":"manual_flush"})"), 200,
           R"({"mode":"manual_flush","flushed":0,"revision":1,"matched":true})"));
  world.operations.waiting = {waiting("dlv_1"), waiting("dlv_2")};
  CHECK(is(world.ask("PUT", kMode, R"({"mode":"auto_inject"})"), 200,
           R"({"mode":"auto_inject","flushed":2,"revision":2,"matched":true})"));
  CHECK(is(world.ask("GET", "/api/spawned/w2/delivery-mode"), 404, kUnknown));
  CHECK(is(world.ask("PUT", "/api/spawned/w2/delivery-mode", R"({"mode":"auto_inject"})"), 404,
           kUnknown));
}

TEST_CASE("a mode that is none, or expects one that is none") {
  ApiWorld world;
  world.operations.add("w1");
  const auto reply = world.ask("PUT", kMode, R"({"mode":"auto"})");
  CHECK(reply.status == 400);
  CHECK(reply.body.starts_with(R"({"code":"invalid_mode","message":")"));
  CHECK(world.ask("PUT", kMode, "{}").status == 422);
  CHECK(world.ask("PUT", kMode, R"({"mode":"auto_inject","expected_mode":"auto"})").status == 400);
  CHECK(world.ask("PUT", kMode, R"({"mode":"auto_inject","expected_revision":"x"})").status == 400);
  CHECK(world.ask("PUT", kMode, R"({"mode":"auto_inject","expected_revision":-1})").status == 400);
  CHECK(world.operations.mode_changes.empty());
}

TEST_CASE("a mode is only changed from what the caller expects") {
  ApiWorld world;
  world.operations.add("w1");
  CHECK(is(world.ask("PUT", kMode, R"({"mode":"manual_flush","expected_mode":"manual_flush"})"),
           200, R"({"mode":"auto_inject","flushed":0,"revision":0,"matched":false})"));
  CHECK(is(world.ask("PUT", kMode, R"({"mode":"manual_flush","expected_revision":"0"})"), 200,
           R"({"mode":"manual_flush","flushed":0,"revision":1,"matched":true})"));
  CHECK(is(world.ask("PUT", kMode, R"({"mode":"auto_inject","expected_revision":0})"), 200,
           R"({"mode":"manual_flush","flushed":0,"revision":1,"matched":false})"));
}

TEST_CASE("messages that wait are listed, and let go when somebody says so") {
  ApiWorld world;
  world.operations.add("w1");
  world.operations.waiting = {waiting("dlv_1")};
  world.operations.waiting[0].thread_id = "thr_1";
  CHECK(is(world.ask("GET", "/api/spawned/w1/pending"), 200, R"({"pending":[{"from":"amy",
    "body":"hello","target":"w1","priority":2,"mode":"wait","queued_at_ms":1767225600123,
    "thread_id":"thr_1","workspace_id":"ws_1","workspace_alias":"home","event_id":"evt_1",
    "delivery_id":"dlv_1","attempts":0}]})"));
  CHECK(is(world.ask("POST", "/api/spawned/w1/flush"), 200, R"({"flushed":1})"));
  CHECK(is(world.ask("GET", "/api/spawned/w1/pending"), 200, R"({"pending":[]})"));
  CHECK(is(world.ask("GET", "/api/spawned/w2/pending"), 404, kUnknown));
  CHECK(is(world.ask("POST", "/api/spawned/w2/flush"), 404, kUnknown));
}

TEST_CASE("dead letters are listed page by page") {
  ApiWorld world;
  world.operations.letters = {letter(1, "w1"), letter(2, "w1"), letter(3, "w1")};
  world.operations.view.dead_letters = 3;
  CHECK(is(world.ask("GET", "/api/dead-letters?after=1&limit=1"), 200, R"({"dead_letters":[{"id":2,
    "worker_name":"w1","delivery_id":"dlv_2","from":"amy","target":"w1","body":"hello",
    "reason":"unknown_agent","attempts":0,"queued_at_ms":0,"failed_at_ms":5}],
    "count":1,"total":3})"));
  CHECK(world.ask("GET", "/api/dead-letters?limit=0").status == 400);
  CHECK(world.ask("GET", "/api/dead-letters?after=x").status == 400);
}

TEST_CASE("a dead letter is sent again, or all of them once") {
  ApiWorld world;
  world.operations.add("w1");
  world.operations.letters = {letter(1, "w1"), letter(2, "gone"), letter(3, "w1")};
  world.operations.view.dead_letters = 3;
  CHECK(is(world.ask("POST", "/api/dead-letters/redeliver", R"({"id":3})"), 200,
           R"({"success":true,"redelivered":1,"failed":0})"));
  CHECK(is(
      world.ask("POST", "/api/dead-letters/redeliver", R"({"id":"7"})"), 404,
      R"({"success":false,"id":"7","error":"there is no such dead letter","code":"not_found"})"));
  CHECK(world.ask("POST", "/api/dead-letters/redeliver", R"({"id":2})").status == 404);
  CHECK(is(world.ask("POST", "/api/dead-letters/redeliver", R"({"all":true})"), 200,
           R"({"success":false,"redelivered":1,"failed":1})"));
  CHECK(world.operations.redelivered == std::vector<std::int64_t>{3, 1});
  CHECK(world.ask("POST", "/api/dead-letters/redeliver", "{}").status == 400);
  CHECK(is(world.ask("DELETE", "/api/dead-letters/2"), 200, R"({"success":true,"id":2})"));
  CHECK(world.ask("DELETE", "/api/dead-letters/2").status == 404);
  CHECK(world.ask("DELETE", "/api/dead-letters/x").status == 400);
}

}  // namespace relay::broker
