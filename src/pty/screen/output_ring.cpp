#include "pty/screen/output_ring.hpp"

#include <algorithm>
#include <cstring>

namespace relay::pty {

OutputRing::OutputRing(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {}

void OutputRing::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (bytes_ == nullptr) bytes_ = std::make_unique_for_overwrite<char[]>(capacity_);
  end_ += bytes.size();
  held_ = std::min(capacity_, held_ + bytes.size());
  if (bytes.size() > capacity_) bytes.remove_prefix(bytes.size() - capacity_);
  const std::size_t at = (end_ - bytes.size()) % capacity_;
  const std::size_t first = std::min(bytes.size(), capacity_ - at);
  std::memcpy(bytes_.get() + at, bytes.data(), first);
  std::memcpy(bytes_.get(), bytes.data() + first, bytes.size() - first);
}

OutputRing::Piece OutputRing::read(std::uint64_t cursor, std::size_t most) const {
  Piece piece{cursor, false, {}};
  if (cursor < begin()) piece.from = begin(), piece.cut = true;
  if (cursor > end_) piece.from = end_, piece.cut = true;
  const std::size_t length = std::min<std::uint64_t>(end_ - piece.from, most);
  if (length == 0) return piece;
  const std::size_t at = piece.from % capacity_;
  piece.bytes = {bytes_.get() + at, std::min(length, capacity_ - at)};
  return piece;
}

}  // namespace relay::pty
