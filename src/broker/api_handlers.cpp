// GET /api/fleet/ws: a program of this machine that does actions of the engine. It says which, is
// told of each, and gives its results; on the same socket it may ask for agents, as over HTTP.
//
// Frames both ways are {"v":2,"type","request_id"?,"payload"}; each of the client's is answered by
// "ok" or "error" under its request_id, those that take their time after others that came later.
#include <fmt/format.h>
#include <system_error>

#include "base/printable.hpp"
#include "base/redaction.hpp"
#include "broker/api_answer.hpp"
#include "broker/api_body.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"
#include "broker/api_messages.hpp"
#include "broker/api_stream.hpp"
#include "broker/json_fields.hpp"

namespace relay::broker {
namespace {

constexpr Duration kBetweenFrames = std::chrono::hours(1);
constexpr std::uint64_t kFrameVersion = 2;
/// Calls of one program that wait for something; one more is refused.
constexpr std::size_t kMostCalls = 16;

/// One frame of the program, taken apart. Its views live as long as `document`.
class ClientFrame {
 public:
  explicit ClientFrame(wire::JsonDocument document_in) : document(std::move(document_in)) {
    const JsonFields fields(document.root());
    type = fields.text({"type"});
    request_id = fields.text({"request_id"});
    if (const auto given = document.root().find("payload")) payload = *given;
  }

  wire::JsonDocument document;
  std::string type;
  std::string request_id;
  wire::JsonView payload = document.root();
};

template <class Payload>
std::string frame_text(std::string_view type, std::string_view request_id, Payload&& payload) {
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  out.field("v", kFrameVersion);
  out.field("type", type);
  text_or_null(out, "request_id", request_id);
  out.key("payload");
  out.begin_object();
  payload(out);
  out.end_object();
  out.end_object();
  out.finish();
  return json;
}

/// `fields(JsonWriter&)` writes the members of the result.
template <class Fields>
std::string ok_frame(std::string_view request_id, Fields&& fields) {
  return frame_text("ok", request_id, [&](JsonWriter& out) {
    out.key("result");
    out.begin_object();
    fields(out);
    out.end_object();
  });
}

std::string error_frame(std::string_view request_id, std::string_view code,
                        std::string_view message) {
  return frame_text("error", request_id, [&](JsonWriter& out) {
    out.field("code", code);
    out.field("message", redact(message));
    out.field("retryable", false);
  });
}

std::string error_frame(std::string_view request_id, const Error& error) {
  return error_frame(request_id, name_of(error.code), error.message);
}

/// The words of the wire for a frame that does not hold what it has to.
std::string bad_frame(std::string_view request_id, std::string_view message) {
  return error_frame(request_id, "frame_failed", message);
}

std::vector<wire::Capability> capabilities_of(wire::JsonView manifest) {
  std::vector<wire::Capability> out;
  const auto list = manifest.find("capabilities");
  if (!list) return out;
  for (const wire::JsonView one : list->elements()) {
    wire::Capability& capability = out.emplace_back();
    const JsonFields fields(one);
    capability.name = fields.text({"name"});
    const std::string kind = fields.text({"kind"});
    if (!kind.empty()) capability.kind = kind;
    const auto metadata = one.find("metadata");
    if (metadata && !metadata->is_null()) capability.metadata = metadata->json();
  }
  return out;
}

/// A program and its socket. Shared with its calls, which may end after it.
class HandlerProgram {
 public:
  HandlerProgram(ApiContext* api, SocketPtr socket) : api_(api), socket_(std::move(socket)) {
    client_ = handlers().join([socket = socket_](const std::string& id, const std::string& name,
                                                 const wire::Json& input) {
      const std::string frame = frame_text("invoke_handler", {}, [&](JsonWriter& out) {
        out.field("invocation_id", id);
        out.field("name", name);
        out.key("input");
        out.raw(input.text());
      });
      return socket->try_send(frame).has_value();
    });
  }
  ~HandlerProgram() { leave(); }
  HandlerProgram(const HandlerProgram&) = delete;
  HandlerProgram& operator=(const HandlerProgram&) = delete;

