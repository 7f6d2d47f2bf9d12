#include "wire/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <simdjson.h>
#include <type_traits>
#include <utility>

#include "base/json_escape.hpp"
#include "wire/json_mend.hpp"

namespace relay::wire {
namespace {

namespace dom = simdjson::dom;
using simdjson::internal::tape_ref;
using simdjson::internal::tape_type;

constexpr std::size_t kKeptBytes = 256 * 1024;  // a bigger parser is freed, not kept for reuse
constexpr std::size_t kKeptParsers = 4;         // as many documents as one thread reads at a time

dom::object object_of(const dom::element& element) {
  return element.get_object().value_unsafe();
}

dom::array array_of(const dom::element& element) {
  return element.get_array().value_unsafe();
}

/// Not for errors of the structure: those are certain, and found before any value is looked at.
bool may_be_mended(simdjson::error_code error) {
  switch (error) {
    case simdjson::SUCCESS:
    case simdjson::EMPTY:
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
    case simdjson::DEPTH_ERROR:
    case simdjson::TAPE_ERROR:
    case simdjson::UTF8_ERROR:
    case simdjson::UNCLOSED_STRING: return false;
    default: return true;
  }
}

/// A longer text is looked through for its depth before memory is taken for it: simdjson wants ten
/// times its size.
constexpr std::size_t kLookBefore = 64 * 1024;

/// Whether a text opens more arrays and objects at a time than `most`. Nothing else of it is looked
/// at.
bool deeper_than(std::string_view text, std::size_t most) {
  std::size_t depth = 0;
  bool inside_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        inside_string = false;
      }
    } else if (c == '"') {
      inside_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > most) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

Error too_deep(JsonLimits limits) {
  return {Code::too_large, fmt::format("JSON nested deeper than {} levels", limits.max_depth)};
}

/// Finds out that all keys of an object are different, by one bit of 64 for each.
class KeySet {
 public:
  void add(std::string_view key) {
    const std::size_t ends = key.empty() ? 0 : byte(key.front()) + 3 * byte(key.back());
    const std::uint64_t bit = std::uint64_t{1} << (ends + 11 * key.size()) % 64;
    twice_ |= once_ & bit;
    once_ |= bit;
  }
  /// False for keys that differ but share a bit as well.
  [[nodiscard]] bool distinct() const { return twice_ == 0; }

 private:
  static std::size_t byte(char c) { return static_cast<unsigned char>(c); }

  std::uint64_t once_ = 0;
  std::uint64_t twice_ = 0;
};

/// How many words of simdjson's tape stand for the token that begins with this byte: none for a
/// comma or a colon, two for a number.
constexpr auto kTapeWords = [] {
  std::array<std::uint8_t, 256> words{};
  for (const unsigned char c : std::string_view("{}[]\"tfn")) words[c] = 1;
  for (const unsigned char c : std::string_view("-0123456789")) words[c] = 2;
  return words;
}();

/// A parser, the padded copy of the text that it reads, and what it made of it.
class ParsedText : public dom::document {
 public:
  static const ParsedText& of(const tape_ref& value) {
    return *static_cast<const ParsedText*>(value.doc);
  }

  [[nodiscard]] std::size_t capacity() const { return parser_.capacity(); }
  [[nodiscard]] std::size_t max_depth() const { return parser_.max_depth(); }

  simdjson::simdjson_result<dom::element> parse(std::string_view text, std::size_t depth) {
    if (parser_.capacity() < text.size() || parser_.max_depth() != depth) {
      const auto capacity = std::max<std::size_t>({text.size(), parser_.capacity(), kPage});
      if (const auto error = document::allocate(capacity)) return error;
      make_room(capacity);
      if (const auto error = parser_.allocate(capacity, depth)) return error;
    }
    std::memcpy(text_, text.data(), text.size());
    std::memset(text_ + text.size(), ' ', simdjson::SIMDJSON_PADDING);
    place_ = {0, 1};
    return parser_.parse_into_document(*this, text_, text.size(), false);
  }

