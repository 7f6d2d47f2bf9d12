#include "pty/keeper/marks.hpp"

#include <charconv>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include "base/ids.hpp"
#include "os/fd.hpp"

namespace relay::pty::keeper {
namespace {

constexpr unsigned kSessionBits = 24;
constexpr unsigned kKeeperBits = 13;
constexpr unsigned kPlaceBits = 24;
constexpr std::uint64_t kMagic = std::uint64_t{1} << (kSessionBits + kKeeperBits + kPlaceBits);
/// An environment is at most as long as Linux lets it be.
constexpr std::size_t kLongestEnvironment = std::size_t{4} << 20U;

std::uint64_t place_bits(std::string_view directory) {
  const std::string hash = short_hash(directory);
  std::uint32_t number = 0;
  std::from_chars(hash.data(), hash.data() + hash.size(), number, 16);
  return number >> (32U - kPlaceBits);
}

}  // namespace

LimitMark::LimitMark(std::string_view directory, Random& random)
    : base_(kMagic | (place_bits(directory) << (kSessionBits + kKeeperBits)) |
            (random.below(std::uint64_t{1} << kKeeperBits) << kSessionBits)) {}

std::uint64_t LimitMark::limit_of(SessionNumber session) const {
  return base_ + (kMostSessionsEver - session);
}

std::optional<SessionNumber> LimitMark::session_of(std::uint64_t limit) const {
  if (limit >> kSessionBits != base_ >> kSessionBits) return std::nullopt;
  return kMostSessionsEver - static_cast<SessionNumber>(limit & kMostSessionsEver);
}

bool LimitMark::same_place(std::uint64_t limit) const {
  return limit >> (kSessionBits + kKeeperBits) == base_ >> (kSessionBits + kKeeperBits);
}

std::optional<std::uint64_t> read_hard_limit(pid_t pid) {
  rlimit limit{};
  // Refused for a program of another user (sudo), which we could not signal either.
  if (::prlimit(pid, RLIMIT_RTTIME, nullptr, &limit) != 0) return std::nullopt;
  return limit.rlim_max;
}

std::optional<std::uint64_t> read_limit(pid_t pid) {
  const auto limit = read_hard_limit(pid);
  if (!limit || *limit == RLIM_INFINITY || *limit < kMagic) return std::nullopt;
  return limit;
}

bool wear_limit(std::uint64_t limit) {
  const rlimit both{limit, limit};
  return ::setrlimit(RLIMIT_RTTIME, &both) == 0;
}

std::optional<std::string> read_variable(pid_t pid, std::string_view name) {
  const os::Fd file(::open(fmt::format("/proc/{}/environ", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string all;
  char piece[4096];
  ssize_t got = 0;
  while (all.size() < kLongestEnvironment && (got = ::read(file.get(), piece, sizeof piece)) > 0) {
    all.append(piece, static_cast<std::size_t>(got));
  }
  std::string_view left = all;
  while (!left.empty()) {
    const std::string_view entry = left.substr(0, left.find('\0'));
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      return std::string(entry.substr(name.size() + 1));
    }
    left.remove_prefix(std::min(entry.size() + 1, left.size()));
  }
  return std::nullopt;
}

std::string place_name(std::string_view directory) {
  return short_hash(directory);
}

}  // namespace relay::pty::keeper
