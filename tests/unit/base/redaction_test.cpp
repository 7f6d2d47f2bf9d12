#include "base/redaction.hpp"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "base/ids.hpp"

namespace relay {
namespace {

constexpr const char* kHex = "0123456789abcdef0123456789abcdef";

}  // namespace

TEST_CASE("tokens are found by their prefix") {
  for (const char* prefix : {"rk_live_", "at_live_", "nt_live_", "ot_live_", "wh_live_", "br_",
                             "at_test_", "rk_", "nt_", "ot_", "wh_"}) {
    CAPTURE(prefix);
    const std::string token = std::string(prefix) + kHex;
    CHECK(redact(token) == "[redacted]");
    CHECK(redact("got " + token + ", stopped") == "got [redacted], stopped");
    CHECK(redact("x\\n" + token) == "x\\n[redacted]");
  }
  CHECK(redact("id arr_3d5f1a52-7b0a-4c8e-9a41-0f2b6f1c9d77.") == "id [redacted].");
}

TEST_CASE("words that only begin like a token stay") {
  for (const char* text :
       {"at_most", "at_least_once_delivery_of_frames", "br_interface", "wh_question",
        "format_string", "node_42", "cat_and_dog", "delivery_id=d_0123456789abcdef0123"}) {
    CHECK(redact(text) == text);
  }
}

TEST_CASE("each shape in which a secret is written") {
  const struct {
    const char* line;
    const char* safe;
  } rows[] = {
      {"Authorization: Bearer abc", "Authorization: [redacted]"},
      {"authorization: Basic dTpw\r", "authorization: [redacted]\r"},
      {"curl -H 'X-Api-Key: abc' http://h/", "curl -H 'X-Api-Key: [redacted]' http://h/"},
      {"sent bearer abc.def-ghi to h", "sent bearer [redacted] to h"},
      {"the bearer token is missing", "the bearer token is missing"},
      {"GET /v1/ws?token=abc&x=1", "GET /v1/ws?token=[redacted]&x=1"},
      {"GET /?a=1&access_token=a%2Fb#f", "GET /?a=1&access_token=[redacted]#f"},
      {"RELAY_API_KEY=abc next", "RELAY_API_KEY=[redacted] next"},
      {"password = hunter2", "password = [redacted]"},
      {"--node-token abc --name n", "--node-token [redacted] --name n"},
      {"--workspace-key @key.txt", "--workspace-key @key.txt"},
      {"--token - --name n", "--token - --name n"},
      {R"({"token":"abc","name":"n"})", R"({"token":"[redacted]","name":"n"})"},
      {R"({"api_key" : "a\"b\\","n":1})", R"({"api_key" : "[redacted]","n":1})"},
      {R"({"clientSecret":"abc"})", R"({"clientSecret":"[redacted]"})"},
      {R"({"token":12345,"n":1})", R"({"token":"[redacted]","n":1})"},
      {R"({"token":null,"a":true})", R"({"token":null,"a":true})"},
      {R"({"token":{"v":"a}","w":["b"]},"n":1})", R"({"token":"[redacted]","n":1})"},
      {R"({"body":"{\"token\":\"abc\",\"n\":1}"})",
       R"({"body":"{\"token\":\"[redacted]\",\"n\":1}"})"},
      {R"("{\"token\":\"a\\\"b\",\"n\":1}")", R"("{\"token\":\"[redacted]\",\"n\":1}")"},
      {R"("{\"token\":\"cut)", R"("{\"token\":\"[redacted])"},
      {R"(token: "abc" was wrong)", R"(token: "[redacted]" was wrong)"},
      {"postgres://relay:p@ss@db/x", "postgres://relay:[redacted]@db/x"},
      {"https://0123456789abcdefghij@github.com/a", "https://[redacted]@github.com/a"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.line);
    CHECK(redact(row.line) == row.safe);
    CHECK(redact(row.safe) == row.safe);
  }
}

TEST_CASE("ordinary lines stay as they are") {
  for (const char* line :
       {"", "cannot read token: permission denied", R"({"max_tokens":100,"usage":{"tokens":5}})",
        R"({"token_path":"/home/a/token"})", "ssh://git@host:22/x", "http://[::1]:8080/a?b=c",
        "the secret is safe", "monkey=banana", "12:30:01 ready"}) {
    CHECK(redact(line) == line);
  }
}

TEST_CASE("a value that follows an earlier mark is hidden all the same") {
  CHECK(redact("token=[redacted]abc") == "token=[redacted][redacted]");
  CHECK(redact(R"({"token":"[redacted]abc"})") == R"({"token":"[redacted][redacted]"})");
}

TEST_CASE("a watched value is hidden wherever and however it is written") {
  Redactor redactor;
  CHECK(redactor.watch(Secret("correct horse")));
  CHECK(redactor.watch(Secret("say \"yes\"")));
  CHECK_FALSE(redactor.watch(Secret("abc")));
  CHECK_FALSE(redactor.watch(Secret("")));
  CHECK(redactor.redact("a correct horse!") == "a [redacted]!");
  CHECK(redactor.redact("?q=correct%20horse") == "?q=[redacted]");
  CHECK(redactor.redact(R"({"m":"say \"yes\""})") == R"({"m":"[redacted]"})");
  CHECK(redactor.redact("correct horscorrect horse") == "correct hors[redacted]");
}

TEST_CASE("overlapping secrets leave no part of either") {
  Redactor redactor;
  redactor.watch(Secret("abcabcabc"));
  redactor.watch(Secret("bcabcabcX"));
  CHECK(redactor.redact("-abcabcabcabcabcX-") == "-[redacted]-");
}

TEST_CASE("each line of a value of several lines is hidden") {
  Redactor redactor;
  redactor.watch(Secret("-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\n"));
  CHECK(redactor.redact("line 2 is MIIEvQIBADANBg") == "line 2 is [redacted]");
}

TEST_CASE("a value watched twice is shown only when it is forgotten twice") {
  Redactor redactor;
  const Secret secret("old-value");
  redactor.watch(secret);
  redactor.watch(secret);
  redactor.forget(secret);
  CHECK(redactor.redact("old-value") == "[redacted]");
  redactor.forget(secret);
  CHECK(redactor.redact("old-value") == "old-value");
  redactor.forget(secret);
}

TEST_CASE("no planted secret survives in random surroundings") {
  SeededRandom random(13);
  const std::vector<std::string> pieces{
      "{\"token\":\"",  "\"",    "\\", "\\\"", "Bearer ", "token=",     "&",   " ", "\n", ":",
      "--token ",       "://u:", "@",  "[",    "{",       "[redacted]", "at_", "_", "'",  "\xFF",
      "Authorization: "};
  Redactor redactor;
  for (int i = 0; i < 3000; ++i) {
    const std::string known = random_hex("k", 6, random);
    const std::string token = random_hex("at_live_", 16, random);
    redactor.watch(Secret(known));
    std::string line;
    const std::uint64_t parts = random.below(20);
    for (std::uint64_t n = 0; n < parts; ++n) {
      line += pieces[random.below(pieces.size())];
      const std::uint64_t plant = random.below(4);
      if (plant == 0) line += known;
      if (plant == 1) line += token;
    }
    const std::string safe = redactor.redact(line);
    CAPTURE(line);
    CHECK(safe.find(known) == std::string::npos);
    CHECK(safe.find(token) == std::string::npos);
    CHECK(safe.size() <= 3 * line.size());
    redactor.forget(Secret(known));
  }
}

}  // namespace relay
