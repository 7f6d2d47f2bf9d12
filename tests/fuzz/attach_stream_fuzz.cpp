// One message of a broker's output stream behind a picture up to position 4, and one of its input
// stream: what is shown is what came, nothing of it twice.
#include "cli/attach_stream.hpp"
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"

namespace relay::fuzz::attach_stream {

int run(const std::uint8_t* data, std::size_t size) {
  using namespace relay::cli;
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  AttachStream stream;
  if (!stream.text(R"({"type":"output_screen","cursor":4,"rows":1,"cols":1,"screen":""})")) {
    std::abort();
  }
  const auto output = stream.binary(message);
  if (output && output->kind == AttachStep::Kind::print) {
    if (!message.ends_with(output->bytes) || output->bytes.size() + 8 > size) std::abort();
    const auto again = stream.binary(message);
    if (!again || again->kind != AttachStep::Kind::nothing) std::abort();
  }
  (void)stream.text(message);
  (void)read_input_note(message);
  return 0;
}

}  // namespace relay::fuzz::attach_stream
