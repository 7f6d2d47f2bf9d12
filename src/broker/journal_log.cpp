#include "broker/journal_log.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace relay::broker {
namespace {

// https://www.sqlite.org/fileformat2.html#walformat
constexpr std::size_t kLogHeader = 32;
constexpr std::size_t kFrameHeader = 24;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kFrame = kFrameHeader + kPage;
constexpr std::uint32_t kMagic = 0x377f0682;
/// A page number this far behind all that there can be is a broken one.
constexpr std::size_t kSlack = 1024;

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  const std::uint32_t value = big_endian(bytes, at);
  return value >> 24 | (value >> 8 & 0xff00) | (value << 8 & 0xff0000) | value << 24;
}

using Sums = std::array<std::uint32_t, 2>;

class Log {
 public:
  explicit Log(std::string_view bytes) : bytes_(bytes) {
    if (bytes_.size() < kLogHeader + kFrame) return;
    big_ = (big_endian(bytes_, 0) & 1) != 0;
    Sums sums{0, 0};
    sum(sums, bytes_.substr(0, kLogHeader - 8));
    header_sound_ = (big_endian(bytes_, 0) & ~1U) == kMagic && sums == sums_at(kLogHeader - 8);
    // The salts of the first frame are as good when the header's are broken.
    salts_ = header_sound_ ? bytes_.substr(16, 8) : frame(0).substr(8, 8);
    for (std::size_t i = 0; i < count(); ++i) {
      if (frame(i).substr(8, 8) == salts_) current_.push_back(i);
    }
  }

  [[nodiscard]] std::size_t count() const {
    return bytes_.size() < kLogHeader ? 0 : (bytes_.size() - kLogHeader) / kFrame;
  }
  [[nodiscard]] std::string_view frame(std::size_t i) const {
    return bytes_.substr(kLogHeader + i * kFrame, kFrame);
  }
  /// Frames of this generation of the log; others are left over from the one before.
  [[nodiscard]] const std::vector<std::size_t>& current() const { return current_; }
  [[nodiscard]] bool commits(std::size_t i) const { return big_endian(frame(i), 4) != 0; }
  [[nodiscard]] bool header_sound() const { return header_sound_; }

  /// How many frames from the start on SQLite believes.
  [[nodiscard]] std::size_t believed() const {
    if (!header_sound_) return 0;
    Sums sums = sums_at(kLogHeader - 8);
    for (std::size_t i = 0; i < count(); ++i) {
      const auto bytes = frame(i);
      if (bytes.substr(8, 8) != salts_ || big_endian(bytes, 0) == 0) return i;
      sum(sums, bytes.substr(0, 8));
      sum(sums, bytes.substr(kFrameHeader));
      if (sums != sums_at(kLogHeader + i * kFrame + 16)) return i;
    }
    return count();
  }

 private:
  void sum(Sums& sums, std::string_view of) const {
    for (std::size_t i = 0; i + 8 <= of.size(); i += 8) {
      const auto first = big_ ? big_endian(of, i) : little_endian(of, i);
      const auto second = big_ ? big_endian(of, i + 4) : little_endian(of, i + 4);
      sums[0] += first + sums[1];
      sums[1] += second + sums[0];
    }
  }
  [[nodiscard]] Sums sums_at(std::size_t at) const {
    return {big_endian(bytes_, at), big_endian(bytes_, at + 4)};
  }

  std::string_view bytes_;
  std::string_view salts_;
  std::vector<std::size_t> current_;
  bool big_ = false;
  bool header_sound_ = false;
};

}  // namespace

bool log_is_broken_inside(std::string_view bytes) {
  const Log log(bytes);
  const std::size_t believed = log.believed();
  bool committed = false;
  for (const std::size_t i : log.current()) {
    if (i < believed) continue;
    if (committed) return true;
    committed = log.commits(i);
  }
  return false;
}

std::string with_log_applied(std::string database, std::string_view bytes) {
  const Log log(bytes);
  const auto& frames = log.current();
  const auto last =
      std::find_if(frames.rbegin(), frames.rend(), [&](std::size_t i) { return log.commits(i); });
  const std::size_t most = database.size() / kPage + frames.size() + kSlack;
  for (auto it = frames.begin(); it != last.base(); ++it) {
    const std::uint32_t number = big_endian(log.frame(*it), 0);
    if (number == 0 || number > most) continue;
    const std::size_t at = std::size_t{number - 1} * kPage;
    if (database.size() < at + kPage) database.resize(at + kPage);
    database.replace(at, kPage, log.frame(*it).substr(kFrameHeader));
  }
  database.resize(database.size() / kPage * kPage);
  return database;
}

}  // namespace relay::broker
