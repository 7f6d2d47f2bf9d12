#pragma once

#include <string>

#include "os/fd.hpp"

namespace relay::test {

/// Who watches a terminal, from the first byte that its broker still has: GET /api/output/NAME.
/// Nothing is read before the end; until then it waits in the socket, which takes 100 kB and more.
class OutputReader {
 public:
  /// Throws when it gets no stream. `socket`: the broker's.
  OutputReader(const std::string& socket, const std::string& name);

  /// All output until the broker ends the stream.
  [[nodiscard]] std::string read_to_end();
  /// The broker has said that something is missing.
  [[nodiscard]] bool is_cut() const { return cut_; }

 private:
  bool receive();
  void take_frames();

  os::Fd socket_;
  std::string received_;
  std::string output_;
  bool cut_ = false;
};

}  // namespace relay::test
