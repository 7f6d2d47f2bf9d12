#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.hpp"
#include "base/result.hpp"

namespace relay::wire {

/// What a document may cost before it is refused.
struct JsonLimits {
  std::size_t max_bytes;
  std::size_t max_depth;  // open arrays and objects at a time
};

/// For what an engine takes from others (request bodies, frames of nodes, files of users). Tighter
/// than the other, because what comes in here goes out again inside a bigger and deeper document.
inline constexpr JsonLimits kInboundLimits{1024 * 1024, 64};
/// For what an engine sends: one WebSocket message, less deep than the 127 of the Rust broker.
inline constexpr JsonLimits kEngineLimits{4 * 1024 * 1024, 96};

/// Any JSON value that we carry for others and do not look into: valid, minified, in the key order
/// (and with the duplicate keys) it came with.
class Json {
 public:
  /// null
  Json() : text_("null") {}

  /// Code::invalid_json or Code::too_large.
  [[nodiscard]] static Result<Json> parse(std::string_view text, JsonLimits limits = kEngineLimits);
  /// What `write(JsonWriter&)` writes: exactly one value.
  template <class Write>
  [[nodiscard]] static Json build(Write&& write) {
    std::string text;
    JsonWriter writer(text);
    write(writer);
    writer.finish();
    return Json(std::move(text));
  }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool is_null() const { return text_ == "null"; }
  [[nodiscard]] bool is_object() const { return text_.front() == '{'; }
  /// The same text: key order counts.
  bool operator==(const Json&) const = default;

 private:
  friend class JsonView;
  explicit Json(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

class JsonMembers;

/// One value of a parsed document; two words, passed by value. Valid as long as its JsonDocument.
class JsonView {
 public:
  enum class Kind { null, boolean, number, string, array, object };

  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }
  /// Nothing when the value is of another kind; numbers also when they do not fit or have a
  /// fraction.
  [[nodiscard]] std::optional<std::string_view> string() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<std::uint64_t> unsigned_integer() const;
  [[nodiscard]] std::optional<std::int64_t> signed_integer() const;
  [[nodiscard]] std::optional<double> number() const;

  /// The member of that name. Of several with one name the last counts, as in JavaScript.
  [[nodiscard]] std::optional<JsonView> find(std::string_view key) const;
  /// The value behind a JSON pointer such as "/data/text" (keys and array indexes, no ~ escapes).
  [[nodiscard]] std::optional<JsonView> at(std::string_view pointer) const;
  /// The elements of an array; empty for every other kind.
  [[nodiscard]] std::vector<JsonView> elements() const;
  /// The members of an object in their order; empty for every other kind.
  [[nodiscard]] JsonMembers members() const;

  /// A copy that outlives the document.
  [[nodiscard]] Json json() const;

 private:
  friend class JsonDocument;
  friend class JsonMembers;
  JsonView() = default;
  template <class Element>
  explicit JsonView(const Element& element);
  template <class Element>
  [[nodiscard]] Element as() const;

  alignas(void*) std::array<std::byte, 2 * sizeof(void*)> element_;
};

/// The members of one object, for reading many fields of it.
class JsonMembers {
 public:
  struct Member {
    std::string_view key;
    JsonView value;
  };

  [[nodiscard]] const Member* begin() const { return data(); }
  [[nodiscard]] const Member* end() const { return data() + size_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// The last member of that name, or null.
  [[nodiscard]] const Member* find(std::string_view key) const;
  /// The same, and cheaper when it is the one that `guess` points to: members mostly come in the
  /// order in which they are asked for. `guess` may be end().
  [[nodiscard]] const Member* find(std::string_view key, const Member* guess) const {
    return distinct_ && guess != end() && guess->key == key ? guess : find(key);
  }

 private:
  friend class JsonView;
  static constexpr std::size_t kInPlace = 24;  // more than any frame has
  union Slot {
    Slot() {}
    Member member;
  };
  static_assert(sizeof(Slot) == sizeof(Member));

  [[nodiscard]] const Member* data() const {
    return many_.empty() ? &few_[0].member : many_.data();
  }

  std::size_t size_ = 0;
  bool distinct_ = true;  // certainly no two have the same name
  std::array<Slot, kInPlace> few_;
  std::vector<Member> many_;
};

/// A parsed document: validated as a whole before anything is read from it. Parsing reuses the
/// memory of documents that ended on the same thread. Used by one thread at a time, reading
/// included: `JsonView::json` remembers where in the text it was.
class JsonDocument {
 public:
  /// Fails with Code::invalid_json, or Code::too_large for a document beyond `limits`. Two things
  /// that simdjson refuses and JavaScript peers send are mended: half a surrogate pair in an escape
  /// becomes U+FFFD, an integer beyond 64 bits a floating-point number.
  [[nodiscard]] static Result<JsonDocument> parse(std::string_view text, JsonLimits limits);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  [[nodiscard]] JsonView root() const { return root_; }

 private:
  class Impl;
  explicit JsonDocument(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  JsonView root_;
};

}  // namespace relay::wire