  /// The text of an array or object as it came, when a TextCopier would write the same: there is no
  /// white space, no escape and no number but a plain integer in it. Nothing also for a value that
  /// is found neither by going on from the one that was asked for last nor from the end of the text
  /// in fewer steps, so that all calls together read a document once or twice.
  [[nodiscard]] std::optional<std::string_view> minified(const tape_ref& value) const {
    const std::size_t first = value.json_index;
    const std::size_t end = value.after_element();
    const Place last = place_at_end();
    const std::size_t behind = last.word + 1 - end;
    std::optional<Place> begin;
    std::optional<Place> close;
    if (first < place_.word || behind < first - place_.word) {
      if (behind > kStepsBack) return std::nullopt;
      close = back_to(last, end - 1);
      begin = back_over(*close, first);
    } else {
      begin = forward_to(place_, first);
      place_ = *begin;
      close = forward_over(*begin, end - 1);
    }
    if (!begin || !close) return std::nullopt;
    const char* const from = text_at(*begin);
    const std::string_view text(from, static_cast<std::size_t>(text_at(*close) + 1 - from));
    if (std::memchr(text.data(), '\\', text.size()) != nullptr) return std::nullopt;
    return text;
  }

 private:
  /// A token of the text and the word of the tape that stands for it or for the next that has one.
  struct Place {
    std::size_t token;
    std::size_t word;
  };

  static constexpr std::size_t kPage = 4096;

  /// The text half a page off simdjson's strings: it reads the one and writes the other at the same
  /// pace, and at the same place in a page the processor takes a read for one of what was just
  /// written. That may double the time of a parse.
  void make_room(std::size_t capacity) {
    buffer_ = std::make_unique_for_overwrite<char[]>(capacity + simdjson::SIMDJSON_PADDING + kPage);
    const auto start = reinterpret_cast<std::uintptr_t>(buffer_.get());
    const auto strings = reinterpret_cast<std::uintptr_t>(string_buf.get());
    text_ = buffer_.get() + (strings + kPage / 2 - start) % kPage;
  }

  /// A frame's payload comes last, with little behind it.
  static constexpr std::size_t kStepsBack = 64;

  static std::size_t words_of(char token) { return kTapeWords[static_cast<unsigned char>(token)]; }

  [[nodiscard]] const char* text_at(Place place) const {
    return text_ + parser_.implementation->structural_indexes[place.token];
  }

  /// The bracket that closes the document: the first word of the tape says how many there are, and
  /// the last is simdjson's own.
  [[nodiscard]] Place place_at_end() const {
    const std::size_t words = tape[0] & simdjson::internal::JSON_VALUE_MASK;
    return {parser_.implementation->n_structural_indexes - 1U, words - 2};
  }

  /// Whether a TextCopier would write this token, which is not the first of its value, as it is.
  static bool as_written(const char* token, std::size_t words) {
    return static_cast<unsigned char>(token[-1]) > ' ' && (words != 2 || is_plain_integer(token));
  }

  [[nodiscard]] Place forward_to(Place at, std::size_t word) const {
    std::size_t words = words_of(*text_at(at));
    while (at.word < word || words == 0) {
      at.word += words;
      ++at.token;
      words = words_of(*text_at(at));
    }
    return at;
  }

  /// From the first token of a value to its last, the word of which is given.
  [[nodiscard]] std::optional<Place> forward_over(Place at, std::size_t word) const {
    std::size_t words = words_of(*text_at(at));
    while (at.word < word || words == 0) {
      at.word += words;
      ++at.token;
      const char* const token = text_at(at);
      words = words_of(*token);
      if (!as_written(token, words)) return std::nullopt;
    }
    return at;
  }

  [[nodiscard]] Place back_to(Place at, std::size_t word) const {
    while (at.word > word || words_of(*text_at(at)) == 0) {
      --at.token;
      at.word -= words_of(*text_at(at));
    }
    return at;
  }

