#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace relay::pty {

/// The last bytes of a program's output. Every byte has a number, its cursor: the first one ever
/// written is 0, and numbers are never used again. Memory is taken when the first byte comes and
/// never grows, so that a silent program costs nothing.
class OutputRing {
 public:
  /// Bytes. Some screens of text: enough to build a screen from and to bridge a viewer's
  /// reconnect, little enough for a thousand programs.
  static constexpr std::size_t kDefaultCapacity = std::size_t{64} * 1024;

  explicit OutputRing(std::size_t capacity = kDefaultCapacity);

  void append(std::string_view bytes);

  /// The oldest byte that is still here.
  [[nodiscard]] std::uint64_t begin() const { return end_ - held_; }
  /// The byte that comes next.
  [[nodiscard]] std::uint64_t end() const { return end_; }

  struct Piece {
    /// Where `bytes` begin. Not the cursor that was asked for when `cut`.
    std::uint64_t from = 0;
    /// Bytes between the cursor and `from` are gone (or the cursor belongs to another program and
    /// lies behind the end): a viewer has to paint anew.
    bool cut = false;
    /// Empty when the cursor is at the end. Valid until the next append.
    std::string_view bytes;

    [[nodiscard]] std::uint64_t next() const { return from + bytes.size(); }
  };

  /// What comes at `cursor`, at most `most` bytes. Held bytes may come in two pieces: go on at
  /// next() until a piece is empty.
  [[nodiscard]] Piece read(std::uint64_t cursor, std::size_t most = SIZE_MAX) const;

 private:
  std::size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  std::size_t held_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace relay::pty