  /// What it had under way is another node's from now on.
  void leave() {
    if (std::exchange(joined_, false)) handlers().leave(client_);
  }

  /// The answer to a frame that is answered at once; nothing for one that takes its time.
  std::optional<std::string> take_at_once(const ClientFrame& frame);
  /// The same for the others.
  asio::awaitable<std::string> take(std::shared_ptr<ClientFrame> frame);

  [[nodiscard]] bool ends() const { return ends_; }
  [[nodiscard]] net::WebSocket& socket() { return *socket_; }
  std::size_t calls = 0;

 private:
  [[nodiscard]] Handlers& handlers() { return api_->operations.handlers(); }
  std::string register_node(const ClientFrame& frame);
  std::string register_handlers(const ClientFrame& frame);
  std::string handler_result(const ClientFrame& frame);
  std::string list_agents(const ClientFrame& frame);
  std::string change_channels(const ClientFrame& frame, bool more);
  asio::awaitable<std::string> spawn_agent(std::shared_ptr<ClientFrame> frame);
  asio::awaitable<std::string> release_agent(std::shared_ptr<ClientFrame> frame);
  asio::awaitable<std::string> send_input(std::shared_ptr<ClientFrame> frame);
  asio::awaitable<std::string> send_message(std::shared_ptr<ClientFrame> frame);

