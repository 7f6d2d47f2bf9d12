#pragma once

// Only for the .cpp files of wire: one list of fields per struct serves both directions.
//
//   template <class V, Of<DeliveryAck> S>
//   void fields(V& v, S& s) {
//     v("agent", s.agent);
//     v("up_to_seq", s.up_to_seq);
//   }
//
// `v` is a FieldReader or a FieldWriter:
//   v(key, x)           must be there; a std::optional may be absent and is then left out
//   v.nullable(key, x)  a std::optional that is written as null; absent counts as null when read
//   v.defaulted(key, x) always written; keeps its value when absent or null
//   v.known_or(key, x)  as defaulted, and an enumerator that we do not know keeps the value too
//   v.id(key, x)        a string; a number is taken for its digits
//   v.id_or(key, k, x)  the same, read from the key `k` when there is no `key`
//   v.token(key, x)     a string that is not empty
//   v.object(key, x)    a Json that is an object
//   v.at_least_0(key,x) a finite number that is not negative
//   v.constant(key, x)  always that value
//   v.either(a, b, x)   a std::variant that stands under one key or the other, never both

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "wire/body.hpp"
#include "wire/envelope.hpp"
#include "wire/json.hpp"

namespace relay::wire {

/// S is T or const T: what makes one `fields` overload serve reading and writing.
template <class S, class T>
concept Of = std::same_as<std::remove_const_t<S>, T>;

/// Calls the field list of a base.
template <class Base, class V, class S>
void fields_of(V& v, S& s) {
  using Target = std::conditional_t<std::is_const_v<S>, const Base, Base>;
  fields(v, static_cast<Target&>(s));
}

/// The wire names of an enumeration: specialise with `static constexpr std::pair<E,
/// std::string_view> kAll[]`.
template <class E>
struct EnumNames;

namespace codec {

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;

/// The state of one decoding: the first thing that is wrong, and where.
class Decoding {
 public:
  explicit Decoding(Strictness strictness) : strictness_(strictness) {}

  [[nodiscard]] bool ok() const { return problem_.empty(); }
  [[nodiscard]] bool strict() const { return strictness_ == Strictness::strict; }
  void refuse(std::string problem);
  void expected(std::string_view what, JsonView got);
  /// `names` are the values that the string may have.
  void expected_one_of(std::string_view names, JsonView got);
  /// Called on the way out of a nested value.
  void within_key(std::string_view key);
  void within_index(std::size_t index);
  [[nodiscard]] Error error() const;

 private:
  Strictness strictness_;
  std::string path_;
  std::string problem_;
};

void read(Decoding& to, JsonView view, std::string& out);
void read(Decoding& to, JsonView view, bool& out);
void read(Decoding& to, JsonView view, double& out);
void read(Decoding& to, JsonView view, std::uint64_t& out);
void read(Decoding& to, JsonView view, std::uint32_t& out);
void read(Decoding& to, JsonView view, std::int64_t& out);
void read(Decoding& to, JsonView view, Json& out);
void read_id(Decoding& to, JsonView view, std::string& out);

template <class T>
void read(Decoding& to, JsonView view, std::vector<T>& out);
template <class T>
  requires std::is_enum_v<T>
void read(Decoding& to, JsonView view, T& out);
template <class T>
  requires std::is_class_v<T>
void read(Decoding& to, JsonView view, T& out);

template <class E>
std::optional<E> enumerator(JsonView view) {
  const auto text = view.string();
  for (const auto& [each, name] : EnumNames<E>::kAll) {
    if (text == name) return each;
  }
  return std::nullopt;
}

template <class E>
std::string_view name_of(E value) {
  for (const auto& [each, name] : EnumNames<E>::kAll) {
    if (each == value) return name;
  }
  return {};
}

class FieldReader {
 public:
  /// Reads from the members of `view`, which must be an object; anything else is recorded as a
  /// problem.
  FieldReader(Decoding& to, JsonView view, const JsonMembers& members);
  /// In a strict decoding, records a key that no field asked for.
  ~FieldReader();
  FieldReader(const FieldReader&) = delete;
  FieldReader& operator=(const FieldReader&) = delete;

  template <class T>
  void operator()(std::string_view key, T& out) {
    if constexpr (kIsOptional<T>) {
      if (const auto found = optional(key)) read_at(key, *found, out.emplace());
    } else {
      if (const auto found = required(key)) read_at(key, *found, out);
    }
  }

  template <class T>
  void nullable(std::string_view key, std::optional<T>& out) {
    const auto found = find(key);
    if (found && !found->is_null()) read_at(key, *found, out.emplace());
  }

