#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/random.hpp"
#include "base/secret.hpp"

namespace relay::test {

/// Makes secrets that occur nowhere else, and finds them where they must not be. A leak is any
/// twelve characters in a row of a secret's random part, so a secret that is cut or wrapped is
/// found too; its masked form is none.
///
/// A place that cannot be searched throws: a test must not pass because nobody looked.
class Canary {
 public:
  explicit Canary(Random& random) : random_(random) {}

  /// A new secret: the prefix and 32 random hex digits.
  [[nodiscard]] Secret plant(std::string_view prefix);

  /// One that the product has made itself: at least 32 random characters at its end.
  void watch(Secret secret) { planted_.push_back(std::move(secret)); }

  /// Secrets may be in this file (a token file).
  void allow(const std::filesystem::path& file);

  /// Something that was captured; `name` says what in the report: "stdout of spawn".
  void search(std::string_view name, std::string_view text);
  /// Every regular file below the directory, names and link targets included.
  void search_files(const std::filesystem::path& root);
  /// The command line and the environment of a process that runs.
  void search_process(pid_t pid);

  /// What was found, one line each: "stdout of spawn: at_live_…3f9c at byte 17". Empty is good.
  [[nodiscard]] const std::vector<std::string>& leaks() const { return leaks_; }

 private:
  Random& random_;
  std::vector<Secret> planted_;
  std::vector<std::filesystem::path> allowed_;
  std::vector<std::string> leaks_;
};

}  // namespace relay::test
