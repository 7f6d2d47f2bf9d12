#include "cli/manual.hpp"

#include <algorithm>
#include <doctest/doctest.h>

#include "support/bytes_of.hpp"

namespace relay::cli {
namespace {

struct ManualSample {
  bool json = false;
  bool keep = false;
  std::string format;
  std::string agent;
  std::vector<Option> global;
  std::vector<Command> commands;

  ManualSample() {
    global.emplace_back("--json", "Print JSON", &json);
    Command show;
    show.name = "show";
    show.summary = "Show what a_b shows";
    show.examples = {"relay-broker show ada", "relay-broker show ada --format svg"};
    show.options.push_back(
        Option("--format", "How", &format).choices({"plain", "svg"}).setting({"RELAY_FORMAT"}));
    show.options.push_back(Option("--secret", "Not for people", &keep).hidden());
    show.options.push_back(Option("agent", "Whose", &agent).required());
    Command list;
    list.name = "list";
    list.group = "token";
    list.summary = "List tokens";
    list.options.emplace_back("-k,--keep", "Keep it", &keep);
    Command token;
    token.name = "token";
    token.summary = "The token cache";
    token.examples = {"relay-broker token list"};
    token.commands.push_back(std::move(list));
    Command sesame;
    sesame.name = "sesame";
    sesame.hidden = true;
    commands.push_back(std::move(show));
    commands.push_back(std::move(token));
    commands.push_back(std::move(sesame));
  }

  [[nodiscard]] Result<std::string> page(const std::string& name, std::string_view prose) const {
    return manual_page(name, global, commands, prose);
  }
};

std::string without_first_line(const std::string& text) {
  return text.substr(text.find('\n') + 1);
}

}  // namespace

TEST_CASE("a page of the manual joins what the help knows with its prose") {
  const ManualSample sample;
  const auto page = sample.page("show",
                                "# DESCRIPTION\n\nLong *words*.\n"
                                "# OPTIONS\n\n*--format*\n\t_plain_ by default.\n\n"
                                "# SIGNALS\n\nNone.\n");
  REQUIRE(page);
  CHECK(page->starts_with("relay-broker-show(1) "));
  CHECK(
      without_first_line(*page) ==
      "\n# NAME\n\nrelay-broker-show - Show what a\\_b shows\n"
      "\n# SYNOPSIS\n\n*relay-broker show* [options] <agent>\n"
      "\n# DESCRIPTION\n\nLong *words*.\n"
      "\n# OPTIONS\n\n_agent_\n\tWhose.\n\n"
      "*--format* plain|svg\n\tHow.\n\t_plain_ by default.\n"
      "\tOtherwise *RELAY_FORMAT*, _format_ in the configuration file.\n\n"
      "*--json*, *--config* _FILE_, *-h*, *--help*\n\tSee *relay-broker*(1).\n"
      "\n# SIGNALS\n\nNone.\n"
      "\n# EXAMPLES\n\n```\nrelay-broker show ada\nrelay-broker show ada --format svg\n```\n"
      "\n# SEE ALSO\n\n*relay-broker*(1), with the exit statuses, the files and the environment of "
      "all\ncommands\n");
}

TEST_CASE("the page of a group has its commands, and the options of all of them") {
  const ManualSample sample;
  const auto page = sample.page("token", "# COMMANDS\n\n*list*\n\tMasked.\n");
  REQUIRE(page);
  CHECK(page->find("*relay-broker token list* [options]\n") != std::string::npos);
  CHECK(page->find("*list*\n\tList tokens.\n\tMasked.\n\n") != std::string::npos);
  CHECK(page->find("*-k*, *--keep*\n\tKeep it.\n\n") != std::string::npos);
}

TEST_CASE("the first page has every command that is not hidden, and every exit status") {
  const ManualSample sample;
  CHECK(manual_pages(sample.commands) == std::vector<std::string>{"relay-broker", "show", "token"});
  const auto page = sample.page("relay-broker", "# OPTIONS\n\n*--json*\n\tAlways.\n");
  REQUIRE(page);
  CHECK(page->find("*relay-broker-show*(1)\n\tShow what a\\_b shows.\n\n") != std::string::npos);
  CHECK(page->find("*--json*\n\tPrint JSON.\n\tAlways.\n\n") != std::string::npos);
  CHECK(page->find("sesame") == std::string::npos);
  for (int code = 0; code <= static_cast<int>(Code::cli_not_found); ++code) {
    const auto status = std::to_string(exit_status_of(static_cast<Code>(code)));
    CAPTURE(status);
    CHECK(page->find("*" + status + "*\n\t") != std::string::npos);
  }
}

TEST_CASE("the table of the README has the same statuses") {
  const std::string readme = test::bytes_of(RELAY_BROKER_README);
  std::string rows = "| exit status | meaning |\n|---|---|\n";
  for (const StatusMeaning& each : status_meanings()) {
    rows += "| " + std::string(each.status) + " | " + std::string(each.meaning) + " |\n";
  }
  CHECK(readme.find(rows + "\n") != std::string::npos);
}

TEST_CASE("prose that has fallen behind the program is an error") {
  const ManualSample sample;
  const auto message = [&](const std::string& page, std::string_view prose) {
    const auto made = sample.page(page, prose);
    return made ? "no error" : made.error().message;
  };
  CHECK(message("show", "# OPTIONS\n\n*--gone*\n\tText.\n") ==
        "show.scd: no command has an option --gone");
  CHECK(message("show", "# DESCRIPTION\n\nSee *--gone*.\n") ==
        "show.scd: no command has an option --gone");
  CHECK(message("show", "# OPTIONS\n\n*--keep*\n\tText.\n") ==
        "show.scd, OPTIONS: there is no --keep");
  CHECK(message("token", "# COMMANDS\n\n*drop*\n\tText.\n") ==
        "token.scd, COMMANDS: there is no drop");
  CHECK(message("sesame", "") == "there is no command sesame");
  CHECK(message("show", "# DESCRIPTION\n\nOf *relay-broker-token*(1): *--keep*, *--help*.\n") ==
        "no error");
}

}  // namespace relay::cli