  template <class T>
  void defaulted(std::string_view key, T& out) {
    const auto found = find(key);
    if (found && !found->is_null()) read_at(key, *found, out);
  }

  template <class E>
  void known_or(std::string_view key, E& out) {
    const auto found = find(key);
    if (found) out = enumerator<E>(*found).value_or(out);
  }

  void id(std::string_view key, std::string& out) {
    if (const auto found = required(key)) read_id_at(key, *found, out);
  }
  void id(std::string_view key, std::optional<std::string>& out) {
    if (const auto found = optional(key)) read_id_at(key, *found, out.emplace());
  }

  void id_or(std::string_view key, std::string_view other, std::string& out) {
    id(find(key) || !find(other) ? key : other, out);
  }

  void token(std::string_view key, std::string& out);
  void object(std::string_view key, Json& out);
  void at_least_0(std::string_view key, double& out);
  void constant(std::string_view key, std::uint32_t wanted);
  void constant(std::string_view key, bool wanted);
  void constant(std::string_view key, std::string_view wanted);

  template <class A, class B>
  void either(std::string_view a, std::string_view b, std::variant<A, B>& out) {
    const auto first = find(a);
    const auto second = find(b);
    if (first.has_value() == second.has_value()) return one_of(a, b);
    if (first) return read_at(a, *first, out.template emplace<0>());
    read_at(b, *second, out.template emplace<1>());
  }

 private:
  template <class T>
  void read_at(std::string_view key, JsonView view, T& out) {
    read(to_, view, out);
    if (!to_.ok()) to_.within_key(key);
  }
  void read_id_at(std::string_view key, JsonView view, std::string& out);
  void one_of(std::string_view a, std::string_view b);
  /// Nothing when absent, and from the first problem on.
  std::optional<JsonView> find(std::string_view key) {
    if (!to_.ok()) return std::nullopt;
    const JsonMembers::Member* const member = members_.find(key, next_);
    if (member == nullptr) return std::nullopt;
    next_ = member + 1;
    const auto index = static_cast<std::size_t>(member - members_.begin());
    if (index < 64) asked_ |= std::uint64_t{1} << index;
    return member->value;
  }
  std::optional<JsonView> required(std::string_view key) {
    auto found = find(key);
    if (!found) missing(key);
    return found;
  }
  std::optional<JsonView> optional(std::string_view key);
  void missing(std::string_view key);

  Decoding& to_;
  const JsonMembers& members_;
  const JsonMembers::Member* next_;  // behind the one that was asked for last
  std::uint64_t asked_ = 0;          // strict only: bit n is set when member n was asked for
};

template <class T>
void read(Decoding& to, JsonView view, std::vector<T>& out) {
  if (view.kind() != JsonView::Kind::array) return to.expected("an array", view);
  const auto elements = view.elements();
  out.clear();
  out.reserve(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) {
    T item{};
    read(to, elements[i], item);
    if (!to.ok()) return to.within_index(i);
    out.push_back(std::move(item));
  }
}

template <class T>
  requires std::is_enum_v<T>
void read(Decoding& to, JsonView view, T& out) {
  if (const auto found = enumerator<T>(view)) {
    out = *found;
    return;
  }
  std::string names;
  for (const auto& each : EnumNames<T>::kAll) {
    names += names.empty() ? "" : " or ";
    names += each.second;
  }
  to.expected_one_of(names, view);
}

template <class T>
  requires std::is_class_v<T>
void read(Decoding& to, JsonView view, T& out) {
  const JsonMembers members = view.members();
  FieldReader reader(to, view, members);
  fields(reader, out);
}

class FieldWriter;
inline void write(JsonWriter& to, const Json& json) {
  to.raw(json.text());
}
inline void write(JsonWriter& to, const std::string& text) {
  to.value(text);
}
template <class T>
  requires std::is_arithmetic_v<T>
void write(JsonWriter& to, T number) {
  to.value(number);
}
template <class T>
  requires std::is_enum_v<T>
void write(JsonWriter& to, T value) {
  to.value(name_of(value));
}
template <class T>
void write(JsonWriter& to, const std::vector<T>& items);
template <class T>
  requires std::is_class_v<T>
void write(JsonWriter& to, const T& value);

class FieldWriter {
 public:
  explicit FieldWriter(JsonWriter& to) : to_(to) {}

  template <class T>
  void operator()(std::string_view key, const T& item) {
    if constexpr (kIsOptional<T>) {
      if (item) put(key, *item);
    } else {
      put(key, item);
    }
  }