  /// From the last token of a value to its first.
  [[nodiscard]] std::optional<Place> back_over(Place at, std::size_t word) const {
    const std::uint32_t* const tokens = parser_.implementation->structural_indexes.get();
    const char* token = text_ + tokens[at.token];
    while (at.word > word) {
      if (!as_written(token, words_of(*token))) return std::nullopt;
      token = text_ + tokens[--at.token];
      at.word -= words_of(*token);
    }
    return at;
  }

  static bool is_plain_integer(const char* text) {
    while (*text >= '0' && *text <= '9') ++text;
    return *text == ',' || *text == ']' || *text == '}';
  }

  dom::parser parser_;
  std::unique_ptr<char[]> buffer_;
  char* text_ = nullptr;  // in the buffer
  mutable Place place_{0, 1};
};

/// Writes elements as minified JSON text into a buffer that it keeps for the next. The position
/// goes through the functions by value, so that it stays in a register: a frame is copied for every
/// message.
class TextCopier {
 public:
  std::string_view copy(const dom::element& element) {
    if (size_ > kKeptBytes) size_ = 0;
    const char* const end = write(room_at(buffer_.get(), 0), element);
    return {buffer_.get(), static_cast<std::size_t>(end - buffer_.get())};
  }

 private:
  static constexpr std::size_t kSlack = 64;  // around a text, and more than a number takes

  // Each of these leaves room for the few bytes that the caller puts behind a value.

  char* write(char* at, const dom::element& element) {
    at = room_at(at, kSlack);
    switch (element.type()) {
      case dom::element_type::OBJECT: return write_object(at, object_of(element));
      case dom::element_type::ARRAY: return write_array(at, array_of(element));
      case dom::element_type::STRING: return quoted(at, element.get_string().value_unsafe());
      case dom::element_type::INT64: return number(at, element.get_int64().value_unsafe());
      case dom::element_type::UINT64: return number(at, element.get_uint64().value_unsafe());
      case dom::element_type::DOUBLE:
        return json_escape::write_double(at, element.get_double().value_unsafe());
      case dom::element_type::BOOL:
        return word(at, element.get_bool().value_unsafe() ? "true" : "false");
      default: return word(at, "null");
    }
  }

  char* write_object(char* at, const dom::object& object) {
    char before = '{';
    for (const auto& member : object) {
      *at++ = before;
      before = ',';
      at = quoted(at, member.key);
      *at++ = ':';
      at = write(at, member.value);
    }
    if (before == '{') *at++ = before;
    *at++ = '}';
    return room_at(at, kSlack);
  }

  char* write_array(char* at, const dom::array& array) {
    char before = '[';
    for (const auto& item : array) {
      *at++ = before;
      before = ',';
      at = write(at, item);
    }
    if (before == '[') *at++ = before;
    *at++ = ']';
    return room_at(at, kSlack);
  }

  char* quoted(char* at, std::string_view text) {
    at = room_at(at, text.size() + kSlack);
    *at++ = '"';
    for (;;) {
      const std::size_t plain = json_escape::copy_plain(at, text.data(), text.size());
      at += plain;
      text.remove_prefix(plain);
      if (text.empty()) break;
      at = json_escape::escape_front(text, at);
      at = room_at(at, text.size() + kSlack);
    }
    *at++ = '"';
    return at;
  }

  template <class Number>
  static char* number(char* at, Number number) {
    return std::to_chars(at, at + kSlack, number).ptr;
  }

  static char* word(char* at, std::string_view word) {
    std::memcpy(at, word.data(), word.size());
    return at + word.size();
  }

