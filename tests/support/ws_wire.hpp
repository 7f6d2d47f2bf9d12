#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace relay::test {

/// One WebSocket frame, spelled out by hand. `first` is the first byte: 0x81 is a final text frame.
/// `masked` uses the key 37 fa 21 3d of RFC 6455.
inline std::string ws_frame(unsigned first, std::string_view payload, bool masked) {
  std::string out(1, static_cast<char>(first));
  const unsigned mask_bit = masked ? 0x80U : 0U;
  const auto size = payload.size();
  if (size < 126) {
    out.push_back(static_cast<char>(mask_bit | size));
  } else if (size < 65536) {
    out.push_back(static_cast<char>(mask_bit | 126U));
    for (int shift = 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
  } else {
    out.push_back(static_cast<char>(mask_bit | 127U));
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
  }
  if (!masked) return out.append(payload);
  constexpr std::string_view kKey("\x37\xfa\x21\x3d", 4);
  out.append(kKey);
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(static_cast<char>(payload[i] ^ kKey[i % 4]));
  }
  return out;
}

/// The payload of a close frame.
inline std::string ws_close_payload(unsigned code, std::string_view reason = {}) {
  std::string out;
  out.push_back(static_cast<char>(code >> 8U));
  out.push_back(static_cast<char>(code & 0xFFU));
  return out.append(reason);
}

}  // namespace relay::test
