#include "base/secret.hpp"

#include <concepts>
#include <doctest/doctest.h>
#include <ostream>
#include <type_traits>
#include <utility>

namespace relay {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);

}  // namespace

TEST_CASE("the masked form tells tokens apart and gives nothing away") {
  CHECK(Secret("at_live_0123456789abcdef0123456789ab3f9c").masked() == "at_live_…3f9c");
  CHECK(Secret("br_0123456789abcdef").masked() == "br_…cdef");
  CHECK(Secret("correct horse battery staple").masked() == "…aple");
  CHECK(Secret("hunter2").masked() == "…");
  CHECK(Secret("br_0123456789abcde").masked() == "…");
  CHECK(Secret().masked() == "…");
}

TEST_CASE("a moved-from secret and a moved-from string hold nothing") {
  std::string text = "short-one";
  char* const where = text.data();
  Secret first(std::move(text));
  CHECK(std::string_view(where, 9) == std::string_view("\0\0\0\0\0\0\0\0\0", 9));
  Secret second(std::move(first));
  CHECK(second.reveal() == "short-one");
  CHECK(first.empty());
  second = Secret("another");
  CHECK(second.reveal() == "another");
}

TEST_CASE("wiping reaches the spare capacity") {
  std::string text = "a long secret that lives on the heap and is cut later on";
  text.resize(2);
  char* const where = text.data();
  const std::size_t capacity = text.capacity();
  wipe(text);
  REQUIRE(text.data() == where);
  CHECK(text.empty());
  // The string still owns these bytes.
  text.resize(capacity, 'x');
  CHECK(text.find_first_not_of('x') == std::string::npos);
}

TEST_CASE("secrets are equal by value and length") {
  CHECK(Secret("abc") == Secret("abc"));
  CHECK_FALSE(Secret("abc") == Secret("abd"));
  CHECK_FALSE(Secret("abc") == Secret("abcd"));
  CHECK_FALSE(Secret("") == Secret("a"));
}

}  // namespace relay
