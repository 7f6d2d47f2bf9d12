#include "cli/attach_keys.hpp"

#include <doctest/doctest.h>

namespace relay::cli {
namespace {

AttachKeys keys_for(std::string_view text) {
  auto keys = detach_keys(text);
  REQUIRE(keys);
  return AttachKeys(*std::move(keys));
}

/// What an agent gets of one piece; "!" behind it for detach.
std::string through(AttachKeys& keys, std::string_view bytes) {
  const auto typed = keys.feed(bytes);
  return typed.keys + (typed.detach ? "!" : "");
}

}  // namespace

TEST_CASE("the names of keys") {
  CHECK(*detach_keys("ctrl-\\") == DetachKeys{'\x1C'});
  CHECK(*detach_keys("ctrl-p,ctrl-Q") == DetachKeys{'\x10', '\x11'});
  CHECK(*detach_keys("Ctrl-a  ctrl-]") == DetachKeys{'\x01', '\x1D'});
  CHECK(detach_keys("none")->empty());
  for (const char* wrong : {"", " ", "q", "ctrl-", "ctrl-[", "ctrl-1", "alt-x", "ctrl-pq",
                            "ctrl-a,ctrl-a,ctrl-a,ctrl-a,ctrl-a", "none,none"}) {
    CAPTURE(wrong);
    const auto keys = detach_keys(wrong);
    REQUIRE_FALSE(keys);
    CHECK(keys.error().code == Code::invalid_argument);
  }
}

TEST_CASE("all keys pass but the one that detaches, and what follows it") {
  auto keys = keys_for("ctrl-\\");
  CHECK(through(keys, "a\xc3\xa4\x03\x1b\xff\r") == "a\xc3\xa4\x03\x1b\xff\r");
  CHECK(through(keys, "\x1b[A\x1bOP\x1bx\x1b[1;5C\x1b[3~") == "\x1b[A\x1bOP\x1bx\x1b[1;5C\x1b[3~");
  CHECK(through(keys, "before\x1c behind") == "before!");
}

TEST_CASE("the detach key is known in each protocol of keyboards") {
  for (const char* key : {"\x1c", "\x1b[92;5u", "\x1b[92:124;5:1u", "\x1b[92;69u", "\x1b[92;197:2u",
                          "\x1b[27;5;92~"}) {
    CAPTURE(key);
    auto keys = keys_for("ctrl-\\");
    CHECK(through(keys, key) == "!");
  }
  for (const char* key : {"\x1b[92u", "\x1b[92;3u", "\x1b[92;7u", "\x1b[92;5:3u", "\x1b[27;2;92~",
                          "\x1b[92;u", "\x1b[u", "\x1b[;5u"}) {
    CAPTURE(key);
    auto keys = keys_for("ctrl-\\");
    CHECK(through(keys, key) == key);
  }
}

TEST_CASE("keys of a sequence are held until it is clear what they are") {
  auto keys = keys_for("ctrl-p,ctrl-q");
  CHECK(through(keys, "\x10").empty());
  CHECK(through(keys, "x") == "\x10x");
  CHECK(through(keys, "\x10\x10").empty() == false);
  CHECK(through(keys, "\x11") == "!");
  // With kitty's protocol Ctrl itself and the way up come between.
  keys = keys_for("ctrl-p,ctrl-q");
  CHECK(through(keys, "\x1b[57442;5u").size() == 10);
  CHECK(through(keys, "\x1b[112;5u\x1b[112;5:3u\x1b[57442;1:3u\x1b[57442;5u\x1b[113;5u") == "!");
}

TEST_CASE("in a paste the key is text") {
  auto keys = keys_for("ctrl-\\");
  CHECK(through(keys, "\x1b[200~a\x1c") == "\x1b[200~a\x1c");
  CHECK(through(keys, "b\x1c\x1b[201~") == "b\x1c\x1b[201~");
  CHECK(through(keys, "\x1c") == "!");
}

TEST_CASE("the brackets of a paste may be cut anywhere") {
  const std::string paste = "\x1b[200~a\x1c\x1b[201~";
  for (std::size_t cut = 1; cut < paste.size(); ++cut) {
    CAPTURE(cut);
    auto keys = keys_for("ctrl-\\");
    const auto before = through(keys, paste.substr(0, cut));
    CHECK(before + through(keys, paste.substr(cut)) == paste);
    CHECK(through(keys, "\x1c") == "!");
  }
}

TEST_CASE("what the terminal answers to queries is left out, mouse and focus pass") {
  auto keys = keys_for("none");
  CHECK(through(keys,
                "a\x1b[24;80R\x1b[?1;2c\x1b[>0;1;0c\x1b[0n\x1b[?2026;2$y\x1b[8;24;80t\x1b[?1u"
                "\x1b]11;rgb:0/0/0\x1b\\\x1b]10;rgb:1/1/1\a\x1bP>|xterm(1)\x1b\\z") == "az");
  const std::string_view reports = "\x1b[I\x1b[O\x1b[<0;3;4M\x1b[<0;3;4m\x1b[M !\"\x1b[R\x1b[97;5u";
  CHECK(through(keys, reports) == reports);
}

TEST_CASE("an answer that comes in two pieces is left out, a key is never held back for long") {
  auto keys = keys_for("none");
  CHECK(through(keys, "a\x1b]11;rgb") == "a");
  CHECK(through(keys, ":0/0/0\x1b\\b") == "b");
  CHECK(through(keys, "\x1b[92;") == "");
  CHECK(through(keys, "5u") == "\x1b[92;5u");
  // Escape, Alt-P and Alt-[ alone.
  for (const char* key : {"\x1b", "\x1bP", "\x1b[", "\x1b]"}) {
    CAPTURE(key);
    CHECK(through(keys, key) == key);
  }
  CHECK(through(keys, "\x1b[1\x1b[24;80R\x1b[A") == "\x1b[1\x1b[A");
  CHECK(through(keys, "\x1bPa").empty());
  CHECK(through(keys, "b") == "\x1bPab");
}

TEST_CASE("Shift-F3 passes, unless the terminal was asked where its cursor is") {
  auto keys = keys_for("none");
  CHECK(through(keys, "\x1b[1;2R\x1b[1;16R") == "\x1b[1;2R\x1b[1;16R");
  // In the last columns of the first row it is no key.
  CHECK(through(keys, "\x1b[1;17R").empty());
  keys.shown("text \x1b[6");
  keys.shown("n\x1b[\x1b[6n\x1b[5n");
  CHECK(through(keys, "\x1b[1;2Ra\x1b[24;1R\x1b[1;2R") == "a\x1b[1;2R");
}

TEST_CASE("control keys are told as bytes") {
  auto keys = keys_for("none");
  CHECK(keys.feed("a\x03\x1b[122;5u\x1b[200~\x03\x1b[201~").controls == "\x03\x1a");
}

}  // namespace relay::cli
