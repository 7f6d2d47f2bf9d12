#include "net/ws_client.hpp"

#include <array>
#include <asio/error.hpp>
#include <charconv>
#include <fmt/format.h>
#include <utility>
#include <websocketpp/base64/base64.hpp>

#include "net/dial.hpp"
#include "net/http_response_reader.hpp"
#include "net/proxy.hpp"
#include "net/timeout.hpp"
#include "net/ws_handshake.hpp"

namespace relay::net {
namespace {

/// How long the body of a refusal is waited for: it only explains.
constexpr std::chrono::seconds kBodyWithin{2};

bool is_secure(const Url& url) {
  return url.scheme == "wss" || url.scheme == "https";
}

/// Reads until the head, or the whole response, is there; returns what came behind it.
asio::awaitable<Result<std::string>> read_response(Stream* stream, HttpResponseReader* reader,
                                                   bool whole) {
  std::array<char, 4096> buffer;
  while (whole ? !reader->done() : !reader->head_done()) {
    const auto got = co_await stream->read_some(buffer);
    if (!got.ok() && got.error != asio::error::eof) {
      co_return fail(Code::connection_closed, "no answer: " + got.error.message());
    }
    if (!got.ok() && !reader->head_done()) {
      co_return fail(Code::connection_closed, "no answer: the connection was closed");
    }
    std::string_view bytes(buffer.data(), got.bytes);
    // The end of the connection is told as well: it is the end of some bodies.
    do {
      const auto used = reader->feed(bytes);
      if (!used) co_return fail(used.error());
      bytes.remove_prefix(*used);
    } while (!bytes.empty() && !reader->done());
    if (!bytes.empty()) co_return std::string(bytes);
  }
  co_return std::string();
}

Code code_of_status(int status) {
  switch (status) {
    case 401: return Code::unauthorized;
    case 403: return Code::forbidden;
    case 404: return Code::not_found;
    case 429: return Code::rate_limited;
    default: return Code::engine_error;
  }
}

/// The error for an answer that is a plain HTTP response.
Error refused(const std::string& who, const HttpResponse& response) {
  Error error(
      code_of_status(response.status),
      fmt::format("{} refused: {} {}", who, response.status, reason_phrase(response.status)));
  // A success is no refusal, it is a server that knows no WebSocket there.
  if (response.status < 400) {
    error.code = Code::protocol_error;
    error.message = fmt::format("{} is not a WebSocket: it answered {} {}", who, response.status,
                                reason_phrase(response.status));
  }
  if (const auto wait = response.headers.get("Retry-After")) {
    unsigned seconds = 0;
    const auto* const end = wait->data() + wait->size();
    if (std::from_chars(wait->data(), end, seconds).ptr == end && seconds < 86400) {
      error.retry_after = std::chrono::seconds(seconds);
    }
  }
  return error;
}

asio::awaitable<Result<StreamPtr>> secure(StreamPtr stream, std::optional<TlsContext> tls,
                                          std::string host) {
  if (!tls) co_return fail(Code::invalid_argument, "wss and https need a TLS context");
  auto work = tls_connect(std::move(stream), *tls, std::move(host));
  co_return co_await std::move(work);
}

asio::awaitable<Result<void>> open_tunnel(Stream* stream, Url proxy, Url url) {
  const auto target = url.host.find(':') == std::string::npos
                          ? fmt::format("{}:{}", url.host, url.port)
                          : fmt::format("[{}]:{}", url.host, url.port);
  std::string head = fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n", target, target);
  if (!proxy.userinfo.empty()) {
    head += fmt::format("Proxy-Authorization: Basic {}\r\n",
                        websocketpp::base64_encode(proxy.userinfo));
  }
  head += "\r\n";
  const auto sent = co_await stream->write(head);
  if (!sent.ok()) co_return fail(Code::engine_unreachable, "proxy: " + sent.error.message());
  HttpResponseReader reader(HttpResponseReader::Kind::connect);
  auto rest = co_await read_response(stream, &reader, false);
  if (!rest) co_return fail(std::move(rest).error().within("proxy"));
  const int status = reader.response().status;
  if (status / 100 != 2) {
    co_return fail(Code::engine_unreachable,
                   fmt::format("the proxy {} refused to connect to {}: {} {}", proxy.authority(),
                               target, status, reason_phrase(status)));
  }
  if (!rest->empty()) co_return fail(Code::protocol_error, "the proxy spoke before we did");
  co_return Result<void>();
}

/// The connection up to where the handshake starts.
asio::awaitable<Result<StreamPtr>> reach(Url url, WsClientOptions options) {
  if (!options.unix_socket.empty()) {
    co_return co_await dial_unix(std::move(options.unix_socket), options.within);
  }
  const bool direct = is_loopback_name(url.host) && !options.loopback_through_proxy;
  Result<std::optional<Url>> proxy;
  if (!direct) proxy = proxy_for(url, options.network);
  if (!proxy) co_return fail(proxy.error());
  const Url& first = proxy->has_value() ? **proxy : url;
  auto stream = co_await dial_tcp(first.host, first.port, options.within);
  if (!stream) co_return fail(std::move(stream).error());
  if (proxy->has_value()) {
    if (is_secure(first)) {
      stream = co_await secure(std::move(*stream), options.tls, first.host);
      if (!stream) co_return fail(std::move(stream).error().within("proxy"));
    }
    const auto open = co_await open_tunnel(stream->get(), first, url);
    if (!open) co_return fail(open.error());
  }
  if (is_secure(url)) stream = co_await secure(std::move(*stream), options.tls, url.host);
  co_return std::move(stream);
}

Result<Url> ws_url(const std::string& text) {
  auto url = Url::parse(text);
  if (!url) return url;
  if (url->scheme != "ws" && url->scheme != "wss") {
    return fail(Code::invalid_argument, fmt::format("not a ws:// or wss:// URL: {}", text));
  }
  if (!url->userinfo.empty()) {
    return fail(Code::invalid_argument, "a WebSocket URL must not hold a password");
  }
  return url;
}

bool is_clean(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

asio::awaitable<Result<WsConnected>> connect(WsClientOptions options, Random* random,
                                             std::optional<HttpResponse>* refusal) {
  const auto url = ws_url(options.url);
  if (!url) co_return fail(url.error());
  for (const auto& [name, value] : options.headers.fields()) {
    if (!is_clean(name) || !is_clean(value)) {
      co_return fail(Code::invalid_argument, "a header must not hold a line break");
    }
  }
  auto stream = co_await reach(*url, options);
  if (!stream) co_return fail(std::move(stream).error());

  std::array<std::byte, 16> nonce{};
  random->fill(nonce);
  const std::string key = ws_key_of(nonce);
  const auto head =
      ws_request_head(url->authority(), url->target, key, options.headers, options.protocols);
  const auto sent = co_await (*stream)->write(head);
  if (!sent.ok()) co_return fail(Code::connection_closed, "no handshake: " + sent.error.message());

  HttpResponseReader reader(HttpResponseReader::Kind::upgrade);
  auto rest = co_await read_response(stream->get(), &reader, false);
  if (!rest) co_return fail(std::move(rest).error());
  if (reader.response().status != 101) {
    // Whatever comes of the body explains; the status decides.
    refusal->emplace(reader.response());
    auto body = read_response(stream->get(), &reader, true);
    (void)co_await with_timeout(std::move(body), kBodyWithin, "reading the refusal");
    refusal->emplace(std::move(reader.response()));
    co_return fail(refused(url->authority(), **refusal));
  }
  auto protocol = check_ws_answer(reader.response(), key, options.protocols);
  if (!protocol) co_return fail(std::move(protocol).error());
  auto socket = WebSocket::client(std::move(*stream), std::move(*rest), options.socket, *random);
  co_return WsConnected(std::move(socket), std::move(*protocol));
}

}  // namespace

asio::awaitable<WsOutcome> ws_connect(WsClientOptions options, Random* random) {
  std::optional<HttpResponse> refusal;
  const auto within = options.within;
  auto what = "connecting to " + options.url;
  auto work = connect(std::move(options), random, &refusal);
  auto connected = co_await with_timeout(std::move(work), within, std::move(what));
  if (!connected && refusal && connected.error().code == Code::timeout) {
    connected = fail(refused("the server", *refusal));
  }
  co_return WsOutcome(std::move(connected), std::move(refusal));
}

}  // namespace relay::net
