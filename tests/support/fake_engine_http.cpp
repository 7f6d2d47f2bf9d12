#include "support/fake_engine_http.hpp"

#include <algorithm>
#include <array>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <optional>

#include "net/http_guard.hpp"
#include "net/http_request_parser.hpp"
#include "support/fake_engine_core.hpp"

namespace relay::test {
namespace {

constexpr std::size_t kBodyMost = std::size_t{64} << 20U;
/// Waits end by an event or a cancellation, never by this.
constexpr Duration kUntilReleased = std::chrono::hours(1);
constexpr const char* kNodeSocket = "GET /v1/node/ws";

std::string bytes_of(const net::HttpResponse& response) {
  std::string out =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, net::reason_phrase(response.status));
  for (const auto& [name, value] : response.headers.fields()) {
    out += fmt::format("{}: {}\r\n", name, value);
  }
  const bool has_body = response.status != 101 && response.status != 204;
  if (has_body) out += fmt::format("Content-Length: {}\r\n", response.body.size());
  return out + "\r\n" + response.body;
}

// By hand and not by the product's own code, which this tests.
std::string accept_key(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, 20> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 29> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
  return {base64.begin(), base64.begin() + length};
}

}  // namespace

FakeConnection::FakeConnection(FakeEngineCore* core, asio::ip::tcp::socket socket)
    : core_(core), socket_(std::move(socket)), name_(fmt::format("#{}", ++core->accepted)) {
  core_->connections.push_back(this);
}

FakeConnection::~FakeConnection() {
  core_->connections.remove(this);
}

void FakeConnection::note(std::string what, std::string text) {
  core_->transcript.add(Record::Kind::note, name_, std::move(what), std::move(text));
}

void FakeConnection::reset() noexcept {
  reset_socket(socket_);
}

asio::awaitable<bool> FakeConnection::read() {
  std::array<char, 16384> buffer{};
  std::error_code error;
  const std::size_t size = co_await socket_.async_read_some(
      asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
  input_.append(buffer.data(), size);
  co_return !error;
}

asio::awaitable<bool> FakeConnection::read_request() {
  for (;;) {
    std::string_view bytes = input_;
    const auto progress = parser_.feed(bytes);
    input_.erase(0, input_.size() - bytes.size());
    switch (progress) {
      case net::HttpProgress::complete: co_return true;
      case net::HttpProgress::refused: {
        note("bad request", std::string(parser_.refusal()));
        const net::HttpResponse refused(parser_.refusal_status());
        co_await write(bytes_of(refused));
        co_return false;
      }
      case net::HttpProgress::head:
        parser_.limit_body(kBodyMost);
        if (parser_.expects_continue()) {
          std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
          co_await write(std::move(go_on));
        }
        break;
      case net::HttpProgress::more: {
        const bool came = co_await read();
        if (!came) co_return false;
        break;
      }
    }
  }
}

asio::awaitable<bool> FakeConnection::write(std::string bytes) {
  std::error_code error;
  co_await asio::async_write(socket_, asio::buffer(bytes),
                             asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

asio::awaitable<void> FakeConnection::run() {
  for (;;) {
    const bool came = co_await read_request();
    if (!came) co_return;
    const net::HttpRequest& request = parser_.request();
    what_ = request.method + " " + std::string(request.path());
    Record& record = core_->transcript.add(Record::Kind::request, name_, what_, request.body);
    record.target = request.target;
    record.headers = request.headers;
    const bool more = co_await answer();
    if (!more) co_return;
    parser_.next();
  }
}

asio::awaitable<bool> FakeConnection::answer() {
  HttpScript script = core_->answers.take(what_).value_or(HttpScript::standard());
  switch (script.act) {
    case HttpScript::Act::hang:
      note("hanging", what_);
      while (co_await read()) {
      }
      note("client left", what_);
      co_return false;
    case HttpScript::Act::close: co_return false;
    case HttpScript::Act::reset: reset(); co_return false;
    case HttpScript::Act::standard: {
      net::HttpResponse own =
          what_ == kNodeSocket ? handshake() : core_->state.answer(parser_.request());
      for (const auto& [name, value] : script.response.headers.fields())
        own.headers.add(name, value);
      script.response = std::move(own);
      break;
    }
    case HttpScript::Act::given: break;
  }
  if (script.hold) {
    note("held", what_);
    co_await core_->released.wait(kUntilReleased);
  }
  std::string bytes = script.raw ? *script.raw : bytes_of(script.response);
  const bool whole = !script.raw && !script.cut;
  if (script.cut) bytes.resize(std::min(bytes.size(), *script.cut));
  core_->transcript.add(
      Record::Kind::answer, name_,
      script.raw ? std::string("bytes") : fmt::format("{} to {}", script.response.status, what_),
      script.response.body);
  const bool sent = co_await write(std::move(bytes));
  if (!sent || !whole) co_return false;
  // A refused handshake ends the connection, as with every real engine.
  if (script.response.status != 101) co_return what_ != kNodeSocket&& parser_.keep_alive();
  FakeNodeSocket node(core_, &socket_, name_, node_id_, std::move(input_));
  co_await node.run();
  co_return false;
}

net::HttpResponse FakeConnection::handshake() {
  const net::HttpRequest& request = parser_.request();
  const auto bearer = net::bearer_token(request.headers);
  const std::string token =
      bearer ? std::string(*bearer) : request.query_value("token").value_or("");
  const FakeNode* node = core_->state.node_with_token(token);
  if (token.empty() || node == nullptr) {
    return HttpScript::refusal(401, "node_token_invalid").response;
  }
  const auto key = request.headers.get("Sec-WebSocket-Key");
  if (!parser_.upgrade() || !request.headers.has_token("Upgrade", "websocket") || !key ||
      request.headers.get("Sec-WebSocket-Version") != "13") {
    return HttpScript::refusal(426, "upgrade_required").response;
  }
  node_id_ = node->id;
  net::HttpResponse response(101);
  response.headers.add("Upgrade", "websocket");
  response.headers.add("Connection", "Upgrade");
  response.headers.add("Sec-WebSocket-Accept", accept_key(*key));
  return response;
}

asio::awaitable<void> serve_fake_connection(FakeEngineCore* core, asio::ip::tcp::socket socket) {
  FakeConnection connection(core, std::move(socket));
  try {
    co_await connection.run();
  } catch (const std::system_error&) {
    throw;  // the engine stops
  } catch (const std::exception& error) {
    core->transcript.broken(error.what());
  }
}

void reset_socket(asio::ip::tcp::socket& socket) noexcept {
  std::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace relay::test
