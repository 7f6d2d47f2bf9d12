#include "wire/codec.hpp"

#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace relay::wire::codec {
namespace {

/// Keys and values of others in our messages: enough to recognise them, too little to flood a log.
constexpr std::size_t kShownBytes = 40;

std::string_view described(JsonView view) {
  switch (view.kind()) {
    case JsonView::Kind::null: return "null";
    case JsonView::Kind::boolean: return "a boolean";
    case JsonView::Kind::number: return "a number";
    case JsonView::Kind::string: return "a string";
    case JsonView::Kind::array: return "an array";
    case JsonView::Kind::object: break;
  }
  return "an object";
}

template <class Number>
void read_unsigned(Decoding& to, JsonView view, Number& out) {
  const auto number = view.unsigned_integer();
  constexpr std::uint64_t kMost = std::numeric_limits<Number>::max();
  if (!number || *number > kMost) {
    return to.expected(fmt::format("a whole number from 0 to {}", kMost), view);
  }
  out = static_cast<Number>(*number);
}

}  // namespace

void Decoding::refuse(std::string problem) {
  if (ok()) problem_ = std::move(problem);
}

void Decoding::expected(std::string_view what, JsonView got) {
  refuse(fmt::format("expected {}, got {}", what, described(got)));
}

void Decoding::expected_one_of(std::string_view names, JsonView got) {
  const auto text = got.string();
  if (!text || text->size() > kShownBytes) return expected(names, got);
  refuse(fmt::format("expected {}, got \"{}\"", names, *text));
}

void Decoding::within_key(std::string_view key) {
  const bool joined = path_.empty() || path_.front() == '[';
  path_.insert(0, fmt::format("{}{}", key.substr(0, kShownBytes), joined ? "" : "."));
}

void Decoding::within_index(std::size_t index) {
  const bool joined = path_.empty() || path_.front() == '[';
  path_.insert(0, fmt::format("[{}]{}", index, joined ? "" : "."));
}

Error Decoding::error() const {
  return Error(Code::protocol_error,
               fmt::format("{}{}{}", path_, path_.empty() ? "" : ": ", problem_));
}

void read(Decoding& to, JsonView view, std::string& out) {
  const auto text = view.string();
  if (!text) return to.expected("a string", view);
  out = *text;
}

void read(Decoding& to, JsonView view, bool& out) {
  const auto yes = view.boolean();
  if (!yes) return to.expected("a boolean", view);
  out = *yes;
}

void read(Decoding& to, JsonView view, double& out) {
  const auto number = view.number();
  if (!number) return to.expected("a number", view);
  out = *number;
}

void read(Decoding& to, JsonView view, std::uint64_t& out) {
  read_unsigned(to, view, out);
}

void read(Decoding& to, JsonView view, std::uint32_t& out) {
  read_unsigned(to, view, out);
}

void read(Decoding& to, JsonView view, std::int64_t& out) {
  const auto number = view.signed_integer();
  if (!number) return to.expected("a whole number", view);
  out = *number;
}

void read(Decoding&, JsonView view, Json& out) {
  out = view.json();
}

void read_id(Decoding& to, JsonView view, std::string& out) {
  if (const auto text = view.string()) {
    out = *text;
  } else if (const auto number = view.unsigned_integer()) {
    out = std::to_string(*number);
  } else {
    to.expected("an id", view);
  }
}

FieldReader::FieldReader(Decoding& to, JsonView view, const JsonMembers& members)
    : to_(to), members_(members), next_(members.begin()) {
  if (view.kind() != JsonView::Kind::object) to_.expected("an object", view);
}

FieldReader::~FieldReader() {
  if (!to_.strict() || !to_.ok()) return;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (i < 64 && (asked_ >> i & 1) != 0) continue;
    to_.refuse("unknown key");
    to_.within_key(members_.begin()[i].key);
    return;
  }
}

void FieldReader::missing(std::string_view key) {
  if (!to_.ok()) return;
  to_.refuse("missing");
  to_.within_key(key);
}

std::optional<JsonView> FieldReader::optional(std::string_view key) {
  auto found = find(key);
  if (!found || !found->is_null()) return found;
  if (to_.strict()) {
    to_.refuse("must be left out instead of null");
    to_.within_key(key);
  }
  return std::nullopt;
}

void FieldReader::read_id_at(std::string_view key, JsonView view, std::string& out) {
  read_id(to_, view, out);
  if (!to_.ok()) to_.within_key(key);
}

void FieldReader::token(std::string_view key, std::string& out) {
  const auto found = required(key);
  if (!found) return;
  read_at(key, *found, out);
  if (!to_.ok() || !out.empty()) return;
  to_.refuse("must not be empty");
  to_.within_key(key);
}

void FieldReader::object(std::string_view key, Json& out) {
  const auto found = required(key);
  if (!found) return;
  if (found->kind() == JsonView::Kind::object) return read_at(key, *found, out);
  to_.expected("an object", *found);
  to_.within_key(key);
}

void FieldReader::at_least_0(std::string_view key, double& out) {
  const auto found = required(key);
  if (!found) return;
  read_at(key, *found, out);
  if (!to_.ok() || out >= 0) return;
  to_.refuse("must not be negative");
  to_.within_key(key);
}

void FieldReader::constant(std::string_view key, std::uint32_t wanted) {
  const auto found = required(key);
  if (!found || found->unsigned_integer() == wanted) return;
  to_.refuse(fmt::format("must be {}", wanted));
  to_.within_key(key);
}

void FieldReader::constant(std::string_view key, bool wanted) {
  const auto found = required(key);
  if (!found || found->boolean() == wanted) return;
  to_.refuse(fmt::format("must be {}", wanted));
  to_.within_key(key);
}

void FieldReader::constant(std::string_view key, std::string_view wanted) {
  const auto found = required(key);
  if (!found || found->string() == wanted) return;
  to_.refuse(fmt::format("must be \"{}\"", wanted));
  to_.within_key(key);
}

void FieldReader::one_of(std::string_view a, std::string_view b) {
  to_.refuse(fmt::format("needs exactly one of {} and {}", a, b));
}

void FieldWriter::at_least_0(std::string_view key, double item) {
  put(key, std::isfinite(item) && item > 0 ? item : 0.0);
}

}  // namespace relay::wire::codec
