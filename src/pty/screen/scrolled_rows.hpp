// Internal to pty/.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace relay::pty {

/// The last `most` rows that have left the top of a screen. The strings are used again, so that a
/// flood of output allocates nothing.
class ScrolledRows {
 public:
  explicit ScrolledRows(std::size_t most) : most_(most) {}

  [[nodiscard]] bool wanted() const { return most_ > 0; }

  /// The place for the next row, empty; most is not 0.
  std::string& next() {
    if (rows_.size() < most_) return rows_.emplace_back();
    std::string& row = rows_[oldest_];
    oldest_ = (oldest_ + 1) % most_;
    row.clear();
    return row;
  }

  void clear() {
    rows_.clear();
    oldest_ = 0;
  }

  [[nodiscard]] std::vector<std::string> oldest_first() const {
    std::vector<std::string> rows(rows_.begin() + static_cast<std::ptrdiff_t>(oldest_),
                                  rows_.end());
    rows.insert(rows.end(), rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(oldest_));
    return rows;
  }

 private:
  std::size_t most_;
  std::vector<std::string> rows_;
  std::size_t oldest_ = 0;
};

}  // namespace relay::pty
