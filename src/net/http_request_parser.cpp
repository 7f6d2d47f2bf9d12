#include "net/http_request_parser.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <http_parser.h>

namespace relay::net {
namespace {

/// 431 above it; a field costs 64 bytes of memory, whatever its length on the wire.
constexpr std::size_t kFieldsMost = 100;
/// Chunk sizes, extensions and trailers: this much, and for each byte of body what a chunk of one
/// byte needs.
constexpr std::size_t kFramingMost = 16 * 1024;
constexpr std::size_t kFramingPerByte = 8;
/// A body buffer up to this size is kept for the next request of the connection.
constexpr std::size_t kBodyKept = 4 * 1024;
/// What is reserved at once for an announced body; it grows as the bytes come.
constexpr std::size_t kBodyReservedMost = 64 * 1024;

constexpr auto kTokenBytes = [] {
  std::array<bool, 256> is_token{};
  for (char c = '0'; c <= '9'; ++c) is_token[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) is_token[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) is_token[static_cast<unsigned char>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    is_token[static_cast<unsigned char>(c)] = true;
  }
  return is_token;
}();

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kTokenBytes[static_cast<unsigned char>(c)];
  });
}

bool is_decimal(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

void trim_end(std::string& text) {
  text.erase(text.find_last_not_of(" \t") + 1);
}

/// "http://host:1/p?q" -> "host:1" and "/p?q"; false when `target` is of another form.
bool split_absolute(std::string_view target, std::string& authority, std::string& rest) {
  const auto colon = target.find("://");
  if (colon == std::string_view::npos) return false;
  const auto scheme = target.substr(0, colon);
  if (!same_field_name(scheme, "http") && !same_field_name(scheme, "https")) return false;
  target.remove_prefix(colon + 3);
  const auto end = std::min(target.find_first_of("/?"), target.size());
  if (end == 0) return false;
  authority = target.substr(0, end);
  rest = target.substr(end);
  if (rest.empty() || rest.front() != '/') rest.insert(rest.begin(), '/');
  return true;
}

}  // namespace

// http_parser is lenient where its Debian build is (blanks in names, lines without CR, folded
// lines, anything after a chunk), so what it accepts is checked here once more. It could be
// replaced by llhttp within this file.
struct HttpRequestParser::Impl {
  enum class Phase { head, body, complete, refused };

  Impl(std::size_t head_most_in, std::size_t target_most_in)
      : head_most(head_most_in), target_most(target_most_in) {
    start();
  }

  void start() {
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = this;
    phase = Phase::head;
    head_bytes = 0;
    body_most = 0;
    framing_bytes = 0;
    before = '\0';
    head_done = complete = in_value = false;
    name.clear();
    value.clear();
    request.method.clear();
    request.target.clear();
    request.headers.clear();
    if (request.body.capacity() > kBodyKept) std::string().swap(request.body);
    request.body.clear();
  }

  HttpProgress refuse(int status, std::string_view why) {
    phase = Phase::refused;
    refusal_status = status;
    refusal = why;
    return HttpProgress::refused;
  }

  // What http_parser calls: 0 goes on, anything else ends `http_parser_execute`.

  static Impl& self(http_parser* p) { return *static_cast<Impl*>(p->data); }

  int on_url(std::string_view part) {
    if (request.target.size() + part.size() > target_most) {
      refuse(414, "the request target is too long");
      return 1;
    }
    request.target += part;
    return 0;
  }

  int on_field(std::string_view part) {
    if (head_done) return 0;
    if (in_value && !end_field()) return 1;
    name += part;
    return 0;
  }

  int on_value(std::string_view part) {
    if (head_done) return 0;
    in_value = true;
    value += part;
    return 0;
  }

  int on_head() {
    head_done = true;
    if (in_value && !end_field()) return 1;
    http_parser_pause(&parser, 1);
    return 0;
  }

  int on_body(std::string_view part) {
    if (!check_lines(
            std::string_view(framing_from, static_cast<std::size_t>(part.data() - framing_from)))) {
      return 1;
    }
    framing_from = part.data() + part.size();
    // What follows the data of a chunk has to be CR LF.
    before = kAfterChunk;
    if (part.size() > body_most - request.body.size()) {
      refuse(413, "the body is too large");
      return 1;
    }
    request.body += part;
    return 0;
  }

  int on_complete() {
    complete = true;
    http_parser_pause(&parser, 1);
    return 0;
  }

