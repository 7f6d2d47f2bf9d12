// What people and clients write into texts that the engine reads: words of a search, mentions,
// patterns of triggers, times, names of deliveries, filters.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "engine/names.hpp"
#include "engine/pattern.hpp"
#include "engine/store/sqlite/search_words.hpp"
#include "engine/stream_filter.hpp"
#include "engine/views.hpp"
#include "fuzz/targets.hpp"
#include "storage/connection.hpp"

namespace relay::fuzz::engine_text {

namespace {

using namespace relay;
using namespace relay::engine;

/// Each word of a search and each byte of a pattern costs: what is found is found in short ones.
constexpr std::size_t kLongestSearch = 256;
constexpr std::size_t kLongestPattern = 24;

void expect(bool good) {
  if (!good) std::abort();
}

/// The index takes every query that we make: it would fail for ever on one that it cannot read.
void search(const std::string& input) {
  static const auto db =
      storage::Connection::open("", storage::Connection::How::memory, "words").value();
  static const bool made = db->exec("CREATE VIRTUAL TABLE words USING fts5(text)");
  expect(made);
  const auto match = match_of(input);
  if (match.empty()) return;
  storage::Query query(*db, "SELECT rowid FROM words WHERE words MATCH ?1");
  query.bind(match).run();
  expect(!db->failed());
}

void find_mentions(const std::string& input) {
  const auto mentions = mentions_in(input);
  expect(std::set(mentions.begin(), mentions.end()).size() == mentions.size());
  for (const auto& name : mentions) expect(input.find("@" + name) != std::string::npos);
}

void read_times(const std::string& input) {
  const auto time = parse_wire_time(input);
  if (!time) return;
  const auto written = wire_time(*time);
  const auto again = parse_wire_time(written);
  expect(again && wire_time(*again) == written);
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  search(input.substr(0, kLongestSearch));
  find_mentions(input);
  read_times(input);
  if (const auto name = parse_delivery_id(input)) {
    Delivery delivery;
    delivery.message = name->message;
    delivery.agent = name->agent;
    expect(parse_delivery_id(delivery_id(delivery)).has_value());
  }
  if (const auto id = parse_id(input)) expect(parse_id(std::to_string(*id)) == id);
  const StreamFilter filter(input);
  StreamFacts facts;
  facts.type = "message.created";
  (void)filter.shows(facts);
  if (input.size() <= kLongestPattern && is_pattern(input)) (void)has_pattern(input, input);
  return 0;
}

}  // namespace relay::fuzz::engine_text
