#include "net/ws_frame_codec.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <simdjson.h>
#include <utility>
#include <websocketpp/close.hpp>
#include <websocketpp/extensions/permessage_deflate/disabled.hpp>
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/processors/hybi13.hpp>

namespace relay::net {
namespace {

namespace frame = websocketpp::frame;
using Opcode = frame::opcode::value;

/// A message's buffer grows with what arrives beyond this, so that a header alone costs nothing.
constexpr std::size_t kReservedMost = std::size_t{64} << 10U;

/// The parts that websocketpp's processor is put together from. It keeps one data message and one
/// control message; both live in `Messages`, so that only payloads are allocated.
struct Config {
  class Message {
   public:
    /// What the processor calls a shared pointer, without sharing.
    class ptr {  // NOLINT(readability-identifier-naming): websocketpp's name
     public:
      ptr() = default;
      explicit ptr(Message* message) : message_(message) {}
      void reset() { message_ = nullptr; }
      explicit operator bool() const { return message_ != nullptr; }
      Message* operator->() const { return message_; }

     private:
      Message* message_ = nullptr;
    };

    /// Text passes for binary: the processor would check UTF-8 byte by byte, and would let
    /// pass a text whose last character is cut off at the end of its last fragment.
    [[nodiscard]] Opcode get_opcode() const {
      return opcode == frame::opcode::text ? frame::opcode::binary : opcode;
    }
    std::string& get_raw_payload() { return payload; }
    [[nodiscard]] bool get_compressed() const { return false; }
    [[nodiscard]] bool get_fin() const { return true; }
    void set_compressed(bool) {}
    void set_header(const std::string&) {}
    void set_prepared(bool) {}
    void set_opcode(Opcode) {}

    Opcode opcode = frame::opcode::binary;
    std::string payload;
  };

  class Messages {
   public:
    using ptr = Messages*;
    Message::ptr get_message(Opcode opcode, std::size_t size) {
      Message& message = frame::opcode::is_control(opcode) ? control : data;
      message.opcode = opcode;
      message.payload.clear();
      message.payload.reserve(std::min(size, kReservedMost));
      return Message::ptr(&message);
    }

    Message data;
    Message control;
  };

  /// The processor's own frames are not used (`WsFrameCodec::put_*` are), so it needs no masks.
  struct NoMasks {
    std::uint32_t operator()() const { return 0; }
  };

  using request_type = websocketpp::http::parser::request;
  using response_type = websocketpp::http::parser::response;
  using message_type = Message;
  using con_msg_manager_type = Messages;
  using rng_type = NoMasks;
  struct permessage_deflate_config {};  // NOLINT(readability-identifier-naming)
  using permessage_deflate_type =
      websocketpp::extensions::permessage_deflate::disabled<permessage_deflate_config>;
  static constexpr bool enable_extensions = false;
  static constexpr std::size_t max_message_size = kWsMessageMost;
};

class Processor final : public websocketpp::processor::hybi13<Config> {
 public:
  Processor(bool server, Config::Messages* messages, Config::NoMasks& masks)
      : hybi13(false, server, messages, masks) {}
  [[nodiscard]] bool in_payload() const { return m_state == APPLICATION; }
};

class FrameHeader {
 public:
  /// Takes what belongs to the header; true when it is complete.
  bool take(std::span<char>& input) {
    fill(input, frame::BASIC_HEADER_LENGTH);
    if (have_ < frame::BASIC_HEADER_LENGTH) return false;
    fill(input, frame::get_header_len(basic()));
    return have_ == frame::get_header_len(basic());
  }
  void clear() { have_ = 0; }
  std::uint8_t* data() { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const { return have_; }
  [[nodiscard]] bool is_control() const {
    return frame::opcode::is_control(frame::get_opcode(basic()));
  }
  [[nodiscard]] bool is_final() const { return frame::get_fin(basic()); }
  [[nodiscard]] std::uint64_t payload_size() const {
    frame::extended_header extended;
    std::copy(bytes_.begin() + frame::BASIC_HEADER_LENGTH, bytes_.begin() + have_, extended.bytes);
    return frame::get_payload_size(basic(), extended);
  }

 private:
  [[nodiscard]] frame::basic_header basic() const { return {bytes_[0], bytes_[1]}; }
  void fill(std::span<char>& input, std::size_t up_to) {
    if (have_ >= up_to) return;
    const std::size_t n = std::min(up_to - have_, input.size());
    std::memcpy(bytes_.data() + have_, input.data(), n);
    have_ = static_cast<std::uint8_t>(have_ + n);
    input = input.subspan(n);
  }

  std::array<std::uint8_t, frame::MAX_HEADER_LENGTH> bytes_{};
  std::uint8_t have_ = 0;
};

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

/// Mask keys, drawn from the source in batches: one call of it per 32 frames.
class Masks {
 public:
  explicit Masks(Random& random) : random_(random) {}
  std::uint32_t next() {
    if (used_ == keys_.size()) {
      random_.fill(std::as_writable_bytes(std::span(keys_)));
      used_ = 0;
    }
    return keys_[used_++];
  }

