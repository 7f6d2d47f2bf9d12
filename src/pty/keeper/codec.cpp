#include "pty/keeper/codec.hpp"

#include <fmt/format.h>
#include <type_traits>
#include <utility>

namespace relay::pty::keeper {
namespace {

constexpr std::size_t kLengthBytes = 4;

template <class T>
concept Message = requires(T& message) { message.fields(); };

template <class T>
concept Number = std::is_integral_v<T>;

class Writer {
 public:
  explicit Writer(std::string& wire) : wire_(wire) {}

  template <Number T>
  void put(T value) {
    auto left = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i, left >>= 8U) {
      wire_.push_back(static_cast<char>(left & 0xFFU));
    }
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    wire_ += text;
  }
  template <class T>
  void put(const std::vector<T>& items) {
    put(static_cast<std::uint32_t>(items.size()));
    for (const T& item : items) put(item);
  }
  template <Message T>
  void put(const T& message) {
    // `fields` gives references for reading and for writing alike.
    T copy = message;
    std::apply([&](auto&... field) { (put(field), ...); }, copy.fields());
  }

 private:
  std::string& wire_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  [[nodiscard]] bool done() const { return good_ && left_.empty(); }

  template <Number T>
  void get(T& value) {
    if (left_.size() < sizeof(T)) return give_up();
    std::uint64_t read = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      read |= static_cast<std::uint64_t>(static_cast<unsigned char>(left_[i])) << (8U * i);
    }
    left_.remove_prefix(sizeof(T));
    if constexpr (std::is_same_v<T, bool>) {
      if (read > 1) return give_up();
      value = read == 1;
    } else {
      value = static_cast<T>(read);
    }
  }
  void get(std::string& text) {
    std::uint32_t size = 0;
    get(size);
    if (size > left_.size()) return give_up();
    text.assign(left_.substr(0, size));
    left_.remove_prefix(size);
  }
  template <class T>
  void get(std::vector<T>& items) {
    std::uint32_t count = 0;
    get(count);
    // An item has at least four bytes, so a count cannot claim more memory than was sent.
    if (count > kMostItems || count > left_.size() / 4) return give_up();
    items.resize(count);
    for (T& item : items) {
      if (!good_) return;
      get(item);
    }
  }
  template <Message T>
  void get(T& message) {
    std::apply([&](auto&... field) { (get(field), ...); }, message.fields());
  }

 private:
  void give_up() {
    good_ = false;
    left_ = {};
  }
  std::string_view left_;
  bool good_ = true;
};

template <class Variant>
Result<void> encode_any(const Variant& message, std::string& wire) {
  const std::size_t start = wire.size();
  Writer writer(wire);
  writer.put(std::uint32_t{0});
  std::visit(
      [&](const auto& each) {
        writer.put(std::decay_t<decltype(each)>::kType);
        writer.put(each);
      },
      message);
  const std::size_t length = wire.size() - start - kLengthBytes;
  if (length > kLongestFrame) {
    wire.resize(start);
    return fail(Code::too_large,
                fmt::format("{} bytes for the keeper, which takes {}", length, kLongestFrame),
                "fewer or shorter arguments and environment variables");
  }
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    wire[start + i] = static_cast<char>((length >> (8U * i)) & 0xFFU);
  }
  return {};
}

template <class Variant, class T>
bool try_decode(std::uint8_t type, std::string_view body, std::optional<Variant>& into,
                bool& known) {
  if (type != T::kType) return false;
  known = true;
  T message;
  Reader reader(body);
  reader.get(message);
  if (reader.done()) into.emplace(std::move(message));
  return true;
}

template <class... Each>
Result<std::variant<Each...>> decode_any(std::string_view frame, std::variant<Each...>* /*kind*/) {
  using Variant = std::variant<Each...>;
  if (frame.empty()) return fail(Code::protocol_error, "an empty frame");
  const auto type = static_cast<std::uint8_t>(frame.front());
  std::optional<Variant> message;
  bool known = false;
  (void)(try_decode<Variant, Each>(type, frame.substr(1), message, known) || ...);
  if (!known) return fail(Code::protocol_error, fmt::format("a message of unknown type {}", type));
  if (!message) return fail(Code::protocol_error, fmt::format("a bad message of type {}", type));
  return *std::move(message);
}

}  // namespace

Result<void> encode(const Request& message, std::string& wire) {
  return encode_any(message, wire);
}

Result<void> encode(const Report& message, std::string& wire) {
  return encode_any(message, wire);
}

Result<Request> decode_request(std::string_view frame) {
  return decode_any(frame, static_cast<Request*>(nullptr));
}

Result<Report> decode_report(std::string_view frame) {
  return decode_any(frame, static_cast<Report*>(nullptr));
}

void FrameBuffer::append(std::string_view bytes) {
  bytes_.erase(0, taken_);
  taken_ = 0;
  bytes_ += bytes;
}

Result<std::optional<std::string_view>> FrameBuffer::next() {
  const std::string_view left = std::string_view(bytes_).substr(taken_);
  if (left.size() < kLengthBytes) return std::optional<std::string_view>();
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<std::size_t>(static_cast<unsigned char>(left[i])) << (8U * i);
  }
  if (length == 0 || length > kLongestFrame) {
    return fail(Code::protocol_error, fmt::format("a frame of {} bytes", length));
  }
  if (left.size() - kLengthBytes < length) return std::optional<std::string_view>();
  taken_ += kLengthBytes + length;
  return std::optional<std::string_view>(left.substr(kLengthBytes, length));
}

}  // namespace relay::pty::keeper
