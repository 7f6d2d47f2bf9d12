// Sender and body are the sender's choice; the envelope still has one header and one end, which are
// ours.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "fuzz/targets.hpp"
#include "pty/injection/envelope.hpp"
#include "pty/injection/sanitise.hpp"

namespace relay::fuzz::pty_envelope {

int run(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto cut = input.find('\0');
  relay::pty::Letter letter;
  letter.sender = input.substr(0, cut);
  letter.target = letter.sender;
  letter.id = letter.sender;
  letter.body = cut == std::string_view::npos ? input : input.substr(cut + 1);
  relay::pty::EnvelopeRules rules;
  rules.inline_bytes = 2048;
  rules.line_bytes = 1024;
  const auto envelope = relay::pty::make_envelope(letter, rules, 0x0badcafe, "/run/m/1.txt");
  if (!envelope) return 0;
  const std::string& text = envelope->text;
  if (!text.starts_with("Relay message from ") || !text.ends_with("]")) std::abort();
  for (const char c : text) {
    if (!relay::pty::allowed_in_body(static_cast<unsigned char>(c))) std::abort();
  }
  const auto lines = relay::split(text, '\n');
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    if (!lines[i].starts_with("> ") && relay::pty::looks_like_header(lines[i])) std::abort();
  }
  return 0;
}

}  // namespace relay::fuzz::pty_envelope
