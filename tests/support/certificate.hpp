#pragma once

#include <string>

namespace relay::test {

/// A fresh self-signed certificate and its key as PEM files, gone afterwards.
class Certificate {
 public:
  /// `subject_alt_name` in OpenSSL's words: "DNS:localhost", "IP:127.0.0.1".
  explicit Certificate(const std::string& subject_alt_name);
  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  std::string directory;
  std::string certificate_file;
  std::string key_file;
};

}  // namespace relay::test
