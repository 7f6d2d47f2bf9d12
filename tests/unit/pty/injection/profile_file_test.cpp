#include "pty/injection/profile_file.hpp"

#include <doctest/doctest.h>
#include <string>

namespace relay::pty {
namespace {

std::string error_of(std::string_view text) {
  const auto profile = parse_profile(text, "my.toml");
  if (profile) return "no error";
  const Error& error = profile.error();
  return error.message + (error.hint.empty() ? "" : " | " + error.hint);
}

}  // namespace

TEST_CASE("a whole profile") {
  const auto profile = parse_profile(R"(
name = "mine"
match = ["mine", "mine-*"]
reader = "box"
envelope = "text"
[box]
shape = "frame"
prompts = [">"]
hints = ["^Ask"]
placeholders = ["[Pasted *]"]
most_rows = 12
[ready]
shows = ["v1"]
unless = ["loading"]
[busy]
shows = ["working"]
turn = ["thinking"]
policy = "wait"
[keys]
submit = "ctrl-d"
submit_again = 1
newline = "alt-enter"
draft_cut = "ctrl-u"
draft_restore = "ctrl-y"
exit = ["text:/quit", "enter"]
[[dialog]]
name = "trust"
shows = ["Trust?"]
unless = ["really"]
answer = ["down", "enter"]
at_start_only = false
most = 2
[limits]
inline_bytes = 900
[mcp]
by = "environment"
variable = "MINE_CONFIG"
format = "bare"
skip_if = ["--mcp"]
[resume]
args = ["--resume", "{id}"]
[launch]
unattended_args = ["--yes"]
[environment]
QUIET = "1"
)",
                                     "my.toml");
  REQUIRE(profile);
  CHECK(profile->name == "mine");
  CHECK(profile->reader == Reader::box);
  CHECK(profile->box.shape == BoxShape::frame);
  CHECK(profile->box.most_rows == 12);
  CHECK(profile->box.placeholders.size() == 1);
  CHECK(profile->busy == BusyPolicy::wait);
  CHECK(profile->submit_key == "ctrl-d");
  CHECK(profile->submit_again == 1);
  REQUIRE(profile->dialogs.size() == 1);
  CHECK(profile->dialogs[0].answer == std::vector<std::string>{"down", "enter"});
  CHECK_FALSE(profile->dialogs[0].at_start_only);
  CHECK(profile->limits.inline_bytes == 900);
  CHECK(profile->mcp.by == McpBy::environment);
  CHECK(profile->mcp.variable == "MINE_CONFIG");
  CHECK(profile->mcp.format == McpFormat::bare);
  CHECK(profile->resume.args.size() == 2);
  CHECK(profile->environment.at("QUIET") == "1");
  CHECK(profile_matches(*profile, "/usr/bin/Mine-cli"));
  CHECK_FALSE(profile_matches(*profile, "yours"));
}

TEST_CASE("a bad profile is an error with file and line") {
  CHECK(error_of("nam = \"x\"\nname = \"y\"") ==
        "my.toml:1: there is no key \"nam\" | did you mean \"name\"?");
  CHECK(error_of("name = \"x\"\n[busy]\nshow = [\"a\"]") ==
        "my.toml:3: there is no key \"show\" in [busy] | did you mean \"shows\"?");
  CHECK(error_of("name = \"x\"\nmatch = \"x\"").starts_with("my.toml:2: match: has to be a list"));
  CHECK(error_of("name = \"x\"\nreader = \"best\"") ==
        "my.toml:2: reader: \"best\" is none of box, plain");
  CHECK(error_of("name = \"x\"\n\n[keys]\nsubmit = \"hyper\"")
            .starts_with("my.toml:4: keys.submit: \"hyper\" is no key"));
  CHECK(error_of("name = \"x\"\n[keys]\ndraft_cut = \"ctrl-u\"")
            .starts_with("my.toml:3: keys.draft_cut: goes with"));
  CHECK(error_of("name = \"x\"\n[busy]\nshows = [\"*\"]")
            .starts_with("my.toml:3: busy.shows: the pattern \"*\" matches everything"));
  CHECK(
      error_of("name = \"x\"\nreader = \"box\"").starts_with("my.toml:2: reader: is \"box\", but"));
  CHECK(error_of("name = \"x\"\n[mcp]\nby = \"environment\"").starts_with("my.toml:3: mcp.by"));
  CHECK(error_of("name = \"x\"\n[mcp]\nby = \"flag\"").starts_with("my.toml:3: mcp.by"));
  CHECK(error_of("name = \"x\"\n[mcp]\nvariable = \"A=B\"").starts_with("my.toml:3: mcp.variable"));
  CHECK(error_of("name = \"x\"\n[limits]\ninline_bytes = 3")
            .starts_with("my.toml:3: limits.inline_bytes: has to be a number from 200"));
  CHECK(error_of("name = \"x\"\n[[dialog]]\nname = \"d\"\nshows = [\"s\"]\nchoose = [\"c\"]")
            .starts_with("my.toml:5: dialog.choose: goes with answer"));
  CHECK(error_of("name = \"x\"\n[[dialog]]\nname = \"d\"")
            .starts_with("my.toml:2: dialog.shows: names nothing"));
  CHECK(error_of("match = [\"x\"]").find("name: is missing") != std::string::npos);
  // A character beyond ASCII belongs in quotes; whatever the parser calls it, it is refused.
  CHECK(error_of("name = \"x\"\nready = \xc7\xad").starts_with("my.toml:2: "));
  CHECK(error_of("name = \"x\"\n[1tc\"rl\xc7\xad").starts_with("my.toml:2: "));
  CHECK(error_of("name = \"x\"\n[environment]\n\"\xc3\xbc\" = 1") ==
        "my.toml:3: environment.\xc3\xbc: has to be a text in quotes");
  CHECK(error_of("name = \"x\"\n\"\xc3\xbc\" = 1") == "my.toml:2: there is no key \"\xc3\xbc\"");
  CHECK(error_of("name = \"x\"\nname = ").starts_with("my.toml:2: "));
  CHECK(error_of("name = \"x\"\nmatch = [\"*\"]").find("would take every program") !=
        std::string::npos);
}

TEST_CASE("a user's profile takes the place of the built-in one") {
  const auto all = with_user_profiles(
      {{"claude.toml", "name = \"claude\"\nmatch = [\"claude\"]\n[limits]\ninline_bytes = 300"}});
  REQUIRE(all);
  CHECK(all->size() == builtin_profiles().size());
  CHECK(profile_for(*all, "claude").limits.inline_bytes == 300);
  CHECK(profile_for(*all, "codex").name == "codex");
  const auto bad = with_user_profiles({{"a.toml", "name = \"a\""}, {"b.toml", "name = \"a\""}});
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message.starts_with("b.toml:1: "));
}

TEST_CASE("keys") {
  CHECK(bytes_of_key("enter") == "\r");
  CHECK(bytes_of_key("ctrl-u") == "\x15");
  CHECK(bytes_of_key("ctrl-y") == "\x19");
  CHECK(bytes_of_key("down") == "\x1b[B");
  CHECK(bytes_of_key("y") == "y");
  CHECK(bytes_of_key("text:/exit") == "/exit");
  CHECK(bytes_of_key("ctrl-U").empty());
  CHECK(bytes_of_key("enterr").empty());
  CHECK(bytes_of_key("").empty());
}

}  // namespace relay::pty
