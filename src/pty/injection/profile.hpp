#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pty/injection/envelope.hpp"
#include "pty/injection/text_pattern.hpp"

namespace relay::pty {

enum class Reader {
  /// Draws an input box: the recipe with proof.
  box,
  /// No box is known: lines while the terminal is in canonical mode, else bytes as they are.
  plain,
};

enum class BoxShape {
  rules,   // the rows between the last two horizontal rules
  frame,   // the rows inside the last box-drawing frame
  prompt,  // from the last row that begins with a prompt sign to the next empty row
  bar,     // the rows behind a bar down to its foot; the last one is the program's own
  cursor,  // the row under the cursor, if it begins with a prompt sign
};

struct BoxRule {
  BoxShape shape = BoxShape::prompt;
  /// Signs that stand in front of what is typed: "❯", "› ", "$ ". Not empty for prompt, bar and
  /// cursor.
  std::vector<std::string> prompts;
  /// What an empty box shows.
  TextPatterns hints;
  /// What stands in the box in place of a long paste, without white space.
  TextPatterns placeholders;
  /// More rows than this are no box.
  std::size_t most_rows = 30;
};

/// Something in the way that wants an answer.
struct DialogRule {
  std::string name;
  /// All of them are on the screen, and none of `unless`.
  TextPatterns shows;
  TextPatterns unless;
  /// The row that its pointer has to stand at before `answer`: "down" is pressed until it does,
  /// since the order of the rows is the program's business. Empty: the answer is good as it is.
  TextPatterns choose;
  /// Keys, one press each: "enter", "down", "y". Empty: only a person answers it.
  std::vector<std::string> answer;
  /// Answered only until the program was ready for the first time.
  bool at_start_only = true;
  /// It stands beside the box instead of in its place.
  bool beside_box = false;
  /// How often it is answered in a session's life.
  std::size_t most = 1;
};

enum class BusyPolicy {
  queue,  // the program keeps what is entered while it works, in order
  wait,   // it does not: wait until it is idle
};

/// How a program is told of the server with its message tools.
enum class McpBy {
  none,
  /// By arguments of this one start.
  flag,
  /// By a variable that names a file which the program reads beside its own.
  environment,
};

enum class McpFormat {
  servers,   // {"mcpServers":{name:…}}
  bare,      // {name:…}
  opencode,  // {"mcp":{name:{"type":"local",…}}}
};

struct McpRule {
  McpBy by = McpBy::none;
  /// For `flag`, with {config} (path of a file), {name}, {command}, {args}, {env}, {names} (of
  /// variables to be handed on) or {line} (all in one) to be filled in by the broker.
  std::vector<std::string> args;
  /// For `environment`. Where it is set already, it is left alone.
  std::string variable;
  McpFormat format = McpFormat::servers;
  /// The user's own arguments that leave all of this to them.
  std::vector<std::string> skip_if;
};

struct ResumeRule {
  /// With {id}. Empty: the program cannot.
  std::vector<std::string> args;
  /// Gives a new session an id of ours, so that it can be resumed.
  std::vector<std::string> new_session_args;
  std::vector<std::string> skip_if;
};

struct Limits {
  /// Bodies above this go by reference to a file.
  std::size_t inline_bytes = 16 * 1024;
};

/// What differs from one agent program to the next, as data. Immutable once read.
struct Profile {
  std::string name;
  /// Base names of programs, with an optional star at the end.
  std::vector<std::string> match;
  Reader reader = Reader::plain;
  BoxRule box;
  /// Besides the box: all of these, and none of those, must be on the screen.
  TextPatterns ready_shows;
  TextPatterns ready_unless;
  std::vector<DialogRule> dialogs;
  TextPatterns busy_shows;
  BusyPolicy busy = BusyPolicy::queue;
  /// The program keeps texts that another one would overtake: nothing is entered meanwhile.
  TextPatterns hold_shows;
  /// Proves on its own that a turn began.
  TextPatterns turn_shows;
  /// A paste is one only while the program asked for it. Otherwise newlines are typed as this key;
  /// "" means that a text of several lines waits for the paste mode.
  std::string newline_key;
  std::string submit_key = "enter";
  std::size_t submit_again = 3;
  /// Take a draft out of the box and put it back. "" for none: then a draft is waited for.
  std::string draft_cut_key;
  std::string draft_restore_key;
  EnvelopeStyle envelope = EnvelopeStyle::text;
  Limits limits;
  McpRule mcp;
  ResumeRule resume;
  /// Arguments that avoid approval dialogs; given only if the spawn asked for it.
  std::vector<std::string> unattended_args;
  std::map<std::string, std::string> environment;
  /// Keys that end the program in good order; a step "text:/exit" types text.
  std::vector<std::string> exit_keys;
};

/// The bytes of a key name ("enter", "ctrl-u", "down", "esc", "text:/exit", one character); empty
/// if there is no such key.
[[nodiscard]] std::string bytes_of_key(std::string_view key);

/// Whether the program at `path_or_name` is one of the profile's. Path and case do not count.
[[nodiscard]] bool profile_matches(const Profile& profile, std::string_view path_or_name);

/// The first profile that matches, else the one called "generic". A reference to an element;
/// `profiles` has a generic one.
[[nodiscard]] const Profile& profile_for(const std::vector<Profile>& profiles,
                                         std::string_view path_or_name);

}  // namespace relay::pty