  template <class T>
  void nullable(std::string_view key, const std::optional<T>& item) {
    if (item) return put(key, *item);
    to_.key(key);
    to_.null();
  }

  template <class T>
  void defaulted(std::string_view key, const T& item) {
    put(key, item);
  }
  template <class E>
  void known_or(std::string_view key, E item) {
    put(key, item);
  }
  template <class T>
  void id(std::string_view key, const T& item) {
    (*this)(key, item);
  }
  void id_or(std::string_view key, std::string_view, const std::string& item) { put(key, item); }
  void token(std::string_view key, const std::string& item) { put(key, item); }
  void object(std::string_view key, const Json& item) { put(key, item); }
  void at_least_0(std::string_view key, double item);
  void constant(std::string_view key, std::uint32_t item) { put(key, item); }
  void constant(std::string_view key, bool item) { put(key, item); }
  void constant(std::string_view key, std::string_view item) {
    to_.key(key);
    to_.value(item);
  }

  template <class A, class B>
  void either(std::string_view a, std::string_view b, const std::variant<A, B>& item) {
    if (item.index() == 0) return put(a, std::get<0>(item));
    put(b, std::get<1>(item));
  }

 private:
  template <class T>
  void put(std::string_view key, const T& item) {
    to_.key(key);
    write(to_, item);
  }

  JsonWriter& to_;
};

template <class T>
void write(JsonWriter& to, const std::vector<T>& items) {
  to.begin_array();
  for (const auto& item : items) write(to, item);
  to.end_array();
}

template <class T>
  requires std::is_class_v<T>
void write(JsonWriter& to, const T& value) {
  to.begin_object();
  FieldWriter writer(to);
  fields(writer, value);
  to.end_object();
}

/// An answer without the type of its data.
struct Envelope {
  bool ok = false;
  std::optional<ApiError> error;
  std::optional<JsonView> data;  // written by encode_answer
};

void read_envelope(Decoding& to, JsonView root, Envelope& out);

}  // namespace codec

template <class T>
Result<T> decode_body(JsonView view, Strictness strictness) {
  codec::Decoding decoding(strictness);
  T value{};
  codec::read(decoding, view, value);
  if (!decoding.ok()) return fail(decoding.error());
  return value;
}

template <class T>
Result<T> decode_body(std::string_view text, JsonLimits limits, Strictness strictness) {
  const auto document = JsonDocument::parse(text, limits);
  if (!document) return fail(document.error());
  return decode_body<T>(document->root(), strictness);
}

template <class T>
std::string encode_body(const T& value) {
  std::string text;
  JsonWriter writer(text);
  codec::write(writer, value);
  writer.finish();
  return text;
}

template <class T>
Json to_json(const T& value) {
  return Json::build([&value](JsonWriter& writer) { codec::write(writer, value); });
}

template <class T>
Result<Answer<T>> decode_answer(std::string_view text) {
  const auto document = JsonDocument::parse(text, kEngineLimits);
  if (!document) return fail(document.error());
  codec::Decoding decoding(Strictness::lenient);
  codec::Envelope envelope;
  codec::read_envelope(decoding, document->root(), envelope);
  Answer<T> answer;
  answer.error = std::move(envelope.error);
  if (decoding.ok() && envelope.ok) {
    T& data = answer.data.emplace();
    if (envelope.data) {
      codec::read(decoding, *envelope.data, data);
      if (!decoding.ok()) decoding.within_key("data");
    } else if constexpr (!std::is_empty_v<T>) {
      decoding.refuse("data: missing");
    }
  }
  if (!decoding.ok()) return fail(decoding.error());
  return answer;
}

template <class T>
std::string encode_answer(const T& data) {
  std::string text;
  JsonWriter writer(text);
  writer.begin_object();
  codec::FieldWriter to(writer);
  to.constant("ok", true);
  to("data", data);
  writer.end_object();
  writer.finish();
  return text;
}

}  // namespace relay::wire

/// Makes the codec of a type part of the library. At the end of the .cpp that holds its field list.
// NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses
#define RELAY_WIRE_BODY(T)                                                     \
  template Result<T> decode_body<T>(std::string_view, JsonLimits, Strictness); \
  template Result<T> decode_body<T>(JsonView, Strictness);                     \
  template std::string encode_body<T>(const T&);                               \
  template Json to_json<T>(const T&);                                          \
  template Result<Answer<T>> decode_answer<T>(std::string_view);               \
  template std::string encode_answer<T>(const T&)
// NOLINTEND(bugprone-macro-parentheses)
