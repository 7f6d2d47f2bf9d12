#include "net/http_encoding.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace relay::net {
namespace {

void append_number(std::string& out, std::size_t number, int base) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

bool safe_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return c > 0x20 && c < 0x7f && c != ':'; });
}

bool safe_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool is_ours(std::string_view name) {
  return same_field_name(name, "Content-Length") || same_field_name(name, "Transfer-Encoding") ||
         same_field_name(name, "Date");
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

void append_framing(std::string& out, const HttpResponse& response, BodyFraming framing) {
  if (!status_has_body(response.status)) return;
  if (framing == BodyFraming::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (framing == BodyFraming::length) {
    out += "Content-Length: ";
    append_number(out, response.body.size(), 10);
    out += "\r\n";
  }
}

void append_connection(std::string& out, const HeadOptions& options) {
  if (!options.keep_alive) {
    out += "Connection: close\r\n";
  } else if (options.minor_version == 0) {
    out += "Connection: keep-alive\r\n";
  }
}

std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return line;
}

}  // namespace

bool status_has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

bool append_head(std::string& out, const HttpResponse& response, const HeadOptions& options) {
  if (response.status < 100 || response.status > 999) return false;
  for (const auto& [name, value] : response.headers.fields()) {
    if (!safe_name(name) || !safe_value(value)) return false;
  }
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status), 10);
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\n";
  bool names_connection = false;
  for (const auto& [name, value] : response.headers.fields()) {
    if (is_ours(name)) continue;
    const bool connection = same_field_name(name, "Connection");
    // An upgrade says `Connection: Upgrade` itself; elsewhere the server decides.
    if (connection && response.status != 101) continue;
    names_connection |= connection;
    append_field(out, name, value);
  }
  append_framing(out, response, options.framing);
  if (!names_connection) append_connection(out, options);
  if (!options.date.empty()) append_field(out, "Date", options.date);
  out += "\r\n";
  return true;
}

void append_chunk(std::string& out, std::string_view data) {
  if (data.empty()) return;
  append_number(out, data.size(), 16);
  out += "\r\n";
  out += data;
  out += "\r\n";
}

void append_last_chunk(std::string& out) {
  out += "0\r\n\r\n";
}

void append_event(std::string& out, std::string_view event, std::string_view data,
                  std::string_view id) {
  if (!event.empty()) out.append("event: ").append(one_line(event)) += '\n';
  if (!id.empty()) out.append("id: ").append(one_line(id)) += '\n';
  for (;;) {
    const auto end = std::min(data.find_first_of("\r\n"), data.size());
    out.append("data: ").append(data.substr(0, end)) += '\n';
    if (end == data.size()) break;
    const bool pair = data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n';
    data.remove_prefix(end + (pair ? 2 : 1));
  }
  out += '\n';
}

void append_comment(std::string& out, std::string_view text) {
  out.append(": ").append(one_line(text)) += "\n\n";
}

}  // namespace relay::net
