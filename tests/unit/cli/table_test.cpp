#include "cli/table.hpp"

#include <doctest/doctest.h>

namespace relay::cli {

TEST_CASE("a text is cut to its window, wide characters counted") {
  CHECK(fit_window("one\ntwo\n", 2, 80) == "one\ntwo");
  CHECK(fit_window("one\ntwo\nthree\nfour\n", 3, 80) == "one\ntwo\n… 2 more lines");
  CHECK(fit_window("one\n\ntwo\n", 5, 2) == "on\n\ntw");
  // Two columns each, and one that does not fit by half.
  CHECK(fit_window("日本語\n", 5, 4) == "日本");
  CHECK(fit_window("日本語\n", 5, 5) == "日本");
  // How high it is, is not known.
  CHECK(fit_window("a\nb\nc\n", 0, 80) == "a\nb\nc");
  CHECK(fit_window("", 5, 5).empty());
}

}  // namespace relay::cli
