#include "pty/injection/envelope.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/text.hpp"
#include "base/utf8.hpp"
#include "pty/injection/sanitise.hpp"

namespace relay::pty {
namespace {

constexpr std::size_t kPreviewBytes = 160;
/// A body of one line up to this stands behind its header; longer ones get lines of their own.
constexpr std::size_t kOneLineBytes = 400;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string field(std::string_view raw) {
  const std::string text = sanitise_field(raw);
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || std::string_view("._-#@/+:~").find(c) != std::string_view::npos;
  });
  if (bare && text.back() != ':') return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string_view word_of(MessageKind kind) {
  switch (kind) {
    case MessageKind::direct: return "direct";
    case MessageKind::channel: return "channel";
    case MessageKind::thread: return "thread";
    case MessageKind::group: return "group";
    case MessageKind::action: return "action";
    case MessageKind::system: return "system";
  }
  return "direct";
}

std::string mark_for(std::uint64_t number, std::string_view body) {
  std::string mark = fmt::format("{:08x}", number & 0xFFFFFFFFU);
  while (body.find(mark) != std::string_view::npos) {
    number = number * 6364136223846793005U + 1442695040888963407U;
    mark = fmt::format("{:08x}", number >> 32U);
  }
  return mark;
}

std::string header(const Letter& letter, std::string_view mark) {
  std::string text = "Relay message from " + field(letter.sender);
  if (!letter.target.empty()) text += " in " + field(letter.target);
  text += fmt::format(" [{}", word_of(letter.kind));
  if (!letter.id.empty()) text += ", id " + field(letter.id);
  if (!letter.thread.empty()) text += ", thread " + field(letter.thread);
  if (letter.repeat) text += ", possible repeat";
  text += fmt::format(", mark {}]:", mark);
  return text;
}

/// The lines of a body with those marked that could pass for ours.
std::string fenced(std::string_view body) {
  std::string out;
  bool first = true;
  for (const std::string_view line : split(body, '\n')) {
    if (!first) out += '\n';
    first = false;
    if (looks_like_header(line)) out += "> ";
    out += line;
  }
  return out;
}

bool has_long_line(std::string_view text, std::size_t most) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.size() + 1 > most) return true;
  }
  return false;
}

std::string as_shell_note(std::string_view text) {
  std::string out = ": '";
  for (const char c : text) {
    switch (c) {
      // Outside of the quotes, where every shell takes both as they are.
      case '\'': out += "'\\''"; break;
      case '\\': out += "'\\\\'"; break;
      // The shell's editor would complete on a tab and end the command on a newline.
      case '\t':
      case '\n': out += ' '; break;
      default: out += c;
    }
  }
  return out + "'";
}

std::string styled(std::string text, EnvelopeStyle style) {
  return style == EnvelopeStyle::shell_note ? as_shell_note(text) : text;
}

std::string typed(const std::string& head, std::string_view body, std::string_view mark) {
  const bool one_line = body.find('\n') == std::string_view::npos && body.size() <= kOneLineBytes;
  const std::string lines = fenced(body);
  return one_line ? fmt::format("{} {} [end {}]", head, lines, mark)
                  : fmt::format("{}\n{}\n[end {}]", head, lines, mark);
}

std::string by_reference(const std::string& head, std::string_view body, std::string_view path,
                         std::string_view mark) {
  std::string preview(truncate_utf8(body, kPreviewBytes));
  std::replace(preview.begin(), preview.end(), '\n', ' ');
  std::replace(preview.begin(), preview.end(), '\t', ' ');
  return fmt::format(
      "{} {} bytes, too long to be typed. Read the whole text in the file {} . It begins: {} [end "
      "{}]",
      head, body.size(), field(path), preview, mark);
}

}  // namespace

bool looks_like_header(std::string_view line) {
  // Only letters and digits decide, so that spaces, quotes, invisible characters and case between
  // them hide nothing.
  std::string bones;
  for (const char c : line) {
    if (!is_alnum(c)) continue;
    bones += c;
    if (bones.size() == 24) break;
  }
  bones = lower_ascii(bones);
  const std::string_view start = bones;
  if (start.starts_with("relaymessage") || start.starts_with("systemreminder")) return true;
  if (!start.starts_with("end")) return false;
  const auto bracket = line.find_first_not_of(" \t>");
  return bracket != std::string_view::npos && !is_alnum(line[bracket]);
}

Result<Envelope> make_envelope(const Letter& letter, const EnvelopeRules& rules,
                               std::uint64_t number, std::string_view path) {
  if (letter.body.size() > kMostBody) {
    return fail(Code::too_large,
                fmt::format("the message has {}, more than an agent may be given",
                            human_bytes(letter.body.size())),
                "put it into a file and send its path");
  }
  std::string body = sanitise_body(letter.body).text;
  const std::string mark =
      mark_for(number, body + letter.sender + letter.target + letter.id + letter.thread);
  const std::string head = header(letter, mark);
  Envelope out;
  if (body.size() <= rules.inline_bytes) {
    out.text = styled(typed(head, body, mark), rules.style);
    if (rules.line_bytes == 0 || !has_long_line(out.text, rules.line_bytes)) return out;
  }
  out.text = styled(by_reference(head, body, path, mark), rules.style);
  out.file = std::move(body);
  return out;
}

}  // namespace relay::pty
