#include "cli/attach_held_keys.hpp"

#include <doctest/doctest.h>

namespace relay::cli {
namespace {

/// All that would be sent now, with a bar between the pieces.
std::string sends(HeldKeys& keys) {
  std::string all;
  while (const auto piece = keys.next()) all += *piece + '|';
  return all;
}

HeldKeys with(std::initializer_list<const char*> pieces) {
  HeldKeys keys;
  for (const char* piece : pieces) CHECK(keys.add(piece));
  return keys;
}

}  // namespace

TEST_CASE("keys are sent once, in their order") {
  HeldKeys keys = with({"a", "b"});
  CHECK(sends(keys) == "a|b|");
  CHECK(keys.add("c"));
  CHECK(sends(keys) == "c|");
  CHECK(sends(keys).empty());
}

TEST_CASE("what an ending broker did not type the next one gets") {
  HeldKeys keys = with({"a", "b", "c", "d"});
  CHECK(sends(keys) == "a|b|c|d|");
  keys.answered();
  keys.refused_by_ending();
  CHECK(keys.add("e"));
  CHECK(keys.waiting_bytes() == 2);
  keys.over(true);
  CHECK(keys.waiting_bytes() == 4);
  CHECK(sends(keys) == "b|c|d|e|");
  CHECK(keys.waiting_bytes() == 0);
}

TEST_CASE("what a broker may have typed that is gone is not typed again") {
  HeldKeys keys = with({"a", "b"});
  CHECK(sends(keys) == "a|b|");
  keys.refused_by_ending();
  CHECK(keys.add("c"));
  keys.over(false);
  CHECK(sends(keys) == "a|c|");
}

TEST_CASE("what was typed or refused for good does not come back") {
  HeldKeys keys = with({"a", "b"});
  CHECK(sends(keys) == "a|b|");
  keys.answered();
  keys.answered();
  // An answer to nothing.
  keys.answered();
  keys.refused_by_ending();
  keys.over(true);
  CHECK(sends(keys).empty());
}

TEST_CASE("no more is held than a person types while a broker is away") {
  HeldKeys keys;
  CHECK(keys.add(std::string(HeldKeys::kMostBytes + 1, 'x')));
  CHECK_FALSE(keys.add("y"));
  (void)keys.next();
  CHECK_FALSE(keys.add("y"));
  keys.answered();
  CHECK(keys.add("y"));
  CHECK(sends(keys) == "y|");
}

}  // namespace relay::cli
