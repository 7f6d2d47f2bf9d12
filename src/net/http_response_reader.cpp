#include "net/http_response_reader.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <http_parser.h>
#include <string>
#include <utility>

namespace relay::net {

struct HttpResponseReader::Impl {
  Impl(Kind kind_in, std::size_t head_most_in, std::size_t body_most_in)
      : kind(kind_in), head_most(head_most_in), body_most(body_most_in) {
    http_parser_init(&parser, HTTP_RESPONSE);
    parser.data = this;
  }

  static Impl& of(http_parser* parser) { return *static_cast<Impl*>(parser->data); }

  void end_field() {
    if (!name.empty()) response.headers.add(std::exchange(name, {}), std::exchange(value, {}));
    in_value = false;
  }

  static int on_field(http_parser* parser, const char* at, std::size_t size) {
    Impl& self = of(parser);
    // Fields after a chunked body are not looked at.
    if (self.head_done) return 0;
    if (self.in_value) self.end_field();
    self.name.append(at, size);
    return 0;
  }

  static int on_value(http_parser* parser, const char* at, std::size_t size) {
    Impl& self = of(parser);
    if (self.head_done) return 0;
    self.in_value = true;
    self.value.append(at, size);
    return 0;
  }

  static int on_headers_complete(http_parser* parser) {
    Impl& self = of(parser);
    self.end_field();
    self.response.status = static_cast<int>(parser->status_code);
    self.head_done = !self.is_interim();
    const bool tunnel = self.kind == Kind::connect && parser->status_code / 100 == 2;
    // 2: no body, and what follows is another protocol. 1: no body.
    if (parser->status_code == 101 || tunnel) return 2;
    return self.kind == Kind::head ? 1 : 0;
  }

  static int on_body(http_parser* parser, const char* at, std::size_t size) {
    Impl& self = of(parser);
    std::string& body = self.response.body;
    const std::size_t room = self.body_most - body.size();
    self.is_cut = self.is_cut || size > room;
    body.append(at, std::min(size, room));
    return 0;
  }

  static int on_complete(http_parser* parser) {
    Impl& self = of(parser);
    if (self.is_interim()) {
      self.response = HttpResponse();
      return 0;
    }
    self.done = true;
    self.keeps_alive = http_should_keep_alive(parser) != 0 && parser->upgrade == 0;
    http_parser_pause(parser, 1);
    return 0;
  }

  [[nodiscard]] bool is_interim() const {
    return response.status / 100 == 1 && response.status != 101;
  }

  static const http_parser_settings& settings() {
    static const http_parser_settings made = [] {
      http_parser_settings s;
      http_parser_settings_init(&s);
      s.on_header_field = on_field;
      s.on_header_value = on_value;
      s.on_headers_complete = on_headers_complete;
      s.on_body = on_body;
      s.on_message_complete = on_complete;
      return s;
    }();
    return made;
  }

  Kind kind;
  std::size_t head_most;
  std::size_t body_most;
  http_parser parser{};
  HttpResponse response;
  std::string name;
  std::string value;
  bool in_value = false;
  bool head_done = false;
  bool done = false;
  bool is_cut = false;
  bool keeps_alive = false;
  std::size_t head_bytes = 0;
};

HttpResponseReader::HttpResponseReader(Kind kind, std::size_t head_most, std::size_t body_most)
    : impl_(std::make_unique<Impl>(kind, head_most, body_most)) {}
HttpResponseReader::HttpResponseReader(HttpResponseReader&&) noexcept = default;
HttpResponseReader& HttpResponseReader::operator=(HttpResponseReader&&) noexcept = default;
HttpResponseReader::~HttpResponseReader() = default;

Result<std::size_t> HttpResponseReader::feed(std::string_view bytes) {
  Impl& self = *impl_;
  if (self.done) return std::size_t{0};
  if (!self.head_done) {
    const std::size_t room = self.head_most - std::min(self.head_bytes, self.head_most);
    if (room == 0) {
      return fail(Code::too_large,
                  fmt::format("the head of the answer is over {} bytes", self.head_most));
    }
    if (!bytes.empty()) bytes = bytes.substr(0, room);
    self.head_bytes += bytes.size();
  }
  const std::size_t used =
      http_parser_execute(&self.parser, &Impl::settings(), bytes.data(), bytes.size());
  const auto error = HTTP_PARSER_ERRNO(&self.parser);
  if (error != HPE_OK && error != HPE_PAUSED) {
    return fail(Code::protocol_error,
                fmt::format("the answer is not HTTP: {}", http_errno_description(error)));
  }
  if (bytes.empty() && !self.done) {
    return fail(Code::protocol_error, "the connection ended inside the answer");
  }
  return used;
}

bool HttpResponseReader::head_done() const {
  return impl_->head_done;
}

bool HttpResponseReader::done() const {
  return impl_->done;
}

bool HttpResponseReader::is_cut() const {
  return impl_->is_cut;
}

bool HttpResponseReader::keeps_alive() const {
  return impl_->keeps_alive;
}

HttpResponse& HttpResponseReader::response() {
  return impl_->response;
}

}  // namespace relay::net