  static const http_parser_settings& settings() {
    static const http_parser_settings all = [] {
      http_parser_settings s;
      http_parser_settings_init(&s);
      s.on_url = [](http_parser* p, const char* at, std::size_t n) {
        return self(p).on_url({at, n});
      };
      s.on_header_field = [](http_parser* p, const char* at, std::size_t n) {
        return self(p).on_field({at, n});
      };
      s.on_header_value = [](http_parser* p, const char* at, std::size_t n) {
        return self(p).on_value({at, n});
      };
      s.on_headers_complete = [](http_parser* p) { return self(p).on_head(); };
      s.on_body = [](http_parser* p, const char* at, std::size_t n) {
        return self(p).on_body({at, n});
      };
      s.on_message_complete = [](http_parser* p) { return self(p).on_complete(); };
      return s;
    }();
    return all;
  }

  bool end_field() {
    in_value = false;
    trim_end(value);
    if (!is_token(name)) {
      refuse(400, "a header name has characters that are not allowed");
      return false;
    }
    if (!is_field_value(value)) {
      refuse(400, "a header value has control characters");
      return false;
    }
    if (request.headers.fields().size() >= kFieldsMost) {
      refuse(431, "too many header fields");
      return false;
    }
    request.headers.add(std::move(name), std::move(value));
    name.clear();
    value.clear();
    return true;
  }

  /// Every line ends with CR LF and none starts with a blank.
  bool check_lines(std::string_view text) {
    for (const char c : text) {
      const bool after_cr = before == '\r';
      if ((c == '\n') != after_cr || (before == kAfterChunk && c != '\r')) {
        refuse(400, "a line does not end with CR LF");
        return false;
      }
      if (before == '\n' && (c == ' ' || c == '\t')) {
        refuse(400, "folded header lines are not accepted");
        return false;
      }
      before = c;
    }
    return true;
  }

  bool parser_failed() const {
    const auto error = HTTP_PARSER_ERRNO(&parser);
    return error != HPE_OK && error != HPE_PAUSED;
  }

  HttpProgress refuse_syntax() {
    if (phase == Phase::refused) return HttpProgress::refused;
    return refuse(400, http_errno_description(HTTP_PARSER_ERRNO(&parser)));
  }

  HttpProgress check_head() {
    auto& headers = request.headers;
    request.method = http_method_str(static_cast<http_method>(parser.method));
    if (parser.http_major != 1) {
      if (parser.http_major == 0) return refuse(400, "HTTP/0.9 is not served");
      return refuse(505, "only HTTP/1.0 and HTTP/1.1 are served");
    }
    if (parser.method == HTTP_CONNECT) return refuse(501, "CONNECT is not served");
    if (!is_printable(request.target) || request.target.find('#') != std::string::npos) {
      return refuse(400, "the request target has characters that are not allowed");
    }
    const auto hosts = headers.count("Host");
    if (hosts > 1) return refuse(400, "more than one Host field");
    if (hosts == 0 && parser.http_minor > 0) return refuse(400, "no Host field");
    if (request.target.front() != '/' && request.target != "*") {
      std::string authority;
      std::string rest;
      if (!split_absolute(request.target, authority, rest)) {
        return refuse(400, "the request target is neither a path nor an http URL");
      }
      headers.set("Host", std::move(authority));
      request.target = std::move(rest);
    }
    return check_framing();
  }

  HttpProgress check_framing() {
    const auto& headers = request.headers;
    const auto codings = headers.count("Transfer-Encoding");
    const auto lengths = headers.count("Content-Length");
    if (lengths > 1) return refuse(400, "more than one Content-Length field");
    if (lengths == 1 && !is_decimal(*headers.get("Content-Length"))) {
      return refuse(400, "Content-Length is not a number");
    }
    if (codings > 0) {
      if (lengths > 0) return refuse(400, "Content-Length together with Transfer-Encoding");
      if (parser.http_minor == 0) return refuse(400, "Transfer-Encoding in HTTP/1.0");
      if (codings > 1 || !same_field_name(*headers.get("Transfer-Encoding"), "chunked")) {
        return refuse(501, "the only transfer coding served is chunked");
      }
    }
    chunked = codings > 0;
    // http_parser has refused a number beyond 64 bits.
    announced = lengths > 0 ? parser.content_length : 0;
    keep_alive = http_should_keep_alive(&parser) != 0;
    upgrade = headers.has_token("Connection", "upgrade") && headers.count("Upgrade") > 0;
    const auto expect = headers.get("Expect");
    if (expect && !same_field_name(*expect, "100-continue")) {
      return refuse(417, "the only expectation served is 100-continue");
    }
    expects_continue = parser.http_minor > 0 && expect.has_value();
    phase = Phase::body;
    return HttpProgress::head;
  }

