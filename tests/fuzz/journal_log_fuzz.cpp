// A write-ahead log of any bytes: reading it ends, and makes whole pages of a bounded size.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "broker/journal_log.hpp"
#include "fuzz/targets.hpp"

namespace relay::fuzz::journal_log {

int run(const std::uint8_t* data, std::size_t size) {
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  (void)relay::broker::log_is_broken_inside(log);
  const std::string database(8192, 'd');
  const std::string applied = relay::broker::with_log_applied(database, log);
  if (applied.size() % 4096 != 0 || applied.size() < database.size()) std::abort();
  if (applied.size() > database.size() + size + std::size_t{1025} * 4096) std::abort();
  return 0;
}

}  // namespace relay::fuzz::journal_log
