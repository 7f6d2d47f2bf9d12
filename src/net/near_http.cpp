#include "net/near_http.hpp"

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <asio/steady_timer.hpp>
#include <fmt/format.h>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "net/dial.hpp"
#include "net/http_response_reader.hpp"
#include "net/proxy.hpp"
#include "net/stream.hpp"

namespace relay::net {
namespace {

/// Connections kept open for the next calls.
constexpr std::size_t kKeptMost = 16;
/// Of all header fields of a reply together.
constexpr std::size_t kNearHeadMost = std::size_t{64} << 10U;
constexpr std::size_t kNearPiece = std::size_t{8} << 10U;

/// Where a call connects to; connections to the same place can stand for each other.
std::string place_of(const HttpCall& call, const Url& url) {
  if (!call.unix_socket.empty()) return call.unix_socket;
  return url.host + ' ' + url.port;
}

std::string request_of(const HttpCall& call, const Url& url, const std::string& user_agent) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\n", call.method, url.target);
  const auto add = [&](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  const auto add_missing = [&](std::string_view name, std::string_view value) {
    if (call.headers.count(name) == 0) add(name, value);
  };
  add_missing("Host", url.authority());
  if (!user_agent.empty()) add_missing("User-Agent", user_agent);
  add_missing("Accept", "*/*");
  for (const auto& [name, value] : call.headers.fields()) add(name, value);
  const bool has_body =
      !call.body.empty() || call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
  if (has_body) add("Content-Length", std::to_string(call.body.size()));
  text += "\r\n";
  return text + call.body;
}

/// A connection with nothing to say: one that speaks unasked, or has ended, is of no use.
bool is_still_open(Stream& stream) {
  std::array<char, 1> byte;
  return would_block(stream.try_read(byte).error);
}

/// How an exchange over one connection went.
struct NearOutcome {
  std::optional<Error> error;
  HttpResponse response;
  bool keeps_alive = false;
  /// Nothing came back, not even a byte.
  bool silent = true;
  /// Not all of the request went out.
  bool unsent = false;
};

}  // namespace

struct NearHttp::Impl {
  explicit Impl(asio::any_io_executor executor_in) : executor(std::move(executor_in)) {}

  StreamPtr take_kept(const std::string& place);
  void keep(std::string place, StreamPtr stream);
  asio::awaitable<Result<StreamPtr>> connect(const HttpCall* call, const Url* url,
                                             Duration at_most);
  asio::awaitable<NearOutcome> exchange(Stream* stream, const std::string* request,
                                        const HttpCall* call, Duration at_most);
  asio::awaitable<NearOutcome> read_reply(Stream* stream, const HttpCall* call);

