#include "pty/screen/cluster_table.hpp"

#include <utility>

namespace relay::pty {

void append_utf8(std::string& text, char32_t point) {
  const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0U | (point >> 6U));
    put(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    put(0xE0U | (point >> 12U));
    put(0x80U | ((point >> 6U) & 0x3FU));
    put(0x80U | (point & 0x3FU));
  } else {
    put(0xF0U | (point >> 18U));
    put(0x80U | ((point >> 12U) & 0x3FU));
    put(0x80U | ((point >> 6U) & 0x3FU));
    put(0x80U | (point & 0x3FU));
  }
}

std::string_view ClusterTable::text(const Cell& cell, std::string& buffer) const {
  if (cell.is_cluster()) return texts_[cell.cluster()];
  buffer.clear();
  append_utf8(buffer, cell.glyph);
  return buffer;
}

void ClusterTable::append(Cell& cell, char32_t point, std::span<Cell> grid, std::span<Cell> other) {
  if (texts_.size() >= 2 * (grid.size() + other.size())) drop_unused(grid, other);
  std::string buffer;
  std::string longer(text(cell, buffer));
  append_utf8(longer, point);
  if (longer.size() > kMostBytes) return;
  cell.glyph = Cell::kCluster | static_cast<char32_t>(texts_.size());
  texts_.push_back(std::move(longer));
}

void ClusterTable::drop_unused(std::span<Cell> grid, std::span<Cell> other) {
  std::vector<std::string> kept;
  for (const auto cells : {grid, other}) {
    for (Cell& cell : cells) {
      if (!cell.is_cluster()) continue;
      // Copied, not moved: REP and insertions let several cells show one entry.
      std::string text = texts_[cell.cluster()];
      cell.glyph = Cell::kCluster | static_cast<char32_t>(kept.size());
      kept.push_back(std::move(text));
    }
  }
  texts_ = std::move(kept);
}

}  // namespace relay::pty