 private:
  Random& random_;
  std::array<std::uint32_t, 32> keys_{};
  std::size_t used_ = 32;
};

void mask_in_place(std::span<char> bytes, std::uint32_t key) {
  const std::uint64_t wide = (std::uint64_t{key} << 32U) | key;
  std::size_t at = 0;
  for (; at + sizeof wide <= bytes.size(); at += sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    word ^= wide;
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
  std::array<char, sizeof key> tail{};
  std::memcpy(tail.data(), &key, sizeof key);
  for (std::size_t i = 0; at < bytes.size(); ++at, ++i) {
    bytes[at] = static_cast<char>(bytes[at] ^ tail[i % tail.size()]);
  }
}

/// The longest beginning of `text` of at most `most` bytes that does not end inside a character.
std::string_view cut_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  return text.substr(0, most);
}

}  // namespace

bool ws_close::on_wire(std::uint16_t code) {
  namespace status = websocketpp::close::status;
  return !status::reserved(code) && !status::invalid(code);
}

struct WsFrameCodec::Impl {
  Impl(WsLimits limits_in, Random* random)
      : limits(limits_in), processor(random == nullptr, &messages, no_masks) {
    processor.set_max_message_size(limits.message_most);
    if (random != nullptr) masks = std::make_unique<Masks>(*random);
  }

  std::optional<WsEvent> next(std::span<char>& input) {
    while (!over) {
      if (processor.in_payload()) {
        const std::size_t n = std::min(input.size(), processor.get_bytes_needed());
        if (n == 0) return std::nullopt;
        websocketpp::lib::error_code error;
        processor.consume(reinterpret_cast<std::uint8_t*>(input.data()), n, error);
        input = input.subspan(n);
        if (error) return broken(error);
      } else {
        if (!header.take(input)) return std::nullopt;
        if (auto refused = start_frame()) return refused;
      }
      if (processor.ready()) return finish();
    }
    input = {};
    return std::nullopt;
  }

  /// The header is complete: refuses it, or hands it to the processor.
  std::optional<WsEvent> start_frame() {
    const std::uint64_t size = header.payload_size();
    // The processor adds this to what it has without looking for overflow.
    if ((size >> 63U) != 0) return failed(ws_close::kProtocolError, "frame length over 63 bits");
    if (!header.is_control()) {
      if (size > limits.frame_most) return failed(ws_close::kTooBig, "frame too big");
      if (size > limits.message_most - std::min(assembled, limits.message_most)) {
        return failed(ws_close::kTooBig, "message too big");
      }
      assembled = header.is_final() ? 0 : assembled + static_cast<std::size_t>(size);
    }
    websocketpp::lib::error_code error;
    processor.consume(header.data(), header.size(), error);
    header.clear();
    if (error) return broken(error);
    return std::nullopt;
  }

  WsEvent finish() {
    // The processor forgets its message here and it stays in `messages`.
    auto& message = *processor.get_message().operator->();
    std::string payload = std::move(message.payload);
    message.payload = std::string();
    switch (message.opcode) {
      case frame::opcode::text:
        if (!is_utf8(payload)) return failed(ws_close::kBadText, "text is not UTF-8");
        return WsEvent(WsEvent::Kind::text, 0, std::move(payload));
      case frame::opcode::ping: return WsEvent(WsEvent::Kind::ping, 0, std::move(payload));
      case frame::opcode::pong: return WsEvent(WsEvent::Kind::pong, 0, std::move(payload));
      case frame::opcode::close: return closed(std::move(payload));
      default: return WsEvent(WsEvent::Kind::binary, 0, std::move(payload));
    }
  }

