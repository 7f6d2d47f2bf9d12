#include "net/http_client.hpp"

#include <algorithm>
#include <array>
#include <asio/cancellation_state.hpp>
#include <asio/this_coro.hpp>
#include <fmt/format.h>
#include <optional>

#include "net/curl_loop.hpp"
#include "net/near_http.hpp"
#include "net/proxy.hpp"
#include "net/timeout.hpp"
#include "net/url.hpp"

namespace relay::net {
namespace {

constexpr long kRedirectsMost = 5;
/// Of all header fields of a reply together.
constexpr std::size_t kReplyHeadersMost = 64 * 1024;
/// How much of a body is shown in an error.
constexpr std::size_t kBodyShown = 500;
/// How long after its deadline a transfer that curl has not ended is ended by us.
constexpr std::chrono::seconds kDeadlineSlack{1};

struct ListCleanup {
  void operator()(curl_slist* list) const { free_all(list); }
  decltype(CurlLibrary::slist_free_all) free_all;
};
using List = std::unique_ptr<curl_slist, ListCleanup>;

/// A URL as it may be shown: no credentials, query or fragment.
std::string shown_url(const Url& url) {
  return url.scheme + "://" + url.authority() + url.target.substr(0, url.target.find('?'));
}

std::string shown_url(std::string_view text) {
  const auto url = Url::parse(text);
  return url ? shown_url(*url) : "a malformed URL";
}

bool may_follow(const HttpCall& call, const Url& url) {
  return call.follow_redirects && !call.is_authenticated() && url.userinfo.empty();
}

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

std::optional<Error> bad_call(const HttpCall& call, const Result<Url>& url) {
  if (!url) return Error(Code::invalid_argument, "this is not a URL: " + call.url.substr(0, 100));
  if (url->scheme != "http" && url->scheme != "https") {
    return Error(Code::invalid_argument,
                 "only http and https URLs can be called, not " + url->scheme);
  }
  if (call.method.empty() || !std::all_of(call.method.begin(), call.method.end(),
                                          [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return Error(Code::invalid_argument, "a method is a word in capital letters");
  }
  for (const auto& [name, value] : call.headers.fields()) {
    if (!is_plain(name) || name.find(':') != std::string::npos || !is_plain(value)) {
      return Error(Code::invalid_argument, "a header field has a line end or a NUL");
    }
  }
  return std::nullopt;
}

/// One try of a call: curl's view of it, and what has come so far.
class Transfer {
 public:
  Transfer(std::shared_ptr<CurlLoop> loop, asio::any_io_executor executor, const HttpCall& call,
           const Url& url, const HttpClientOptions& options, Duration at_most)
      : curl(std::move(executor)),
        loop_(std::move(loop)),
        library_(loop_->library()),
        most_(call.reply_most),
        fields_(nullptr, ListCleanup{library_.slist_free_all}) {
    curl.easy = loop_->take_handle();
    set_common(options, call, at_most);
    set_request(call);
    set_route(call, url, options);
  }
  ~Transfer() { loop_->remove(&curl); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  [[nodiscard]] int status() const {
    long number = 0;
    library_.easy_getinfo(curl.easy, CURLINFO_RESPONSE_CODE, &number);
    return static_cast<int>(number);
  }
  [[nodiscard]] bool never_sent() const {
    curl_off_t ready = 0;
    library_.easy_getinfo(curl.easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
    return ready == 0 && !sent_before();
  }
  /// On a connection that was kept, which libcurl then replaces by itself.
  [[nodiscard]] bool sent_before() const {
    long bytes = 0;
    library_.easy_getinfo(curl.easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
  }
  [[nodiscard]] std::string cause() const {
    std::string text = why_.front() != '\0' ? why_.data() : library_.easy_strerror(curl.code);
    long number = 0;
    library_.easy_getinfo(curl.easy, CURLINFO_OS_ERRNO, &number);
    if (curl.code == CURLE_COULDNT_CONNECT && number != 0) {
      text += fmt::format(" ({})", std::generic_category().message(static_cast<int>(number)));
    }
    return text;
  }

  CurlTransfer curl;
  HttpReply reply;
  bool too_large = false;

 private:
  template <class T>
  void set(CURLoption option, T value) {
    library_.easy_setopt(curl.easy, option, value);
  }

  void set_common(const HttpClientOptions& options, const HttpCall& call, Duration at_most) {
    const auto milliseconds = [](Duration time) {
      return std::max<long>(
          1,
          static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()));
    };
    set(CURLOPT_URL, call.url.c_str());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_TIMEOUT_MS, milliseconds(at_most));
    set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(std::min(call.connect_time, at_most)));
    set(CURLOPT_ERRORBUFFER, why_.data());
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    if (!options.user_agent.empty()) set(CURLOPT_USERAGENT, options.user_agent.c_str());
    if (!options.network.ca_file.empty()) set(CURLOPT_CAINFO, options.network.ca_file.c_str());
    if (!options.network.ca_directory.empty()) {
      set(CURLOPT_CAPATH, options.network.ca_directory.c_str());
    }
  }

  void set_request(const HttpCall& call) {
    if (call.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (call.method == "POST" || call.method == "PUT" || call.method == "PATCH" ||
               !call.body.empty()) {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
      set(CURLOPT_POSTFIELDS, call.body.data());
      if (call.method != "POST") set(CURLOPT_CUSTOMREQUEST, call.method.c_str());
      if (call.headers.count("Content-Type") == 0) add_field("Content-Type:");
    } else {
      set(CURLOPT_HTTPGET, 1L);
      if (call.method != "GET") set(CURLOPT_CUSTOMREQUEST, call.method.c_str());
    }
    // The round trip of "100 Continue" costs more than a body that is refused.
    add_field("Expect:");
    for (const auto& [name, value] : call.headers.fields()) {
      add_field(value.empty() ? name + ';' : name + ": " + value);
    }
    set(CURLOPT_HTTPHEADER, fields_.get());
  }

  void set_route(const HttpCall& call, const Url& url, const HttpClientOptions& options) {
    const bool near = is_loopback_name(url.host);
    if (may_follow(call, url)) {
      set(CURLOPT_FOLLOWLOCATION, 1L);
      set(CURLOPT_MAXREDIRS, kRedirectsMost);
      set(CURLOPT_REDIR_PROTOCOLS_STR, url.scheme.c_str());
    }
    const bool direct = !call.unix_socket.empty() || (near && !call.loopback_through_proxy);
    // An empty proxy keeps curl from looking into the environment by itself.
    const auto& network = options.network;
    const auto& proxy = url.scheme == "https" ? network.https_proxy : network.http_proxy;
    set(CURLOPT_PROXY, direct ? "" : proxy.c_str());
    std::string direct_hosts = network.no_proxy;
    if (!call.loopback_through_proxy && direct_hosts != "*") {
      direct_hosts += ",localhost,127.0.0.1,::1";
    }
    set(CURLOPT_NOPROXY, direct_hosts.c_str());
    if (!call.unix_socket.empty()) set(CURLOPT_UNIX_SOCKET_PATH, call.unix_socket.c_str());
  }

  void add_field(const std::string& line) {
    curl_slist* longer = library_.slist_append(fields_.get(), line.c_str());
    if (!longer) throw std::bad_alloc();
    static_cast<void>(fields_.release());
    fields_.reset(longer);
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    auto& body = transfer.reply.body;
    if (size > transfer.most_ - body.size()) {
      transfer.too_large = true;
      return 0;
    }
    body.append(data, size);
    return size;
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    std::string_view line(data, size);
    transfer.header_bytes_ += size;
    if (transfer.header_bytes_ > kReplyHeadersMost) {
      transfer.too_large = true;
      return 0;
    }
    // The head of each reply on the way (100, redirects, the proxy's) starts anew.
    if (line.substr(0, 5) == "HTTP/") transfer.reply.headers.clear();
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    auto value = line.substr(colon + 1);
    const auto from = std::min(value.find_first_not_of(" \t\r\n"), value.size());
    value = value.substr(from, value.find_last_not_of(" \t\r\n") + 1 - from);
    transfer.reply.headers.add(std::string(line.substr(0, colon)), std::string(value));
    return size;
  }

  std::shared_ptr<CurlLoop> loop_;
  const CurlLibrary& library_;
  std::size_t most_;
  std::size_t header_bytes_ = 0;
  List fields_;
  std::array<char, CURL_ERROR_SIZE> why_{};
};

Code code_of(CURLcode code, const HttpCall& call) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return Code::engine_unreachable;
    case CURLE_COULDNT_CONNECT:
      return call.unix_socket.empty() ? Code::engine_unreachable : Code::broker_not_running;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED: return Code::tls_failed;
    case CURLE_OPERATION_TIMEDOUT: return Code::timeout;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: return Code::connection_closed;
    case CURLE_ABORTED_BY_CALLBACK: return Code::cancelled;
    case CURLE_FAILED_INIT:
    case CURLE_OUT_OF_MEMORY: return Code::internal_error;
    default: return Code::protocol_error;
  }
}

std::string hint_of(Code code) {
  if (code == Code::tls_failed) return "check the certificate, or set SSL_CERT_FILE to its CA";
  if (code == Code::engine_unreachable) return "check the address, the network and the proxy";
  return {};
}

Error failure_of(const Transfer& transfer, const HttpCall& call, const std::string& shown) {
  if (transfer.too_large) {
    return Error(Code::too_large,
                 fmt::format("{}: the reply is larger than {} bytes", shown, call.reply_most));
  }
  Code code = code_of(transfer.curl.code, call);
  // The first connection took it.
  if (code == Code::engine_unreachable && transfer.sent_before()) code = Code::connection_closed;
  return Error(code, fmt::format("{}: {}", shown, transfer.cause()), hint_of(code));
}

/// Of what became of an earlier try: this one was not done.
bool tells_nothing(const Result<HttpReply>& outcome, bool never_sent) {
  if (!outcome) return never_sent && outcome.error().code != Code::cancelled;
  const int status = outcome->status;
  return status == 429 || (status >= 502 && status <= 504);
}

bool is_redirect(const HttpReply& reply) {
  return reply.status >= 300 && reply.status <= 399 && reply.headers.count("Location") > 0;
}

Error redirect_error(const HttpReply& reply, const Url& from) {
  const std::string to(reply.headers.get("Location").value_or(""));
  const bool is_path = to.starts_with('/') && !to.starts_with("//");
  const std::string whole = is_path ? from.scheme + "://" + from.authority() + to : to;
  return Error(Code::protocol_error,
               fmt::format("{}: answered {}, a redirect to {}, which is not followed with "
                           "credentials",
                           reply.call, reply.status, shown_url(whole)),
               "set the URL to where the redirect leads, if you trust it");
}

std::optional<Duration> retry_after_of(const HttpReply& reply) {
  const auto field = reply.headers.get("Retry-After");
  if (!field) return std::nullopt;
  const auto seconds = parse_retry_after(*field, SystemClock().wall());
  if (!seconds) return std::nullopt;
  return Duration(*seconds);
}

Code code_of_status(int status) {
  switch (status) {
    case 401: return Code::unauthorized;
    case 403: return Code::forbidden;
    case 404: return Code::not_found;
    case 408:
    case 504: return Code::timeout;
    case 409: return Code::conflict;
    case 413: return Code::too_large;
    case 429: return Code::rate_limited;
    default: return Code::engine_error;
  }
}

}  // namespace

bool HttpCall::is_authenticated() const {
  return std::any_of(headers.fields().begin(), headers.fields().end(), [](const auto& field) {
    const auto& name = field.first;
    return same_field_name(name, "Authorization") || same_field_name(name, "Cookie") ||
           same_field_name(name, "Proxy-Authorization") || same_field_name(name, "X-Api-Key");
  });
}

Error error_of(const HttpReply& reply, const Redact& redact) {
  std::string text =
      fmt::format("{}: answered {} {}", reply.call, reply.status, reason_phrase(reply.status));
  // Redacted before it is cut: half a secret is not recognized.
  const std::string body = redact ? redact(reply.body) : reply.body;
  if (!body.empty()) text += ": " + body.substr(0, kBodyShown);
  Error error(code_of_status(reply.status), redact ? redact(text) : text);
  const auto after = retry_after_of(reply);
  if (after) error.retry_after = std::chrono::duration_cast<std::chrono::milliseconds>(*after);
  return error;
}

struct HttpClient::Impl : std::enable_shared_from_this<HttpClient::Impl> {
  Impl(asio::any_io_executor executor_in, HttpClientOptions options_in, Random& random_in)
      : executor(executor_in),
        options(std::move(options_in)),
        random(random_in),
        near(executor_in) {}

