#include "cli/help.hpp"

#include <algorithm>
#include <doctest/doctest.h>

namespace relay::cli {

TEST_CASE("a page names usage, arguments, options and examples") {
  std::string shell;
  bool json = false;
  std::vector<Option> global;
  global.emplace_back("--json", "Print JSON", &json);
  Command command;
  command.name = "completion";
  command.summary = "Print the script";
  command.examples = {"relay-broker completion bash"};
  command.options.push_back(
      Option("shell", "Which shell", &shell).choices({"bash", "zsh"}).required());
  CHECK(command_page(command, global) ==
        "Print the script.\n"
        "\n"
        "Usage: relay-broker completion [options] <shell>\n"
        "\n"
        "Arguments:\n"
        "  shell  Which shell (bash, zsh)\n"
        "\n"
        "Options:\n"
        "  --json      Print JSON\n"
        "  -h, --help  Show this page\n"
        "\n"
        "Examples:\n"
        "  relay-broker completion bash\n");
}

TEST_CASE("the main page names the commands, and the options in one line") {
  bool json = false;
  std::vector<Option> global;
  global.emplace_back("--json", "Print JSON", &json);
  std::vector<Command> commands(2);
  commands[0].name = "serve";
  commands[0].summary = "Run the broker";
  commands[1].name = "init";
  commands[1].hidden = true;
  CHECK(main_page(global, commands) ==
        "relay-broker gives every terminal agent an address.\n"
        "\n"
        "Usage: relay-broker [options] <command> [options]\n"
        "\n"
        "Commands:\n"
        "  serve  Run the broker\n"
        "\n"
        "Options: --json, --help. Each command has a page: relay-broker help <command>\n");
}

}  // namespace relay::cli