  HttpProgress feed_head(std::string_view& bytes) {
    // One byte more than allowed shows that there is too much.
    const auto piece = bytes.substr(0, head_most - head_bytes + 1);
    const auto taken = http_parser_execute(&parser, &settings(), piece.data(), piece.size());
    const bool lines_good = phase == Phase::refused || check_lines(piece.substr(0, taken));
    head_bytes += taken;
    bytes.remove_prefix(taken);
    if (!lines_good || phase == Phase::refused || parser_failed()) return refuse_syntax();
    // The last LF of the head is still in `bytes`.
    if (head_bytes + (head_done ? 1 : 0) > head_most)
      return refuse(431, "the header fields are too large");
    if (!head_done) return HttpProgress::more;
    if (before != '\r') return refuse(400, "a line does not end with CR LF");
    http_parser_pause(&parser, 0);
    return check_head();
  }

  HttpProgress feed_body(std::string_view& bytes) {
    if (announced > body_most) return refuse(413, "the body is too large");
    if (request.body.empty() && announced > 0) {
      request.body.reserve(std::min<std::size_t>(announced, kBodyReservedMost));
    }
    framing_from = bytes.data();
    const auto had = request.body.size();
    const auto taken = http_parser_execute(&parser, &settings(), bytes.data(), bytes.size());
    const auto* end = bytes.data() + taken;
    const bool lines_good =
        phase == Phase::refused || framing_from >= end ||
        check_lines({framing_from, static_cast<std::size_t>(end - framing_from)});
    framing_bytes += taken - std::min(taken, request.body.size() - had);
    bytes.remove_prefix(taken);
    if (!lines_good || phase == Phase::refused || parser_failed()) return refuse_syntax();
    if (framing_bytes > kFramingMost + kFramingPerByte * request.body.size()) {
      return refuse(400, "the chunks are almost empty");
    }
    if (!complete) return HttpProgress::more;
    phase = Phase::complete;
    return HttpProgress::complete;
  }

  /// Stands for the last byte of a chunk in `before`; never a byte of a line.
  static constexpr char kAfterChunk = '\x7f';

  std::size_t head_most;
  std::size_t target_most;
  http_parser parser{};
  Phase phase = Phase::head;
  HttpRequest request;
  std::string name;
  std::string value;
  bool in_value = false;
  bool head_done = false;
  bool complete = false;
  /// The last byte of lines (head, chunk sizes, trailers) that was checked.
  char before = '\0';
  std::size_t head_bytes = 0;
  std::size_t framing_bytes = 0;
  const char* framing_from = nullptr;
  std::size_t body_most = 0;
  std::uint64_t announced = 0;
  bool chunked = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool expects_continue = false;
  int refusal_status = 0;
  std::string_view refusal;
};

HttpRequestParser::HttpRequestParser() : HttpRequestParser(kHttpHeadMost, kHttpTargetMost) {}
HttpRequestParser::HttpRequestParser(std::size_t head_most, std::size_t target_most)
    : impl_(std::make_unique<Impl>(head_most, target_most)) {}
HttpRequestParser::HttpRequestParser(HttpRequestParser&&) noexcept = default;
HttpRequestParser& HttpRequestParser::operator=(HttpRequestParser&&) noexcept = default;
HttpRequestParser::~HttpRequestParser() = default;

HttpProgress HttpRequestParser::feed(std::string_view& bytes) {
  switch (impl_->phase) {
    case Impl::Phase::refused: return HttpProgress::refused;
    case Impl::Phase::complete: return HttpProgress::complete;
    case Impl::Phase::head:
      // An empty piece would tell http_parser that the connection has ended.
      return bytes.empty() ? HttpProgress::more : impl_->feed_head(bytes);
    case Impl::Phase::body: return bytes.empty() ? HttpProgress::more : impl_->feed_body(bytes);
  }
  return HttpProgress::refused;
}

void HttpRequestParser::limit_body(std::size_t most) {
  impl_->body_most = most;
}
void HttpRequestParser::next() {
  impl_->start();
}
HttpRequest& HttpRequestParser::request() {
  return impl_->request;
}
bool HttpRequestParser::started() const {
  return impl_->head_bytes > 0;
}
bool HttpRequestParser::keep_alive() const {
  return impl_->keep_alive;
}
bool HttpRequestParser::upgrade() const {
  return impl_->upgrade;
}
bool HttpRequestParser::has_body() const {
  return impl_->chunked || impl_->announced > 0;
}
bool HttpRequestParser::expects_continue() const {
  return impl_->expects_continue;
}
int HttpRequestParser::minor_version() const {
  return impl_->parser.http_minor;
}
int HttpRequestParser::refusal_status() const {
  return impl_->refusal_status;
}
std::string_view HttpRequestParser::refusal() const {
  return impl_->refusal;
}

}  // namespace relay::net