  /// One try. `never_sent` tells of a failure whether the server can have seen the request.
  asio::awaitable<Result<HttpReply>> attempt(const HttpCall* call, const Url* url,
                                             std::string shown, Duration at_most,
                                             bool* never_sent) {
    const auto deadline = SystemClock().now() + at_most;
    if (NearHttp::takes(*call, *url)) {
      auto reply = co_await near.ask(call, url, options.user_agent, at_most, never_sent);
      if (!reply) {
        Error error = std::move(reply).error().within(shown);
        if (error.hint.empty()) error.hint = hint_of(error.code);
        co_return fail(std::move(error));
      }
      reply->call = shown;
      // Where a redirect leads is for curl to find out.
      const bool asked_again = call->method == "GET" || call->method == "HEAD" ||
                               reply->status == 307 || reply->status == 308;
      const bool goes_on = is_redirect(*reply) && asked_again && may_follow(*call, *url);
      if (!goes_on) co_return checked(*std::move(reply), *call, *url);
    }
    co_return co_await attempt_far(call, url, std::move(shown), deadline - SystemClock().now(),
                                   never_sent);
  }

  asio::awaitable<Result<HttpReply>> attempt_far(const HttpCall* call, const Url* url,
                                                 std::string shown, Duration at_most,
                                                 bool* never_sent) {
    if (auto ready = load_curl(); !ready) co_return fail(std::move(ready).error());
    Transfer transfer(loop, executor, *call, *url, options, at_most);
    loop->start(&transfer.curl);
    const auto late = SystemClock().now() + at_most + kDeadlineSlack;
    bool cancelled = false;
    while (!transfer.curl.done && !cancelled && SystemClock().now() < late) {
      co_await transfer.curl.finished.wait(late - SystemClock().now());
      const auto state = co_await asio::this_coro::cancellation_state;
      cancelled = state.cancelled() != asio::cancellation_type::none;
    }
    if (cancelled) co_return fail(Code::cancelled, shown + ": cancelled");
    if (!transfer.curl.done) co_return fail(Code::timeout, shown + ": no end in time");
    *never_sent = transfer.never_sent();
    if (transfer.too_large || transfer.curl.code != CURLE_OK) {
      co_return fail(failure_of(transfer, *call, shown));
    }
    transfer.reply.status = transfer.status();
    transfer.reply.call = std::move(shown);
    co_return checked(std::move(transfer.reply), *call, *url);
  }

