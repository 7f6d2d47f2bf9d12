#include "cli/wrap_join.hpp"

#include "cli/agent_names.hpp"
#include "cli/broker_client.hpp"
#include "cli/text_only.hpp"
#include <filesystem>

#include "base/clock.hpp"
#include "base/json_writer.hpp"
#include "net/timeout.hpp"
#include "os/system_random.hpp"
#include "wire/json.hpp"

namespace relay::cli {
namespace {

constexpr Duration kJoinWithin = std::chrono::seconds(30);
/// While the broker is starting.
constexpr Duration kAskAgain = std::chrono::milliseconds(100);

std::string join_body(const JoinRequest& request, const std::string& name,
                      const std::string& directory) {
  std::string text;
  JsonWriter out(text);
  const auto texts = [&out](std::string_view key, auto from, auto to) {
    out.key(key);
    out.begin_array();
    for (; from != to; ++from) out.value(*from);
    out.end_array();
  };
  out.begin_object();
  out.field("name", name);
  out.field("guest_control", request.control.string());
  out.field("attended", true);
  out.field("cwd", directory);
  out.key("harness_config");
  out.begin_object();
  out.field("runtime", "pty");
  out.field("command", request.argv.front());
  texts("args", request.argv.begin() + 1, request.argv.end());
  out.end_object();
  if (!request.task.empty()) out.field("task", request.task);
  if (!request.channels.empty()) {
    texts("channels", request.channels.begin(), request.channels.end());
  }
  out.end_object();
  out.finish();
  return text;
}

Result<JoinedAgent> read_joined(const std::string& text) {
  const auto document = wire::JsonDocument::parse(text, wire::kEngineLimits);
  if (!document) return fail(document.error());
  JoinedAgent out;
  out.name = text_field(document->root(), "name");
  if (const auto argv = document->root().find("argv")) {
    for (const auto& word : argv->elements()) out.argv.emplace_back(word.string().value_or(""));
  }
  if (const auto variables = document->root().find("environment")) {
    for (const auto& [name, value] : variables->members()) {
      out.environment.emplace_back(std::string(name), std::string(value.string().value_or("")));
    }
  }
  if (!out.argv.empty()) return out;
  return fail(Code::protocol_error, "the broker is an older one and knows nothing of wrap",
              "restart it: relay-broker serve --takeover keeps its agents");
}

}  // namespace

asio::awaitable<Result<JoinedAgent>> join_broker(asio::any_io_executor executor,
                                                 broker::Instance instance, JoinRequest request) {
  BrokerClient client(std::move(executor), std::move(instance));
  os::SystemRandom random;
  const bool named = !request.name.empty();
  const std::string directory = std::filesystem::current_path().string();
  const std::string name = named ? request.name : agent_name_for(request.argv.front(), random);
  auto told = refuse_bytes("the working directory", directory);
  if (told) told = refuse_bytes("an argument of the program", request.argv);
  if (!told) {
    Error refused = std::move(told).error();
    refused.hint = "messages need a broker, and it can only be told text; --no-inject runs it so";
    co_return fail(std::move(refused));
  }
  const auto body = join_body(request, name, directory);
  const SystemClock clock;
  const Monotonic deadline = clock.now() + kJoinWithin;
  for (;;) {
    const auto reply = co_await client.call("POST", "/api/spawn", body, kJoinWithin);
    if (reply) co_return read_joined(reply->text());
    const bool later = reply.error().detail == kBrokerNotReady;
    if (!later || clock.now() >= deadline) co_return fail(reply.error());
    co_await net::pause(kAskAgain);
  }
}

}  // namespace relay::cli
