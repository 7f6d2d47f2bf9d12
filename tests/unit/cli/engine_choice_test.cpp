#include "cli/engine_choice.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace relay::cli {
namespace {

using Whose = EnrolledEngine::Whose;

constexpr const char* kShared = "http://127.0.0.1:20001";
constexpr const char* kOwn = "http://127.0.0.1:20002";
constexpr const char* kFar = "https://far.example";
constexpr const char* kFarther = "https://farther.example";
constexpr const char* kNamed = "https://named.example";

EnrolledEngine enrolled_with(const char* url, Whose whose) {
  EnrolledEngine out;
  out.url = url;
  out.node_id = fmt::format("node-of-{}", url);
  out.whose = whose;
  return out;
}

/// A directory by what it is enrolled with.
struct Enrolled {
  const char* name;
  std::vector<EnrolledEngine> with;
};

std::vector<Enrolled> directories() {
  const auto shared = enrolled_with(kShared, Whose::shared);
  const auto own = enrolled_with(kOwn, Whose::own);
  const auto far = enrolled_with(kFar, Whose::stranger);
  const auto farther = enrolled_with(kFarther, Whose::stranger);
  return {{"nowhere", {}},
          {"shared", {shared}},
          {"own", {own}},
          {"far", {far}},
          {"shared+own", {shared, own}},
          {"own+shared", {own, shared}},
          {"shared+far", {shared, far}},
          {"own+far", {own, far}},
          {"shared+own+far", {shared, own, far}},
          {"far+farther", {far, farther}},
          {"far+far", {far, far}}};
}

/// "embedded", "named URL", or the error's name.
std::string said(const Result<EngineAnswer>& answer) {
  if (!answer) return std::string(name_of(answer.error().code));
  if (answer->choice == EngineChoice::none) return "none";
  if (answer->choice == EngineChoice::embedded) return "embedded";
  return "named " + answer->url;
}

/// One line for all directories: "nowhere: embedded, shared: …".
std::string table_of(const EngineQuestion& asked) {
  std::string out;
  for (const Enrolled& directory : directories()) {
    EngineQuestion question = asked;
    question.enrolled = directory.with;
    out += fmt::format("{}: {}\n", directory.name, said(decide_engine(question)));
  }
  return out;
}

std::string everywhere(const std::string& answer) {
  std::string out;
  for (const Enrolled& directory : directories()) {
    out += fmt::format("{}: {}\n", directory.name, answer);
  }
  return out;
}

}  // namespace

TEST_CASE("without a word the directory's engine is taken, of our own ones the shared one only") {
  CHECK(table_of(EngineQuestion()) ==
        "nowhere: embedded\n"
        "shared: embedded\n"
        "own: embedded\n"
        "far: named https://far.example\n"
        "shared+own: embedded\n"
        "own+shared: embedded\n"
        "shared+far: invalid_argument\n"
        "own+far: named https://far.example\n"
        "shared+own+far: invalid_argument\n"
        "far+farther: invalid_argument\n"
        "far+far: named https://far.example\n");
}

TEST_CASE("--own-engine and --store are the embedded engine, whatever else is known") {
  EngineQuestion question;
  question.own = true;
  CHECK(table_of(question) == everywhere("embedded"));
  question.named = kNamed;
  question.secret_given = true;
  CHECK(table_of(question) == everywhere("embedded"));
}

TEST_CASE("an engine that is named is that engine; the shared one by its address is run here") {
  EngineQuestion question;
  question.named = kNamed;
  CHECK(table_of(question) == everywhere("named https://named.example"));
  question.secret_given = true;
  CHECK(table_of(question) == everywhere("named https://named.example"));
  question.named = kShared;
  question.named_is_shared = true;
  CHECK(table_of(question) == everywhere("embedded"));
  question.role = "node";
  CHECK(table_of(question) == everywhere(std::string("named ") + kShared));
  question.role.clear();
  question.peer = true;
  CHECK(table_of(question) == everywhere(std::string("named ") + kShared));
}

