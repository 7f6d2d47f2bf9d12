#pragma once

// The rules of JSON strings, for the two writers of JSON: JsonWriter and the one that copies a
// parsed document. Inline, because they run once per string of every frame.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace relay::json_escape {

/// The most bytes that `escape_front` writes.
inline constexpr std::size_t kLongestEscape = 8;

constexpr std::uint64_t repeat(std::uint8_t byte) {
  return 0x0101010101010101ull * byte;
}

/// Whether one of the eight bytes needs a second look: a control, `"`, `\` or not ASCII. Eight at a
/// time in a plain register: as quick as SSE2 for the short strings of our frames, and portable.
inline bool has_special(std::uint64_t word) {
  const std::uint64_t quote = word ^ repeat('"');
  const std::uint64_t backslash = word ^ repeat('\\');
  const std::uint64_t found = (word - repeat(0x20)) | (quote - repeat(1)) | (backslash - repeat(1));
  return ((found | word) & repeat(0x80)) != 0;
}

inline std::uint64_t load8(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

inline bool is_special(unsigned char byte) {
  return byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80;
}

/// Copies bytes up to the first one that is special, in whole steps where it can, and says how
/// many.
inline std::size_t copy_plain(char* to, const char* from, std::size_t size) {
  std::size_t done = 0;
  for (; size - done >= 8; done += 8) {
    const std::uint64_t word = load8(from + done);
    if (has_special(word)) break;
    std::memcpy(to + done, &word, sizeof word);
  }
  if (size >= 8 && size - done < 8) {
    // The last eight once more: overlapping is cheaper than a loop over single bytes.
    const std::uint64_t word = load8(from + size - 8);
    if (!has_special(word)) {
      std::memcpy(to + size - 8, &word, sizeof word);
      return size;
    }
  }
  while (done < size && !is_special(static_cast<unsigned char>(from[done]))) {
    to[done] = from[done];
    ++done;
  }
  return done;
}

/// Writes what stands for the special byte or the UTF-8 sequence at the front of `text`, takes it
/// off, and returns the end of what it wrote.
char* escape_front(std::string_view& text, char* to);

/// The most bytes that `write_double` writes: -1.2345678901234567e-308 and a ".0".
inline constexpr std::size_t kLongestNumber = 32;

/// The shortest text that reads back as the same finite number and as a floating-point one where an
/// integer would lose something. Returns its end.
char* write_double(char* to, double number);

}  // namespace relay::json_escape
