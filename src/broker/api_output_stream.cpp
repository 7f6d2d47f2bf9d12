// GET /api/output/{name}[?cursor=N]: what a terminal shows, byte for byte, for who attaches to it.
//
// Text messages say how it stands, binary ones are output: eight bytes with the position of the
// first byte, high byte first, and the bytes. Without a cursor the stream begins with a picture of
// the screen, and the output goes on where that ends; a viewer who was too slow gets another one.
#include <charconv>

#include "broker/api_answer.hpp"
#include "broker/api_context.hpp"
#include "broker/api_json.hpp"
#include "broker/api_stream.hpp"
#include "broker/api_terminal.hpp"
#include "pty/screen/snapshot.hpp"

namespace relay::broker {
namespace {

constexpr Duration kBetweenOutput = std::chrono::hours(1);
constexpr std::size_t kPositionSize = 8;

std::string output_frame(const pty::ViewedOutput& output) {
  std::string frame;
  frame.reserve(kPositionSize + output.bytes.size());
  for (std::size_t i = kPositionSize; i-- > 0;) {
    frame += static_cast<char>(output.from >> (8U * i) & 0xFFU);
  }
  return frame += output.bytes;
}

class OutputFeed {
 public:
  OutputFeed(ApiContext* api, SocketPtr socket, std::string name)
      : api_(api), socket_(std::move(socket)), name_(std::move(name)) {}

  asio::awaitable<void> run(std::optional<std::uint64_t> cursor) {
    const auto agent = api_->operations.agent(name_);
    if (!agent) {
      co_await say_error(agent.error());
      co_return;
    }
    if (cursor) {
      at_ = *cursor;
      co_await say(ready(*agent));
    } else {
      co_await say_ready_with_screen(*agent);
    }
    while (open_) co_await next();
  }

 private:
  asio::awaitable<void> next() {
    const auto output = co_await api_->operations.output(name_, at_, kBetweenOutput);
    if (!output) {
      if (output.error().code != Code::timeout) co_await say_end(output.error());
      co_return;
    }
    if (output->cut) {
      const auto view = api_->operations.screen(name_);
      if (view) {
        at_ = view->offset;
        co_await say(screen(*view, true));
        co_return;
      }
    }
    at_ = output->next();
    const auto sent = co_await socket_->send_binary(output_frame(*output), kStreamSendTime);
    open_ = sent.has_value();
  }

  asio::awaitable<void> say_ready_with_screen(AgentView agent) {
    const auto view = api_->operations.screen(name_);
    if (!view) {
      co_await say_error(view.error());
      co_return;
    }
    at_ = view->offset;
    co_await say(ready(agent));
    co_await say(screen(*view, false));
  }

  asio::awaitable<void> say_end(Error error) {
    // To the next broker the viewer goes by itself, as it would after a crash.
    if (error.code == Code::connection_closed) {
      co_await say(end());
    } else if (error.code != Code::cancelled) {
      co_await say_error(std::move(error));
    }
    open_ = false;
  }

  asio::awaitable<void> say_error(Error error) {
    const auto [status, code] = terminal_refusal(error.code);
    const bool unknown = error.code == Code::agent_not_found;
    const std::string message = unknown ? "unknown worker '" + name_ + "'" : error.message;
    co_await say(stream_error("output", code, message, status, false));
    open_ = false;
  }

  [[nodiscard]] std::string ready(const AgentView& agent) const {
    std::string json;
    JsonWriter out(json);
    out.begin_object();
    out.field("type", "output_ready");
    out.field("name", name_);
    out.field("generation", agent.generation);
    out.field("cursor", at_);
    out.end_object();
    out.finish();
    return json;
  }

  /// `cut`: output before it was lost.
  [[nodiscard]] static std::string screen(const pty::ScreenView& view, bool cut) {
    std::string json;
    JsonWriter out(json);
    out.begin_object();
    out.field("type", "output_screen");
    out.field("cut", cut);
    out.field("cursor", view.offset);
    out.field("rows", view.rows);
    out.field("cols", view.columns);
    out.field("screen", base64(pty::ansi_snapshot(view)));
    out.end_object();
    out.finish();
    return json;
  }

  [[nodiscard]] std::string end() const {
    const auto agent = api_->operations.agent(name_);
    std::string json;
    JsonWriter out(json);
    out.begin_object();
    out.field("type", "output_end");
    out.field("name", name_);
    out.field("cursor", at_);
    const bool exited = agent && agent->exit;
    text_or_null(out, "exit", exited ? agent->exit->text() : std::string());
    // As a shell shows it.
    if (exited) out.field("status", agent->exit->as_shell());
    out.end_object();
    out.finish();
    return json;
  }

  asio::awaitable<void> say(std::string text) {
    if (!open_) co_return;
    const auto sent = co_await socket_->send(std::move(text), kStreamSendTime);
    open_ = sent.has_value();
  }

  ApiContext* api_;
  SocketPtr socket_;
  std::string name_;
  std::uint64_t at_ = 0;
  bool open_ = true;
};

asio::awaitable<void> feed_output(ApiContext* api, SocketPtr socket, std::string name,
                                  std::optional<std::uint64_t> cursor) {
  const ApiContext::Feeding feeding(*api);
  OutputFeed feed(api, std::move(socket), std::move(name));
  co_await feed.run(cursor);
}

asio::awaitable<void> output_stream(ApiContext* api, net::Exchange* exchange) {
  std::string name(exchange->parameter("name"));
  std::optional<std::uint64_t> cursor;
  if (const auto text = exchange->request().query_value("cursor")) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (text->empty() || error != std::errc() || end != text->data() + text->size()) {
      refuse(exchange, 400, "invalid_request", "cursor must be a whole number");
      co_return;
    }
    cursor = number;
  }
  const auto socket = co_await open_stream(api, exchange);
  if (!socket) co_return;
  hold_stream(api, socket,
              talk_to_listener(socket, feed_output(api, socket, std::move(name), cursor)));
}

}  // namespace

void add_output_stream_routes(ApiRoutes& routes) {
  routes.add("GET", "/api/output/{name}", output_stream);
}

}  // namespace relay::broker