  /// Where to go on, with room for `size` more bytes.
  char* room_at(char* at, std::size_t size) {
    const auto used = static_cast<std::size_t>(at - buffer_.get());
    if (size_ - used >= size) return at;
    size_ = std::max<std::size_t>(4096, 2 * (used + size));
    auto bigger = std::make_unique_for_overwrite<char[]>(size_);
    if (used > 0) std::memcpy(bigger.get(), buffer_.get(), used);
    buffer_ = std::move(bigger);
    return buffer_.get() + used;
  }

  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;
};

}  // namespace

/// What a document keeps, and later ones use again.
class JsonDocument::Impl : public ParsedText {
 public:
  using Pool = std::vector<std::unique_ptr<Impl>>;

  static Pool& pool() {
    thread_local Pool kept;
    return kept;
  }

  /// One that was used with that depth if there is one: changing the depth allocates anew.
  static std::unique_ptr<Impl> take(std::size_t depth) {
    Pool& kept = pool();
    const auto found = std::find_if(
        kept.begin(), kept.end(), [depth](const auto& each) { return each->max_depth() == depth; });
    if (found == kept.end()) return std::make_unique<Impl>();
    std::swap(*found, kept.back());
    std::unique_ptr<Impl> impl = std::move(kept.back());
    kept.pop_back();
    return impl;
  }

  static void give(std::unique_ptr<Impl> impl) {
    if (impl == nullptr || impl->capacity() > kKeptBytes) return;
    if (pool().size() < kKeptParsers) pool().push_back(std::move(impl));
  }
};

// A view keeps simdjson's element as bytes, so that simdjson stays out of the headers.
template <class Element>
JsonView::JsonView(const Element& element) {
  static_assert(std::is_trivially_copyable_v<Element> && sizeof(Element) == sizeof element_);
  std::memcpy(element_.data(), &element, sizeof element_);
}

template <class Element>
Element JsonView::as() const {
  Element element;
  std::memcpy(static_cast<void*>(&element), element_.data(), sizeof element_);
  return element;
}

Result<JsonDocument> JsonDocument::parse(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.max_bytes) {
    return fail(Code::too_large, fmt::format("JSON of {} bytes; at most {} are accepted",
                                             text.size(), limits.max_bytes));
  }
  if (text.size() > kLookBefore && deeper_than(text, limits.max_depth))
    return fail(too_deep(limits));
  JsonDocument document(Impl::take(limits.max_depth));
  auto parsed = document.impl_->parse(text, limits.max_depth);
  if (may_be_mended(parsed.error())) {
    if (const auto better = mended(text)) parsed = document.impl_->parse(*better, limits.max_depth);
  }
  if (parsed.error() == simdjson::DEPTH_ERROR) return fail(too_deep(limits));
  if (parsed.error()) {
    return fail(Code::invalid_json,
                fmt::format("not JSON: {}", simdjson::error_message(parsed.error())));
  }
  document.root_ = JsonView(parsed.value_unsafe());
  return document;
}

JsonDocument::JsonDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;

JsonDocument& JsonDocument::operator=(JsonDocument&& other) noexcept {
  std::swap(impl_, other.impl_);
  root_ = other.root_;
  return *this;
}

JsonDocument::~JsonDocument() {
  Impl::give(std::move(impl_));
}

JsonView::Kind JsonView::kind() const {
  switch (as<dom::element>().type()) {
    case dom::element_type::OBJECT: return Kind::object;
    case dom::element_type::ARRAY: return Kind::array;
    case dom::element_type::STRING: return Kind::string;
    case dom::element_type::BOOL: return Kind::boolean;
    case dom::element_type::NULL_VALUE: return Kind::null;
    default: return Kind::number;
  }
}

std::optional<std::string_view> JsonView::string() const {
  const auto value = as<tape_ref>();
  if (value.tape_ref_type() != tape_type::STRING) return std::nullopt;
  return value.get_string_view();
}

std::optional<bool> JsonView::boolean() const {
  bool yes = false;
  if (as<dom::element>().get_bool().get(yes)) return std::nullopt;
  return yes;
}

