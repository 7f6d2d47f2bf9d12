// What JsonWriter writes of any bytes is JSON, and of UTF-8 it is the same text again.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <simdjson.h>
#include <string_view>

#include "base/json_writer.hpp"
#include "fuzz/targets.hpp"
#include "wire/json.hpp"

namespace relay::fuzz::json_writer {

int run(const std::uint8_t* data, std::size_t size) {
  using namespace relay;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::uint64_t word = 0;
  std::memcpy(&word, data, size < sizeof word ? size : sizeof word);
  const auto number = std::bit_cast<double>(word);

  const wire::Json json = wire::Json::build([&](JsonWriter& writer) {
    writer.begin_array();
    writer.value(bytes);
    writer.value(word);
    writer.value(number);
    writer.begin_object();
    writer.field(bytes, static_cast<std::int64_t>(word));
    writer.end_object();
    writer.end_array();
  });
  const auto document = wire::JsonDocument::parse(json.text(), wire::kEngineLimits);
  if (!document) std::abort();
  const auto items = document->root().elements();
  const auto text = items.at(0).string();
  if (!text || (simdjson::validate_utf8(bytes.data(), bytes.size()) && *text != bytes))
    std::abort();
  if (items.at(1).unsigned_integer() != word) std::abort();
  if (number - number == 0 && items.at(2).number() != number) std::abort();
  const wire::JsonMembers members = items.at(3).members();
  if (members.begin()->value.signed_integer() != static_cast<std::int64_t>(word)) std::abort();
  return 0;
}

}  // namespace relay::fuzz::json_writer
