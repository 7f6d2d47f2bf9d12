#pragma once

#include <string>
#include <string_view>

namespace relay {

/// A key, token or password. It has no stream operator, no conversion and no formatter, so that it
/// is not printed by accident: `reveal()` is the one way out, and `masked()` the form for people.
/// The bytes are wiped when it is destroyed, assigned to or moved from. What `reveal()` was copied
/// into is not.
class Secret {
 public:
  Secret() = default;
  /// Takes the text over; the caller's string is wiped.
  explicit Secret(std::string&& text);
  explicit Secret(std::string_view text) : text_(text) {}
  explicit Secret(const char* text) : text_(text) {}
  Secret(const Secret&) = default;
  Secret(Secret&& from) noexcept;
  Secret& operator=(const Secret& from);
  Secret& operator=(Secret&& from) noexcept;
  ~Secret();

  [[nodiscard]] const std::string& reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  /// Enough to tell two tokens apart: "at_live_…3f9c". Shows the kind (up to the last '_' of the
  /// first nine characters) and the last four characters, and those only if twelve others stay
  /// hidden; else "…".
  [[nodiscard]] std::string masked() const;

  /// Takes the same time wherever two secrets of one length differ.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  std::string text_;
};

/// Overwrites every byte, spare capacity included, and empties the string. Not optimised away.
void wipe(std::string& text);

}  // namespace relay
