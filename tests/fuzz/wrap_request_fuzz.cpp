// A line from the control socket of wrap: what is taken is within bounds, and what is answered is
// one line whatever the id was.
#include "cli/wrap_request.hpp"
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace relay::cli;
  const auto request = read_request({reinterpret_cast<const char*>(data), size});
  if (request.id.size() > kMostRequestName) std::abort();
  if (request.letter) {
    const auto& letter = *request.letter;
    if (letter.id.empty() || letter.id != request.id) std::abort();
    if (letter.sender.empty() || letter.sender.size() > kMostRequestName) std::abort();
  }
  const auto line = request.letter ? outcome_line(request.id, {})
                                   : refusal_line(request.id, request.letter.error());
  if (line.find('\n') != line.size() - 1) std::abort();
  return 0;
}