  ApiContext* api_;
  SocketPtr socket_;
  Handlers::Client client_ = 0;
  bool joined_ = true;
  bool ends_ = false;
};

std::optional<std::string> HandlerProgram::take_at_once(const ClientFrame& frame) {
  if (frame.type == "hello") {
    return ok_frame(frame.request_id, [&](JsonWriter& out) {
      out.field("broker_version", api_->settings.version);
      out.field("protocol_version", kFrameVersion);
    });
  }
  if (frame.type == "register_node") return register_node(frame);
  if (frame.type == "register_handlers") return register_handlers(frame);
  if (frame.type == "handler_result") return handler_result(frame);
  if (frame.type == "deregister_node") {
    leave();
    ends_ = true;
    return ok_frame(frame.request_id, [](JsonWriter& out) { out.field("deregistered", true); });
  }
  if (frame.type == "list_agents") return list_agents(frame);
  if (frame.type == "subscribe_channels") return change_channels(frame, true);
  if (frame.type == "unsubscribe_channels") return change_channels(frame, false);
  if (frame.type == "shutdown") {
    api_->operations.shut_down();
    return ok_frame(frame.request_id,
                    [](JsonWriter& out) { out.field("status", "shutting_down"); });
  }
  const bool later = frame.type == "spawn_agent" || frame.type == "release_agent" ||
                     frame.type == "send_input" || frame.type == "send_message";
  if (!later) return bad_frame(frame.request_id, "unknown type '" + printable(frame.type) + "'");
  if (calls >= kMostCalls) {
    return error_frame(frame.request_id, name_of(Code::queue_full),
                       fmt::format("{} calls are under way: wait for their answers", calls));
  }
  return std::nullopt;
}

/// The node keeps its name, and ends with the broker: of the manifest only what it can do counts.
std::string HandlerProgram::register_node(const ClientFrame& frame) {
  const auto manifest = frame.payload.find("manifest");
  if (!manifest) return bad_frame(frame.request_id, "register_node needs a manifest");
  const auto declared = handlers().declare(client_, capabilities_of(*manifest));
  if (!declared) return bad_frame(frame.request_id, declared.error().message);
  return ok_frame(frame.request_id, [&](JsonWriter& out) {
    out.field("registered", true);
    text_or_null(out, "node_name", api_->operations.broker().node.node_name);
    out.field("supervised", false);
  });
}

std::string HandlerProgram::register_handlers(const ClientFrame& frame) {
  const auto given = frame.payload.find("names");
  if (!given) return bad_frame(frame.request_id, "register_handlers needs names");
  std::vector<std::string> names;
  for (const wire::JsonView one : given->elements()) names.emplace_back(one.string().value_or(""));
  const bool any = !names.empty();
  const auto served = handlers().serve(client_, std::move(names));
  if (!served) return bad_frame(frame.request_id, served.error().message);
  return ok_frame(frame.request_id, [&](JsonWriter& out) { out.field("handlers_live", any); });
}

std::string HandlerProgram::handler_result(const ClientFrame& frame) {
  const JsonFields fields(frame.payload);
  const std::string id = fields.text({"invocation_id"});
  const auto output = frame.payload.find("output");
  const auto error = frame.payload.find("error");
  // Null is an output like any other, and no error.
  const bool failed = error && !error->is_null();
  if (id.empty() || output.has_value() == failed) {
    return bad_frame(frame.request_id,
                     "handler_result needs an invocation_id and either output or error");
  }
  ActionOutcome outcome;
  if (failed) {
    const auto words = error->string();
    outcome = words ? std::string(*words) : error->json().text();
  } else {
    outcome = output->json();
  }
  const auto done = handlers().finish(client_, id, std::move(outcome));
  if (!done) return error_frame(frame.request_id, "unknown_invocation", done.error().message);
  return ok_frame(frame.request_id, [](JsonWriter& out) { out.field("completed", true); });
}

std::string HandlerProgram::list_agents(const ClientFrame& frame) {
  return ok_frame(frame.request_id, [&](JsonWriter& out) {
    out.key("agents");
    out.begin_array();
    for (const auto& agent : api_->operations.agents()) write_agent(out, agent);
    out.end_array();
  });
}

std::string HandlerProgram::change_channels(const ClientFrame& frame, bool more) {
  const JsonFields fields(frame.payload);
  const std::string name = fields.text({"name"});
  const auto channels = fields.texts({"channels"});
  auto& operations = api_->operations;
  const auto after =
      more ? operations.subscribe(name, channels) : operations.unsubscribe(name, channels);
  if (!after) return error_frame(frame.request_id, after.error());
  return ok_frame(frame.request_id, [&](JsonWriter& out) {
    out.field("name", name);
    texts(out, "channels", *after);
  });
}

asio::awaitable<std::string> HandlerProgram::take(std::shared_ptr<ClientFrame> frame) {
  if (frame->type == "spawn_agent") return spawn_agent(std::move(frame));
  if (frame->type == "release_agent") return release_agent(std::move(frame));
  if (frame->type == "send_input") return send_input(std::move(frame));
  return send_message(std::move(frame));
}

asio::awaitable<std::string> HandlerProgram::spawn_agent(std::shared_ptr<ClientFrame> frame) {
  const auto agent = frame->payload.find("agent");
  if (!agent) co_return bad_frame(frame->request_id, "spawn_agent needs an agent");
  auto request = spawn_request_of_api(agent->json().text());
  if (!request) co_return error_frame(frame->request_id, request.error());
  const JsonFields fields(frame->payload);
  const std::string task = fields.text({"initial_task"});
  if (!task.empty()) request->task = task;
  request->invocation_id = fields.text({"invocation_id"});
  if (fields.flag({"skip_relay_prompt"})) request->skip_relay_prompt = true;
  const auto made = co_await api_->operations.spawn(*std::move(request));
  if (!made) co_return error_frame(frame->request_id, made.error());
  co_return ok_frame(frame->request_id, [&](JsonWriter& out) { write_spawned(out, *made); });
}

asio::awaitable<std::string> HandlerProgram::release_agent(std::shared_ptr<ClientFrame> frame) {
  const JsonFields fields(frame->payload);
  ReleaseRequest request(fields.text({"name"}));
  request.reason = fields.text({"reason"});
  const std::string name = request.name;
  const auto released = co_await api_->operations.release(std::move(request));
  if (!released) co_return error_frame(frame->request_id, released.error());
  co_return ok_frame(frame->request_id, [&](JsonWriter& out) {
    out.field("success", true);
    out.field("name", name);
  });
}

asio::awaitable<std::string> HandlerProgram::send_input(std::shared_ptr<ClientFrame> frame) {
  const std::string name = JsonFields(frame->payload).text({"name"});
  const auto data = frame->payload.find("data");
  const auto keys = data ? data->string() : std::nullopt;
  if (!keys) co_return bad_frame(frame->request_id, "send_input needs data");
  const auto written = co_await api_->operations.type(name, std::string(*keys));
  if (!written) co_return error_frame(frame->request_id, written.error());
  co_return ok_frame(frame->request_id, [&](JsonWriter& out) {
    out.field("name", name);
    out.field("bytes_written", std::uint64_t{*written});
  });
}

asio::awaitable<std::string> HandlerProgram::send_message(std::shared_ptr<ClientFrame> frame) {
  auto request = send_request(frame->payload, *api_->workspace);
  if (!request) co_return error_frame(frame->request_id, request.error());
  const auto sent = co_await api_->operations.send(*std::move(request));
  if (!sent) co_return error_frame(frame->request_id, sent.error());
  co_return ok_frame(frame->request_id,
                     [&](JsonWriter& out) { write_sent(out, *sent, *api_->workspace); });
}

// The conversation

using ProgramPtr = std::shared_ptr<HandlerProgram>;

asio::awaitable<void> answer_later(ProgramPtr program, std::shared_ptr<ClientFrame> frame) {
  auto work = program->take(std::move(frame));
  auto text = co_await std::move(work);
  --program->calls;
  (void)co_await program->socket().send(std::move(text), kStreamSendTime);
}

/// What a message is answered with at once; nothing when the answer comes by itself.
std::optional<std::string> take_message(ApiContext* api, const ProgramPtr& program,
                                        const net::WsMessage& message) {
  auto document = wire::JsonDocument::parse(message.payload, kApiLimits);
  if (!document) return error_frame({}, "invalid_frame", document.error().message);
  const auto version = document->root().find("v");
  if (!version || version->unsigned_integer() != kFrameVersion) {
    return error_frame({}, "invalid_frame", "a frame is an object with \"v\":2");
  }
  auto frame = std::make_shared<ClientFrame>(*std::move(document));
  auto answered = program->take_at_once(*frame);
  if (answered) return answered;
  ++program->calls;
  api->conversations.spawn(answer_later(program, std::move(frame)));
  return std::nullopt;
}

asio::awaitable<void> listen_to_program(ApiContext* api, ProgramPtr program) {
  bool more = true;
  while (more) {
    auto message = co_await program->socket().receive(kBetweenFrames);
    if (!message) {
      more = message.error().code == Code::timeout;
      continue;
    }
    auto answered = take_message(api, program, *message);
    if (!answered) continue;
    const auto sent = co_await program->socket().send(*std::move(answered), kStreamSendTime);
    more = sent && !program->ends();
  }
}

asio::awaitable<void> serve_program(ApiContext* api, SocketPtr socket) {
  const auto program = std::make_shared<HandlerProgram>(api, socket);
  bool stopped = false;
  try {
    co_await listen_to_program(api, program);
  } catch (const std::system_error&) {
    // Only cancellation comes as such: the API stops.
    stopped = true;
  }
  program->leave();
  if (!stopped) co_await socket->close(net::ws_close::kNormal, std::string());
}

asio::awaitable<void> handler_stream(ApiContext* api, net::Exchange* exchange) {
  const auto socket = co_await open_stream(api, exchange);
  if (!socket) co_return;
  hold_stream(api, socket, serve_program(api, socket));
}

}  // namespace

void add_handler_routes(ApiRoutes& routes) {
  routes.add("GET", "/api/fleet/ws", handler_stream);
}

}  // namespace relay::broker
