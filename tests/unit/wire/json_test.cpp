#include "wire/json.hpp"

#include <algorithm>
#include <ctime>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/figure.hpp"

namespace relay::wire {
namespace {

std::string again(std::string_view text) {
  const auto json = Json::parse(text);
  return json ? json->text() : std::string(name_of(json.error().code));
}

JsonDocument parsed(std::string_view text) {
  return JsonDocument::parse(text, kEngineLimits).value();
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSlowBuild = true;
#elif defined(__has_feature)
constexpr bool kSlowBuild = __has_feature(address_sanitizer);
#else
constexpr bool kSlowBuild = false;
#endif

/// The processor time in which a document is refused; the clock on the wall counts what else runs.
double refusal_ms(const std::string& text, Code code) {
  const std::clock_t start = std::clock();
  const auto document = JsonDocument::parse(text, kEngineLimits);
  const std::clock_t end = std::clock();
  REQUIRE_FALSE(document);
  CHECK(document.error().code == code);
  return 1000.0 * static_cast<double>(end - start) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE("any JSON is kept as minified text with its order and its duplicates") {
  CHECK(again(R"( { "b" : [ 1 , -2 , 0.5 , true , null , "x" ] , "a" : { } , "b" : [ ] } )") ==
        R"({"b":[1,-2,0.5,true,null,"x"],"a":{},"b":[]})");
  CHECK(again("7") == "7");
  CHECK(again(R"("\/\u0041\u00e9\ud83d\ude00\n\u0001")") == "\"/A\u00e9\U0001F600\\n\\u0001\"");
  CHECK(again("[18446744073709551615,-9223372036854775808]") ==
        "[18446744073709551615,-9223372036854775808]");
  CHECK(again("[1.0,-0.0,1e5,123456789012345680000.5]") ==
        "[1,-0.0,1e+05,123456789012345683968.0]");
  CHECK(Json().text() == "null");
}

TEST_CASE("what is no JSON is refused as a whole") {
  for (const auto* text :
       {"", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\":tru}", "[1] 2", "{'a':1}", "[01]", "\"\xff\"",
        "\"a\nb\"", "nul", "[1e999]", "{\"a\" 1}", "\"\\x\"", "\"\\u12g4\""}) {
    CAPTURE(text);
    CHECK(again(text) == "invalid_json");
  }
}

TEST_CASE("what JavaScript sends and simdjson refuses is mended") {
  CHECK(again(R"(["\ud83d","\ude00x","\ud83d\ude00"])") ==
        "[\"\uFFFD\",\"\uFFFDx\",\"\U0001F600\"]");
  CHECK(again("[100000000000000000000,-99999999999999999999]") == "[1e+20,-1e+20]");
}

TEST_CASE("depth and size have their limits") {
  const std::string inside = std::string(96, '[') + std::string(96, ']');
  CHECK(again(inside) == inside);
  CHECK(again("[" + inside + "]") == "too_large");
  CHECK(Json::parse(std::string(64, '[') + std::string(64, ']'), kInboundLimits));
  CHECK_FALSE(Json::parse(std::string(65, '[') + std::string(65, ']'), kInboundLimits));
  const auto quoted = [](std::size_t size) { return "\"" + std::string(size - 2, 'x') + "\""; };
  CHECK(Json::parse(quoted(1024 * 1024), kInboundLimits));
  CHECK_FALSE(Json::parse(quoted(1024 * 1024 + 1), kInboundLimits));
}

TEST_CASE("S9: hostile documents are refused at once") {
  // Far from what it takes: processor time, too, depends on what else runs.
  const double most = kSlowBuild ? 5000 : 500;
  double slowest = 0;
  const auto refuse = [&](const std::string& text) {
    const double took = refusal_ms(text, Code::too_large);
    CHECK(took < most);
    slowest = std::max(slowest, took);
  };
  const std::string open(1'000'000, '[');
  refuse(open + std::string(1'000'000, ']'));
  refuse(open);
  // Brackets inside of strings, also behind escaped quotes, are no depth.
  const std::string text =
      "\"" + std::string(100'000, '[') + "\\\"" + std::string(100'000, '{') + "\"";
  CHECK(Json::parse(text));
  std::string objects;
  for (int i = 0; i < 600'000; ++i) objects += "{\"a\":";
  refuse(objects + "1" + std::string(600'000, '}'));
  refuse(std::string(4 * 1024 * 1024 + 1, ' '));
  test::figure("S9",
               fmt::format("a million brackets, 600,000 objects, 4 MiB and a byte: refused in "
                           "{:.2f} ms of a processor at most (less than 10)",
                           slowest),
               slowest, 10);
}

TEST_CASE("a view reads values of its kind only") {
  const JsonDocument document =
      parsed(R"({"s":"x","n":-3,"u":18446744073709551615,"d":1.5,"w":2.0,"b":true,"z":null})");
  const JsonView root = document.root();
  CHECK(root.at("/s")->string() == "x");
  CHECK_FALSE(root.at("/s")->number());
  CHECK(root.at("/n")->signed_integer() == -3);
  CHECK_FALSE(root.at("/n")->unsigned_integer());
  CHECK(root.at("/u")->unsigned_integer() == 18446744073709551615u);
  CHECK_FALSE(root.at("/u")->signed_integer());
  CHECK(root.at("/d")->number() == 1.5);
  CHECK_FALSE(root.at("/d")->unsigned_integer());
  CHECK(root.at("/w")->unsigned_integer() == 2);
  CHECK(root.at("/b")->boolean() == true);
  CHECK(root.at("/z")->is_null());
  CHECK_FALSE(root.string());
}

TEST_CASE("a pointer walks objects and arrays") {
  const JsonDocument document =
      parsed(R"({"data":{"text":"hi","list":[10,{"x":1}]},"message":{"from":"ann"},"a":1,"a":2})");
  const JsonView root = document.root();
  CHECK(root.at("/data/text")->string() == "hi");
  CHECK(root.at("/message/from")->string() == "ann");
  CHECK(root.at("/data/list/1/x")->unsigned_integer() == 1);
  CHECK(root.at("/a")->unsigned_integer() == 2);
  CHECK(root.at("")->kind() == JsonView::Kind::object);
  for (const auto* missing : {"/none", "/data/none", "/data/text/x", "/data/list/2", "/data/list/x",
                              "/data/list/-1", "data", "/"}) {
    CAPTURE(missing);
    CHECK_FALSE(root.at(missing));
  }
  CHECK(root.at("/data/list")->json().text() == R"([10,{"x":1}])");
}

TEST_CASE("parts of a document are copied in any order and any form") {
  const JsonDocument document =
      parsed(R"({"plain":{"a":[1,"x y",null],"a":{}},"spaced":{"a": 1,"b":[ ]},"late":[{"c":[]} ],)"
             R"("escaped":["\u0041","\n"],"numbers":[[1.0],[-0],[1E2],[-7]],"last":[10,20]})");
  const auto text = [&document](std::string_view pointer) {
    return document.root().at(pointer)->json().text();
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(text("/plain") == R"({"a":[1,"x y",null],"a":{}})");
    CHECK(text("/plain/a") == "{}");
    CHECK(text("/spaced") == R"({"a":1,"b":[]})");
    CHECK(text("/spaced/b") == "[]");
    CHECK(text("/late") == R"([{"c":[]}])");
    CHECK(text("/escaped") == R"(["A","\n"])");
    CHECK(text("/numbers/0") == "[1]");
    CHECK(text("/numbers/1") == "[0]");
    CHECK(text("/numbers/2") == "[100]");
    CHECK(text("/numbers/3") == "[-7]");
    CHECK(text("/last") == "[10,20]");
  }
}

TEST_CASE("a guess does not change which member is found") {
  const JsonDocument document = parsed(R"({"a":1,"b":2,"a":3})");
  const JsonMembers repeated = document.root().members();
  CHECK(repeated.find("a", repeated.begin())->value.unsigned_integer() == 3);
  const JsonDocument other = parsed(R"({"a":1,"b":2})");
  const JsonMembers members = other.root().members();
  CHECK(members.find("a", members.begin())->value.unsigned_integer() == 1);
  CHECK(members.find("a", members.begin() + 1)->value.unsigned_integer() == 1);
  CHECK(members.find("b", members.end())->value.unsigned_integer() == 2);
  CHECK(members.find("c", members.begin()) == nullptr);
}

TEST_CASE("an object with more members than fit in place keeps them all") {
  std::string text = "{";
  for (int i = 0; i < 100; ++i) text += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  text += "\"k7\":true}";
  const JsonDocument document = parsed(text);
  const JsonMembers members = document.root().members();
  CHECK(members.size() == 101);
  CHECK(members.find("k99")->value.unsigned_integer() == 99);
  CHECK(members.find("k7")->value.boolean() == true);
  CHECK(members.find("k100") == nullptr);
}

TEST_CASE("several documents live at a time, and moving one keeps its views") {
  JsonDocument first = parsed(R"({"a":"one"})");
  const JsonView view = first.root();
  const JsonDocument second = parsed(R"({"a":"two"})");
  const JsonDocument moved = std::move(first);
  CHECK(view.at("/a")->string() == "one");
  CHECK(second.root().at("/a")->string() == "two");
  CHECK(moved.root().at("/a")->string() == "one");
}

TEST_CASE("what build writes is one value") {
  CHECK(Json::build([](JsonWriter& writer) { writer.value("x"); }).text() == "\"x\"");
}

}  // namespace relay::wire
