#include "broker/local_threads.hpp"

#include <doctest/doctest.h>

namespace relay::broker {
namespace {

Wall at(int second) {
  return Wall(std::chrono::seconds(second));
}

}  // namespace

TEST_CASE("a conversation is a channel, two names in order, or what it was called") {
  LocalThreads threads;
  threads.add(at(1), "zoe", "amy", "", "one");
  threads.add(at(2), "amy", "#dev", "", "two");
  threads.add(at(3), "amy", "zoe", "", "three");
  threads.add(at(4), "amy", "zoe", "thr_1", "four");
  const auto list = threads.list();
  REQUIRE(list.size() == 3);
  CHECK(list[0].id == "thr_1");
  CHECK(list[1].id == "direct:amy:zoe");
  CHECK(list[1].last_message == "three");
  CHECK(list[1].last_at == at(3));
  CHECK(list[2].id == "#dev");
  CHECK(list[2].name == "#dev");
}

TEST_CASE("a preview is cut at 200 bytes and never inside a character") {
  LocalThreads threads;
  threads.add(at(1), "a", "b", "", std::string(199, 'x') + "\xc3\xa9 and more");
  CHECK(threads.list()[0].last_message == std::string(199, 'x') + "...");
  threads.add(at(2), "a", "b", "", std::string(200, 'x'));
  CHECK(threads.list()[0].last_message == std::string(200, 'x'));
}

TEST_CASE("the last 1000 messages are remembered") {
  LocalThreads threads;
  threads.add(at(0), "a", "first", "", "x");
  for (int i = 1; i < 1000; ++i) threads.add(at(i), "a", "b", "", "x");
  CHECK(threads.list().size() == 2);
  threads.add(at(1000), "a", "b", "", "x");
  CHECK(threads.list().size() == 1);
}

}  // namespace relay::broker
