#include <doctest/doctest.h>
#include <set>
#include <string>

#include "pty/injection/profile_file.hpp"

namespace relay::pty {

TEST_CASE("the built-in profiles are whole") {
  const auto all = builtin_profiles();
  std::set<std::string> names;
  for (const Profile& profile : all) names.insert(profile.name);
  CHECK(names == std::set<std::string>{"aider", "amp", "claude", "codex", "cursor", "droid",
                                       "gemini", "generic", "goose", "grok", "opencode", "shell"});
  for (const Profile& profile : all) {
    CAPTURE(profile.name);
    CHECK(!profile.exit_keys.empty());
    CHECK((profile.name == "generic" || !profile.match.empty()));
    // A dialog that may come at any time is a person's to answer.
    for (const DialogRule& dialog : profile.dialogs)
      CHECK((dialog.answer.empty() || dialog.at_start_only));
  }
}

TEST_CASE("programs find their profile") {
  const auto all = builtin_profiles();
  CHECK(profile_for(all, "/usr/local/bin/claude").name == "claude");
  CHECK(profile_for(all, "codex").name == "codex");
  CHECK(profile_for(all, "cursor-agent").name == "cursor");
  CHECK(profile_for(all, "/bin/bash").name == "shell");
  CHECK(profile_for(all, "zsh").name == "shell");
  CHECK(profile_for(all, "cat").name == "generic");
}

}  // namespace relay::pty