  asio::any_io_executor executor;
  std::vector<std::pair<std::string, StreamPtr>> kept;
  std::set<Stream*> busy;
  bool down = false;
};

NearHttp::NearHttp(asio::any_io_executor executor)
    : impl_(std::make_unique<Impl>(std::move(executor))) {}

NearHttp::~NearHttp() = default;

bool NearHttp::takes(const HttpCall& call, const Url& url) {
  if (url.scheme != "http" || !url.userinfo.empty()) return false;
  if (!call.unix_socket.empty()) return true;
  return is_loopback_name(url.host) && !call.loopback_through_proxy;
}

void NearHttp::shut_down() {
  impl_->down = true;
  impl_->kept.clear();
  for (Stream* stream : impl_->busy) stream->close();
}

StreamPtr NearHttp::Impl::take_kept(const std::string& place) {
  for (auto at = kept.end(); at != kept.begin();) {
    --at;
    if (at->first != place) continue;
    StreamPtr stream = std::move(at->second);
    at = kept.erase(at);
    if (is_still_open(*stream)) return stream;
  }
  return nullptr;
}

void NearHttp::Impl::keep(std::string place, StreamPtr stream) {
  if (down) return;
  if (kept.size() >= kKeptMost) kept.erase(kept.begin());
  kept.emplace_back(std::move(place), std::move(stream));
}

asio::awaitable<Result<StreamPtr>> NearHttp::Impl::connect(const HttpCall* call, const Url* url,
                                                           Duration at_most) {
  at_most = std::min(at_most, call->connect_time);
  if (!call->unix_socket.empty()) co_return co_await dial_unix(call->unix_socket, at_most);
  // A name below localhost is known to nobody; no address ends like one.
  const char last = url->host.back();
  std::string host = url->host;
  if (last < '0' || last > '9') host = "localhost";
  co_return co_await dial_tcp(std::move(host), url->port, at_most);
}

asio::awaitable<NearOutcome> NearHttp::Impl::read_reply(Stream* stream, const HttpCall* call) {
  using Kind = HttpResponseReader::Kind;
  const Kind kind = call->method == "HEAD" ? Kind::head : Kind::upgrade;
  HttpResponseReader reader(kind, kNearHeadMost, call->reply_most);
  NearOutcome outcome;
  std::array<char, kNearPiece> buffer;
  while (!reader.done()) {
    const auto got = co_await stream->read_some(buffer);
    const bool ended = got.error == asio::error::eof;
    if (!got.ok() && !ended) {
      outcome.error = Error(Code::connection_closed, got.error.message());
      if (got.error == asio::error::operation_aborted) outcome.error->code = Code::cancelled;
      co_return outcome;
    }
    outcome.silent = outcome.silent && ended;
    std::string_view bytes(buffer.data(), got.bytes);
    auto used = reader.feed(bytes);
    if (used) bytes.remove_prefix(*used);
    // A head that is at its limit is taken in parts.
    while (used && *used > 0 && !bytes.empty() && !reader.done() && !reader.is_cut()) {
      used = reader.feed(bytes);
      if (used) bytes.remove_prefix(*used);
    }
    if (!used) {
      outcome.error = used.error();
      if (ended) outcome.error->code = Code::connection_closed;
      if (ended && outcome.silent) outcome.error->message = "the server closed without an answer";
      co_return outcome;
    }
    if (reader.is_cut()) {
      outcome.error = Error(Code::too_large,
                            fmt::format("the reply is larger than {} bytes", call->reply_most));
      co_return outcome;
    }
    // What follows is no answer of ours.
    outcome.keeps_alive = reader.done() && reader.keeps_alive() && bytes.empty();
  }
  outcome.response = std::move(reader.response());
  co_return outcome;
}

asio::awaitable<NearOutcome> NearHttp::Impl::exchange(Stream* stream, const std::string* request,
                                                      const HttpCall* call, Duration at_most) {
  /// The end of the time closes the connection; it may come when the exchange is over.
  struct Watched {
    Stream* stream;
    bool late = false;
  };
  const auto watched = std::make_shared<Watched>();
  watched->stream = stream;
  // However this ends, the stream may be gone when the timer's turn comes.
  const std::shared_ptr<void> over(nullptr, [watched](void*) { watched->stream = nullptr; });
  asio::steady_timer timer(executor, at_most);
  timer.async_wait([watched](const std::error_code& error) {
    if (error || watched->stream == nullptr) return;
    watched->late = true;
    watched->stream->close();
  });
  const auto sent = co_await stream->write(*request);
  // A server that refuses a request may answer before it has read all of it.
  NearOutcome outcome = co_await read_reply(stream, call);
  outcome.unsent = !sent.ok();
  if (watched->late) {
    const auto seconds = std::chrono::duration<double>(at_most).count();
    outcome.error = Error(Code::timeout, fmt::format("no answer within {:g} s", seconds));
  }
  co_return outcome;
}

asio::awaitable<Result<HttpReply>> NearHttp::ask(const HttpCall* call, const Url* url,
                                                 std::string user_agent, Duration at_most,
                                                 bool* never_sent) {
  /// Among those that `shut_down` closes.
  struct Busy {
    Busy(Impl& impl_in, Stream* stream_in) : impl(impl_in), stream(stream_in) {
      impl.busy.insert(stream);
    }
    ~Busy() { impl.busy.erase(stream); }
    Impl& impl;
    Stream* stream;
  };
  Impl& impl = *impl_;
  const Monotonic deadline = SystemClock().now() + at_most;
  const std::string place = place_of(*call, *url);
  const std::string request = request_of(*call, *url, user_agent);
  StreamPtr stream = impl.take_kept(place);
  bool is_fresh = stream == nullptr;
  // Of the first connection, whose server may have seen the request.
  std::optional<Error> perhaps_done;
  for (;;) {
    *never_sent = !perhaps_done;
    const Duration left = deadline - SystemClock().now();
    if (is_fresh && !impl.down) {
      auto connected = co_await impl.connect(call, url, left);
      if (!connected && perhaps_done) co_return fail(*std::move(perhaps_done));
      if (!connected) co_return fail(std::move(connected).error());
      stream = *std::move(connected);
    }
    if (impl.down) co_return fail(Code::cancelled, "cancelled");
    *never_sent = false;
    std::optional<Busy> busy(std::in_place, impl, stream.get());
    auto outcome = co_await impl.exchange(stream.get(), &request, call, left);
    busy.reset();
    // Its server had just let go of the connection.
    const bool again = !is_fresh && outcome.error && outcome.silent &&
                       outcome.error->code == Code::connection_closed &&
                       (outcome.unsent || is_repeatable(call->method, call->headers));
    if (again) {
      is_fresh = true;
      if (!outcome.unsent) perhaps_done = std::move(outcome.error);
      continue;
    }
    if (outcome.error) co_return fail(*std::move(outcome.error));
    if (outcome.response.status == 101) {
      co_return fail(Code::protocol_error, "the server speaks another protocol");
    }
    if (outcome.keeps_alive) impl.keep(place, std::move(stream));
    HttpReply reply;
    reply.status = outcome.response.status;
    reply.headers = std::move(outcome.response.headers);
    reply.body = std::move(outcome.response.body);
    co_return reply;
  }
}

}  // namespace relay::net
