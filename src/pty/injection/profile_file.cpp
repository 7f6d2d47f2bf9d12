#include "pty/injection/profile_file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

#include "builtin_profiles.hpp"
#include "pty/injection/input_box.hpp"
#include "pty/injection/profile_table.hpp"
#include "pty/injection/toml_text.hpp"

namespace relay::pty {
namespace {

constexpr std::size_t kMostDialogs = 32;
/// With a program's whole answer in one read of its terminal in mind; above that, by file.
constexpr std::size_t kMostInline = std::size_t{1} << 20;

void read_box(ProfileTable box, Profile& into) {
  BoxRule& rule = into.box;
  box.choice("shape", rule.shape,
             {{"rules", BoxShape::rules},
              {"frame", BoxShape::frame},
              {"prompt", BoxShape::prompt},
              {"bar", BoxShape::bar},
              {"cursor", BoxShape::cursor}});
  box.texts("prompts", rule.prompts);
  box.patterns("hints", rule.hints);
  // Sought in the box without white space, because a narrow screen wraps them.
  std::vector<std::string> placeholders;
  box.texts("placeholders", placeholders);
  for (const std::string& source : placeholders) {
    auto pattern = TextPattern::make(squeezed(source));
    if (pattern)
      rule.placeholders.push_back(*std::move(pattern));
    else
      box.wrong("placeholders", pattern.error().message, pattern.error().hint);
  }
  box.number("most_rows", rule.most_rows, 1, 500);
  const bool by_sign = rule.shape == BoxShape::prompt || rule.shape == BoxShape::bar ||
                       rule.shape == BoxShape::cursor;
  if (by_sign && rule.prompts.empty()) box.wrong("prompts", "names no sign to find the box by");
  box.end();
}

void read_keys(ProfileTable keys, Profile& into) {
  keys.press("newline", into.newline_key, true);
  keys.press("submit", into.submit_key, false);
  keys.number("submit_again", into.submit_again, 0, 10);
  keys.press("draft_cut", into.draft_cut_key, true);
  keys.press("draft_restore", into.draft_restore_key, true);
  keys.presses("exit", into.exit_keys);
  if (into.draft_cut_key.empty() != into.draft_restore_key.empty()) {
    keys.wrong("draft_cut", "goes with draft_restore: a draft that is taken has to be given back");
  }
  keys.end();
}

DialogRule read_dialog(ProfileTable table) {
  DialogRule rule;
  table.text("name", rule.name);
  table.patterns("shows", rule.shows);
  table.patterns("unless", rule.unless);
  table.patterns("choose", rule.choose);
  table.presses("answer", rule.answer);
  table.flag("at_start_only", rule.at_start_only);
  table.flag("beside_box", rule.beside_box);
  table.number("most", rule.most, 1, 20);
  if (rule.name.empty()) table.wrong("name", "is missing");
  if (rule.shows.empty()) table.wrong("shows", "names nothing to know the dialog by");
  if (rule.answer.empty() && !rule.choose.empty()) table.wrong("choose", "goes with answer");
  table.end();
  return rule;
}

void read_mcp(ProfileTable mcp, Profile& into) {
  mcp.choice("by", into.mcp.by,
             {{"none", McpBy::none}, {"flag", McpBy::flag}, {"environment", McpBy::environment}});
  mcp.texts("args", into.mcp.args);
  mcp.text("variable", into.mcp.variable);
  mcp.choice("format", into.mcp.format,
             {{"servers", McpFormat::servers},
              {"bare", McpFormat::bare},
              {"opencode", McpFormat::opencode}});
  mcp.texts("skip_if", into.mcp.skip_if);
  const std::string& variable = into.mcp.variable;
  if (variable.find('=') != std::string::npos) mcp.wrong("variable", "is no name of a variable");
  if (into.mcp.by == McpBy::environment && variable.empty()) {
    mcp.wrong("by", "is \"environment\", but there is no variable");
  }
  if (into.mcp.by == McpBy::flag && into.mcp.args.empty()) {
    mcp.wrong("by", "is \"flag\", but there are no args");
  }
  mcp.end();
}

void read_resume(ProfileTable resume, Profile& into) {
  resume.texts("args", into.resume.args);
  resume.texts("new_session_args", into.resume.new_session_args);
  resume.texts("skip_if", into.resume.skip_if);
  resume.end();
}

void read_parts(ProfileTable& top, Profile& into) {
  if (auto box = top.table("box")) {
    read_box(*box, into);
  } else if (into.reader == Reader::box) {
    top.wrong("reader", "is \"box\", but there is no [box]");
  }
  if (auto ready = top.table("ready")) {
    ready->patterns("shows", into.ready_shows);
    ready->patterns("unless", into.ready_unless);
    ready->end();
  }
  if (auto busy = top.table("busy")) {
    busy->patterns("shows", into.busy_shows);
    busy->patterns("turn", into.turn_shows);
    busy->patterns("hold", into.hold_shows);
    busy->choice("policy", into.busy, {{"queue", BusyPolicy::queue}, {"wait", BusyPolicy::wait}});
    busy->end();
  }
  if (auto keys = top.table("keys")) read_keys(*keys, into);
  for (const auto& dialog : top.tables("dialog", kMostDialogs)) {
    into.dialogs.push_back(read_dialog(dialog));
  }
  if (auto limits = top.table("limits")) {
    limits->number("inline_bytes", into.limits.inline_bytes, 200, kMostInline);
    limits->end();
  }
  if (auto mcp = top.table("mcp")) read_mcp(*mcp, into);
  if (auto resume = top.table("resume")) read_resume(*resume, into);
  if (auto launch = top.table("launch")) {
    launch->texts("unattended_args", into.unattended_args);
    launch->end();
  }
  if (auto environment = top.table("environment")) {
    for (auto& [key, value] : environment->all_texts()) {
      const bool plain = key.find('=') == std::string::npos && !key.empty();
      if (!plain) environment->wrong(key, "is no name of a variable");
      into.environment[key] = std::move(value);
    }
  }
}

void read_profile(const toml::table& table, ProfileFault& fault, Profile& into) {
  ProfileTable top(table, "", fault);
  top.text("name", into.name);
  top.texts("match", into.match);
  top.choice("reader", into.reader, {{"box", Reader::box}, {"plain", Reader::plain}});
  top.choice("envelope", into.envelope,
             {{"text", EnvelopeStyle::text}, {"shell_note", EnvelopeStyle::shell_note}});
  read_parts(top, into);
  if (into.name.empty()) top.wrong("name", "is missing");
  for (const std::string& word : into.match) {
    if (word == "*")
      top.wrong("match", "\"*\" would take every program; edit the profile \"generic\" instead");
  }
  top.end();
}

}  // namespace

Result<Profile> parse_profile(std::string_view text, std::string_view file) {
  ProfileFault fault{std::string(file), std::nullopt};
  if (text.size() > kMostProfileBytes) {
    return fail(Code::too_large,
                fmt::format("{}:1: a profile has at most {} bytes", file, kMostProfileBytes));
  }
  const auto plain = for_parser(text, file);
  if (!plain) return fail(plain.error());
  const toml::parse_result parsed = toml::parse(*plain);
  if (!parsed) {
    fault.set(parsed.error().source().begin.line, from_parser(parsed.error().description()));
    return fail(*std::move(fault.error));
  }
  Profile profile;
  read_profile(parsed.table(), fault, profile);
  if (fault.error) return fail(*std::move(fault.error));
  return profile;
}

std::vector<Profile> builtin_profiles() {
  std::vector<Profile> all;
  for (const auto& [file, text] : kBuiltinProfiles) {
    auto profile = parse_profile(text, file);
    if (!profile) throw std::logic_error("built-in profile " + profile.error().message);
    all.push_back(*std::move(profile));
  }
  return all;
}

Result<std::vector<Profile>> with_user_profiles(const std::vector<ProfileText>& users) {
  std::vector<Profile> all;
  for (const ProfileText& user : users) {
    auto profile = parse_profile(user.text, user.file);
    if (!profile) return fail(std::move(profile).error());
    const bool twice = std::any_of(all.begin(), all.end(), [&profile](const Profile& other) {
      return other.name == profile->name;
    });
    if (twice) {
      return fail(
          Code::invalid_argument,
          fmt::format("{}:1: there is a second profile called \"{}\"", user.file, profile->name));
    }
    all.push_back(*std::move(profile));
  }
  const std::size_t of_user = all.size();
  for (Profile& builtin : builtin_profiles()) {
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(of_user);
    const bool overridden = std::any_of(
        all.begin(), end, [&builtin](const Profile& other) { return other.name == builtin.name; });
    if (!overridden) all.push_back(std::move(builtin));
  }
  return all;
}

}  // namespace relay::pty