  Result<void> load_curl() {
    if (loop) return {};
    const auto library = CurlLibrary::get();
    if (!library) return fail(library.error());
    loop = std::make_shared<CurlLoop>(executor, **library);
    if (down) loop->shut_down();
    return {};
  }

  static Result<HttpReply> checked(HttpReply reply, const HttpCall& call, const Url& url) {
    if (is_redirect(reply) && !may_follow(call, url)) return fail(redirect_error(reply, url));
    return reply;
  }

  void shut_down() {
    down = true;
    near.shut_down();
    if (loop) loop->shut_down();
  }

  asio::awaitable<Result<HttpReply>> run(HttpCall call) {
    const auto url = Url::parse(call.url);
    auto bad = bad_call(call, url);
    if (bad) co_return fail(std::move(*bad));
    const auto shown = call.method + ' ' + shown_url(*url);
    const auto deadline = SystemClock().now() + call.deadline;
    Retry retry(call.retry, is_repeatable(call.method, call.headers), deadline, random);
    const bool changes = call.method != "GET" && call.method != "HEAD";
    std::optional<Error> perhaps_done;
    for (;;) {
      bool never_sent = false;
      const auto left = deadline - SystemClock().now();
      auto outcome = co_await attempt(&call, &*url, shown, left, &never_sent);
      const auto now = SystemClock().now();
      const auto wait = outcome ? retry.after_answer(outcome->status, retry_after_of(*outcome), now)
                                : retry.after_failure(outcome.error().code, never_sent, now);
      if (!wait && perhaps_done && tells_nothing(outcome, never_sent))
        co_return fail(*std::move(perhaps_done));
      if (!wait) co_return outcome;
      if (changes && !outcome && !never_sent) perhaps_done = outcome.error();
      co_await pause(*wait);
    }
  }

  asio::any_io_executor executor;
  HttpClientOptions options;
  Random& random;
  NearHttp near;
  /// Made for the first call that goes further.
  std::shared_ptr<CurlLoop> loop;
  bool down = false;
};

HttpClient::HttpClient(asio::any_io_executor executor, HttpClientOptions options, Random& random)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), random)) {}

HttpClient::~HttpClient() {
  impl_->shut_down();
}

asio::awaitable<Result<HttpReply>> HttpClient::call(HttpCall call) {
  const auto impl = impl_;
  auto outcome = co_await impl->run(std::move(call));
  const auto& redact = impl->options.redact;
  if (!outcome && redact) outcome.error().message = redact(outcome.error().message);
  co_return outcome;
}

}  // namespace relay::net