  WsEvent closed(std::string payload) {
    over = true;
    if (payload.empty()) return WsEvent(WsEvent::Kind::close, ws_close::kNoCode, {});
    if (payload.size() == 1) return failed(ws_close::kProtocolError, "close code is cut off");
    const auto high = static_cast<unsigned char>(payload[0]);
    const auto low = static_cast<unsigned char>(payload[1]);
    const auto code = static_cast<std::uint16_t>((high << 8U) | low);
    if (!ws_close::on_wire(code)) return failed(ws_close::kProtocolError, "invalid close code");
    payload.erase(0, 2);
    if (!is_utf8(payload)) return failed(ws_close::kBadText, "close reason is not UTF-8");
    return WsEvent(WsEvent::Kind::close, code, std::move(payload));
  }

  WsEvent broken(const websocketpp::lib::error_code& error) {
    using websocketpp::processor::error::make_error_code;
    using websocketpp::processor::error::message_too_big;
    const bool big = error == make_error_code(message_too_big);
    return failed(big ? ws_close::kTooBig : ws_close::kProtocolError, error.message());
  }

  WsEvent failed(std::uint16_t code, std::string what) {
    over = true;
    return WsEvent(WsEvent::Kind::error, code, std::move(what));
  }

  void put_frame(Opcode opcode, bool final, std::string_view payload, std::string& out) {
    const bool masked = masks != nullptr;
    const frame::basic_header basic(opcode, payload.size(), final, masked);
    if (!masked) {
      out.append(frame::prepare_header(basic, frame::extended_header(payload.size())));
      out.append(payload);
      return;
    }
    const std::uint32_t key = masks->next();
    out.append(frame::prepare_header(basic, frame::extended_header(payload.size(), key)));
    out.append(payload);
    mask_in_place(std::span(out).last(payload.size()), key);
  }

  void put_message(Opcode opcode, std::string_view payload, std::string& out) {
    while (payload.size() > limits.frame_most) {
      put_frame(opcode, false, payload.substr(0, limits.frame_most), out);
      payload.remove_prefix(limits.frame_most);
      opcode = frame::opcode::continuation;
    }
    put_frame(opcode, true, payload, out);
  }

  WsLimits limits;
  Config::Messages messages;
  Config::NoMasks no_masks;
  Processor processor;
  FrameHeader header;
  /// Bytes of the earlier fragments of the message that is arriving.
  std::size_t assembled = 0;
  bool over = false;
  /// Only the client masks.
  std::unique_ptr<Masks> masks;
};

WsFrameCodec::WsFrameCodec(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WsFrameCodec::WsFrameCodec(WsFrameCodec&&) noexcept = default;
WsFrameCodec& WsFrameCodec::operator=(WsFrameCodec&&) noexcept = default;
WsFrameCodec::~WsFrameCodec() = default;

WsFrameCodec WsFrameCodec::server(WsLimits limits) {
  return WsFrameCodec(std::make_unique<Impl>(limits, nullptr));
}

WsFrameCodec WsFrameCodec::client(WsLimits limits, Random& random) {
  return WsFrameCodec(std::make_unique<Impl>(limits, &random));
}

std::optional<WsEvent> WsFrameCodec::next(std::span<char>& input) {
  return impl_->next(input);
}

void WsFrameCodec::put_text(std::string_view text, std::string& out) {
  impl_->put_message(frame::opcode::text, text, out);
}

void WsFrameCodec::put_binary(std::string_view data, std::string& out) {
  impl_->put_message(frame::opcode::binary, data, out);
}

void WsFrameCodec::put_ping(std::string_view data, std::string& out) {
  const auto most = frame::limits::payload_size_basic;
  impl_->put_frame(frame::opcode::ping, true, data.substr(0, most), out);
}

void WsFrameCodec::put_pong(std::string_view data, std::string& out) {
  const auto most = frame::limits::payload_size_basic;
  impl_->put_frame(frame::opcode::pong, true, data.substr(0, most), out);
}

void WsFrameCodec::put_close(std::uint16_t code, std::string_view reason, std::string& out) {
  std::string payload;
  if (code != ws_close::kNoCode) {
    payload.push_back(static_cast<char>(code >> 8U));
    payload.push_back(static_cast<char>(code & 0xFFU));
    payload.append(cut_text(reason, frame::limits::close_reason_size));
  }
  impl_->put_frame(frame::opcode::close, true, payload, out);
}

}  // namespace relay::net
