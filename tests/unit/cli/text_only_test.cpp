#include "cli/text_only.hpp"

#include <doctest/doctest.h>

namespace relay::cli {

TEST_CASE("what is no text is refused, and said so that a terminal bears it") {
  CHECK(refuse_bytes("the working directory", "/home/zo\u00eb/\u9879\u76ee"));
  CHECK(refuse_bytes("an argument", std::vector<std::string>{}));
  const auto refused = refuse_bytes("the working directory", "/tmp/a\xff\x1b[2J");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid_argument);
  CHECK(refused.error().message == "the working directory is not UTF-8: '/tmp/a\xef\xbf\xbd^[[2J'");
  CHECK_FALSE(refuse_bytes("an argument", std::vector<std::string>{"good", "b\xe4"}));
}

}  // namespace relay::cli
