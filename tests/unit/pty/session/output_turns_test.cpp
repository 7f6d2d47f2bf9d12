#include "pty/session/output_turns.hpp"

#include <array>
#include <doctest/doctest.h>

namespace relay::pty {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMuch = 16384;

}  // namespace

TEST_CASE("a program that prints alone never waits") {
  OutputTurns turns;
  OutputTurns::Place place;
  for (int turn = 0; turn < 1000; ++turn) CHECK(turns.end_of_turn(place, 200us, kMuch) == 0us);
}

TEST_CASE("whoever prints much rests for as long as the turns of the others took") {
  OutputTurns turns;
  std::array<OutputTurns::Place, 10> places;
  for (auto& place : places) (void)turns.end_of_turn(place, 200us, kMuch);
  for (auto& place : places) CHECK(turns.end_of_turn(place, 200us, kMuch) == 1800us);
  // Only what there was since its last turn.
  CHECK(turns.end_of_turn(places[0], 200us, kMuch) == 1800us);
  CHECK(turns.end_of_turn(places[0], 200us, kMuch) == 0us);
}

TEST_CASE("an echo is no flood, and no rest is longer than somebody would see") {
  OutputTurns turns;
  OutputTurns::Place flood;
  OutputTurns::Place prompt;
  for (int turn = 0; turn < 1000; ++turn) (void)turns.end_of_turn(flood, 200us, kMuch);
  CHECK(turns.end_of_turn(prompt, 10us, kLittleOutput) == 0us);
  for (int turn = 0; turn < 1000; ++turn) (void)turns.end_of_turn(flood, 200us, kMuch);
  CHECK(turns.end_of_turn(prompt, 200us, kLittleOutput + 1) == kLongestRest);
}

}  // namespace relay::pty