TEST_CASE("a key or a token without an engine belongs to the one the directory is enrolled with") {
  EngineQuestion question;
  question.secret_given = true;
  const std::string table =
      "nowhere: not_enrolled\n"
      "shared: named http://127.0.0.1:20001\n"
      "own: not_enrolled\n"
      "far: named https://far.example\n"
      "shared+own: named http://127.0.0.1:20001\n"
      "own+shared: named http://127.0.0.1:20001\n"
      "shared+far: named https://far.example\n"
      "own+far: named https://far.example\n"
      "shared+own+far: named https://far.example\n"
      "far+farther: invalid_argument\n"
      "far+far: named https://far.example\n";
  CHECK(table_of(question) == table);
  question.role = "node";
  CHECK(table_of(question) == table);
}

TEST_CASE("--role node runs no engine: it joins one that is known, or says that none is") {
  EngineQuestion question;
  question.role = "node";
  CHECK(table_of(question) ==
        "nowhere: not_enrolled\n"
        "shared: named http://127.0.0.1:20001\n"
        "own: not_enrolled\n"
        "far: named https://far.example\n"
        "shared+own: named http://127.0.0.1:20001\n"
        "own+shared: named http://127.0.0.1:20001\n"
        "shared+far: invalid_argument\n"
        "own+far: named https://far.example\n"
        "shared+own+far: invalid_argument\n"
        "far+farther: invalid_argument\n"
        "far+far: named https://far.example\n");
}

TEST_CASE("--role engine is the engine, --relay off is none, in every directory") {
  EngineQuestion question;
  question.role = "engine";
  CHECK(table_of(question) == everywhere("embedded"));
  question.named = kNamed;
  CHECK(table_of(question) == everywhere("embedded"));
  EngineQuestion off;
  off.relay_off = true;
  CHECK(table_of(off) == everywhere("none"));
}

TEST_CASE("under the peer's name it is a stranger's engine, else the peer's usual one") {
  EngineQuestion question;
  question.peer = true;
  CHECK(table_of(question) ==
        "nowhere: named \n"
        "shared: named \n"
        "own: named \n"
        "far: named https://far.example\n"
        "shared+own: named \n"
        "own+shared: named \n"
        "shared+far: named https://far.example\n"
        "own+far: named https://far.example\n"
        "shared+own+far: named https://far.example\n"
        "far+farther: named \n"
        "far+far: named https://far.example\n");
}

TEST_CASE("a node that is named is a node of its token's engine") {
  EngineQuestion question;
  question.node_named = true;
  CHECK(said(decide_engine(question)) == "not_enrolled");
  question.enrolled = {enrolled_with(kShared, Whose::shared)};
  CHECK(said(decide_engine(question)) == "embedded");
  question.enrolled = {enrolled_with(kOwn, Whose::own)};
  CHECK(said(decide_engine(question)) == std::string("named ") + kOwn);
  question.enrolled = {enrolled_with(kFar, Whose::stranger)};
  CHECK(said(decide_engine(question)) == std::string("named ") + kFar);
  question.enrolled = {enrolled_with("", Whose::stranger)};
  CHECK(said(decide_engine(question)) == "not_enrolled");
}

TEST_CASE("several engines are named, each with its node, and how one is chosen is said") {
  EngineQuestion question;
  question.enrolled = {enrolled_with(kShared, Whose::shared), enrolled_with(kOwn, Whose::own),
                       enrolled_with(kFar, Whose::stranger), enrolled_with("", Whose::stranger)};
  const auto answer = decide_engine(question);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().message ==
        "this directory is enrolled with several engines: the one of this user, "
        "http://127.0.0.1:20001 (node-of-http://127.0.0.1:20001), https://far.example "
        "(node-of-https://far.example), one without an address (node-of-)");
  CHECK(answer.error().hint ==
        "serve --engine URL says which; relay-broker token clear --engine URL forgets one");
  question.secret_given = true;
  const auto with_key = decide_engine(question);
  REQUIRE_FALSE(with_key);
  CHECK(with_key.error().message.find(kShared) == std::string::npos);
}

}  // namespace relay::cli
