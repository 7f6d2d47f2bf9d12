#include "pty/screen/output_ring.hpp"

#include <doctest/doctest.h>
#include <string>

#include "base/random.hpp"

namespace relay::pty {
namespace {

/// All that comes at `cursor`, and whether bytes are missing before it.
std::pair<std::string, bool> all_from(const OutputRing& ring, std::uint64_t cursor,
                                      std::size_t most = SIZE_MAX) {
  std::string text;
  bool cut = false;
  for (auto piece = ring.read(cursor, most); !piece.bytes.empty() || piece.cut;
       piece = ring.read(piece.next(), most)) {
    cut = cut || piece.cut;
    text += piece.bytes;
    if (piece.bytes.empty()) break;
  }
  return {text, cut};
}

}  // namespace

TEST_CASE("output is read back from any of its bytes") {
  OutputRing ring(8);
  CHECK(ring.read(0).bytes.empty());
  CHECK_FALSE(ring.read(0).cut);
  ring.append("hello");
  CHECK(ring.begin() == 0);
  CHECK(ring.end() == 5);
  CHECK(all_from(ring, 0) == std::pair(std::string("hello"), false));
  CHECK(all_from(ring, 3) == std::pair(std::string("lo"), false));
  CHECK(all_from(ring, 5) == std::pair(std::string(), false));
}

TEST_CASE("a reader that was too slow is told where it can go on") {
  OutputRing ring(8);
  ring.append("0123456789");
  CHECK(ring.begin() == 2);
  const auto piece = ring.read(1);
  CHECK(piece.cut);
  CHECK(piece.from == 2);
  CHECK(all_from(ring, 1) == std::pair(std::string("23456789"), true));
  CHECK(all_from(ring, 2) == std::pair(std::string("23456789"), false));
}

TEST_CASE("a cursor behind the end belongs to another program") {
  OutputRing ring(8);
  ring.append("abc");
  const auto piece = ring.read(9);
  CHECK(piece.cut);
  CHECK(piece.from == 3);
  CHECK(piece.bytes.empty());
}

TEST_CASE("a read takes as much as was asked for") {
  OutputRing ring(8);
  ring.append("abcdef");
  CHECK(ring.read(1, 2).bytes == "bc");
  CHECK(ring.read(1, 2).next() == 3);
  CHECK(all_from(ring, 0, 1).first == "abcdef");
}

TEST_CASE("a ring of any size, filled in pieces of any size, holds the last bytes") {
  SeededRandom random(7);
  for (int round = 0; round < 200; ++round) {
    const std::size_t capacity = 1 + random.below(40);
    OutputRing ring(capacity);
    std::string all;
    for (int i = 0; i < 30; ++i) {
      std::string piece;
      for (auto left = random.below(60); left > 0; --left) {
        piece += static_cast<char>('a' + random.below(26));
      }
      ring.append(piece);
      all += piece;
      const auto held = std::min(all.size(), capacity);
      REQUIRE(ring.end() == all.size());
      REQUIRE(ring.begin() == all.size() - held);
      REQUIRE(all_from(ring, ring.begin()) == std::pair(all.substr(all.size() - held), false));
    }
  }
}

TEST_CASE("the default ring holds 64 KiB") {
  OutputRing ring;
  ring.append(std::string(100000, 'x'));
  CHECK(ring.end() - ring.begin() == 65536);
}

}  // namespace relay::pty
