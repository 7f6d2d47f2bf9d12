#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace relay::pty {

/// A body above this is refused: no agent reads it, and it has to be held in memory several times.
inline constexpr std::size_t kMostBody = std::size_t{4} << 20;

/// What a message is to the agent that reads it.
enum class MessageKind { direct, channel, thread, group, action, system };

/// One message from elsewhere, untrusted in every field.
struct Letter {
  MessageKind kind = MessageKind::direct;
  std::string sender;
  /// "#general", the group's name, or empty for a direct message.
  std::string target;
  /// With this an agent answers: the message's id, and the thread's if there is one.
  std::string id;
  std::string thread;
  std::string body;
  /// It may have been typed before a crash already.
  bool repeat = false;
};

enum class EnvelopeStyle {
  /// Header, body, end line.
  text,
  /// `: '...'` on one line: a command of every shell that does nothing. Quotes and backslashes of
  /// the
  /// body are replaced by look-alikes, so nothing in it is run.
  shell_note,
};

struct EnvelopeRules {
  EnvelopeStyle style = EnvelopeStyle::text;
  /// Bodies above this go by file (a program takes one read of a terminal for one paste).
  std::size_t inline_bytes = 16 * 1024;
  /// The longest line that the program's terminal passes on, newline included; 0 for no limit.
  std::size_t line_bytes = 0;
};

/// What is typed for a letter. The text is sanitised, begins with "Relay message" (or ": '"), and
/// ends with the mark, which nothing in the body can equal.
struct Envelope {
  std::string text;
  /// What the caller has to write to a 0600 file at the path it gave before it types `text`.
  std::optional<std::string> file;
};

/// The text of `letter`. `number` is random and fresh for each letter: it makes the end mark, and
/// is changed as long as the body contains that mark. `path` is where a body that is too long to be
/// typed would be put. Fails with too_large above kMostBody.
///
///   Relay message from SENDER [in TARGET] [KIND, id ID, thread ID, mark M]: one line [end M]
///   Relay message from SENDER [in TARGET] [KIND, id ID, thread ID, mark M]:
///   line
///   [end M]
///
/// A field is written bare if it consists of letters, digits and . _ - # @ / + : ~, else in double
/// quotes with \" and \\. A body line that could pass for a header or an end is marked with "> ".
[[nodiscard]] Result<Envelope> make_envelope(const Letter& letter, const EnvelopeRules& rules,
                                             std::uint64_t number, std::string_view path);

/// Whether a line of a body could be read as one of ours, whatever blanks, signs or case it uses.
[[nodiscard]] bool looks_like_header(std::string_view line);

}  // namespace relay::pty