std::optional<std::uint64_t> JsonView::unsigned_integer() const {
  const auto value = as<tape_ref>();
  const auto type = value.tape_ref_type();
  if (type == tape_type::UINT64) return value.next_tape_value<std::uint64_t>();
  if (type == tape_type::INT64) {
    const auto number = value.next_tape_value<std::int64_t>();
    if (number < 0) return std::nullopt;
    return static_cast<std::uint64_t>(number);
  }
  const auto real = this->number();
  constexpr double kLimit = 9007199254740992.0;  // 2^53: above, a double may mean a neighbour
  if (!real || !(*real >= 0 && *real < kLimit) || std::trunc(*real) != *real) return std::nullopt;
  return static_cast<std::uint64_t>(*real);
}

std::optional<std::int64_t> JsonView::signed_integer() const {
  const auto element = as<dom::element>();
  std::int64_t number = 0;
  if (!element.get_int64().get(number)) return number;
  return std::nullopt;
}

std::optional<double> JsonView::number() const {
  double number = 0;
  if (as<dom::element>().get_double().get(number)) return std::nullopt;
  return number;
}

std::optional<JsonView> JsonView::find(std::string_view key) const {
  const auto element = as<dom::element>();
  std::optional<JsonView> found;
  if (!element.is_object()) return found;
  const dom::object object = object_of(element);
  for (const auto& member : object) {
    if (member.key == key) found = JsonView(member.value);
  }
  return found;
}

std::optional<JsonView> JsonView::at(std::string_view pointer) const {
  std::optional<JsonView> view = *this;
  while (view && !pointer.empty()) {
    if (pointer.front() != '/') return std::nullopt;
    pointer.remove_prefix(1);
    const std::string_view step = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(step.size());
    if (view->kind() != Kind::array) {
      view = view->find(step);
      continue;
    }
    std::size_t index = 0;
    const char* const end = step.data() + step.size();
    const auto parsed = std::from_chars(step.data(), end, index);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    dom::element item;
    if (view->as<dom::element>().get_array().at(index).get(item)) return std::nullopt;
    view = JsonView(item);
  }
  return view;
}

std::vector<JsonView> JsonView::elements() const {
  std::vector<JsonView> all;
  const auto element = as<dom::element>();
  if (!element.is_array()) return all;
  const dom::array array = array_of(element);
  for (const auto& item : array) all.push_back(JsonView(item));
  return all;
}

JsonMembers JsonView::members() const {
  JsonMembers all;
  auto at = as<tape_ref>();
  if (at.tape_ref_type() != tape_type::START_OBJECT) return all;
  const std::size_t end = at.matching_brace_index() - 1;
  ++at.json_index;
  KeySet keys;
  while (at.json_index < end) {
    const std::string_view key = at.get_string_view();
    keys.add(key);
    ++at.json_index;
    if (all.size_ < JsonMembers::kInPlace) {
      all.few_[all.size_].member = {key, JsonView(at)};
    } else {
      if (all.many_.empty()) all.many_.assign(all.begin(), all.end());
      all.many_.push_back({key, JsonView(at)});
    }
    ++all.size_;
    at.json_index = at.after_element();
  }
  all.distinct_ = keys.distinct();
  return all;
}

const JsonMembers::Member* JsonMembers::find(std::string_view key) const {
  for (const Member* each = end(); each != begin();) {
    --each;
    if (each->key == key) return each;
  }
  return nullptr;
}

Json JsonView::json() const {
  const auto value = as<tape_ref>();
  if (kind() == Kind::object || kind() == Kind::array) {
    if (const auto text = ParsedText::of(value).minified(value)) return Json(std::string(*text));
  }
  thread_local TextCopier copier;
  return Json(std::string(copier.copy(as<dom::element>())));
}

Result<Json> Json::parse(std::string_view text, JsonLimits limits) {
  auto document = JsonDocument::parse(text, limits);
  if (!document) return fail(std::move(document).error());
  return document->root().json();
}

}  // namespace relay::wire
