// How many frames per second one core decodes and encodes: `bench-wire [--json]`. A decoded frame
// is checked as a whole document and keeps its payload as text of its own.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include "wire/engine_frames.hpp"

namespace {

using relay::wire::Deliver;
using relay::wire::EngineFrame;

// 526 bytes, as an engine sends a channel message.
constexpr std::string_view kDeliver =
    R"({"v":1,"type":"deliver","delivery_id":"del_139212345678905555_139212345678901234",)"
    R"("agent_id":"139212345678901234","agent":"codex-builder-1","msg_id":"139212345678905555",)"
    R"("seq":43,"mode":"wait","payload":{"type":"message.created","data":{)"
    R"("id":"139212345678905555","channel_id":"139212345678900001","agent_id":"139212345678907777",)"
    R"("agent_name":"orchestrator","channel_name":"general","from_name":"orchestrator",)"
    R"("text":"Review the failing build and report back, please","thread_id":null,)"
    R"("created_at":"2026-11-20T10:11:12.000Z"}}})";
static_assert(kDeliver.size() == 526);

constexpr int kRounds = 5;
constexpr int kPerRound = 400'000;

/// Operations per second of processor time in the best of some rounds: what the code costs, not
/// what the machine was busy with.
template <class Operation>
double rate_of(Operation operation) {
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < kPerRound; ++i) operation();
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    best = std::max(best, kPerRound / seconds);
  }
  return best;
}

void need(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "bench-wire: wrong result of %s\n", what);
  std::exit(1);
}

void print(bool json, std::string_view row, double value) {
  if (json) {
    fmt::print("{{\"bench\":\"wire\",\"row\":\"{}\",\"unit\":\"op/s\",\"value\":{:.0f}}}\n", row,
               value);
  } else {
    fmt::print("{:<28} {:>12.0f} op/s {:>8.0f} ns\n", row, value, 1e9 / value);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool json = argc > 1 && std::string_view(argv[1]) == "--json";
  const auto frame = relay::wire::decode_engine_frame(kDeliver);
  need(frame && relay::wire::encode(*frame) == kDeliver, "a round trip");

  std::size_t payload_bytes = 0;
  const double decode = rate_of([&payload_bytes] {
    const auto decoded = relay::wire::decode_engine_frame(kDeliver);
    payload_bytes += std::get<Deliver>(*decoded).payload.text().size();
  });
  need(payload_bytes > 0, "decode");
  print(json, "decode deliver 526 B", decode);

  std::size_t frame_bytes = 0;
  const double encode =
      rate_of([&frame, &frame_bytes] { frame_bytes += relay::wire::encode(*frame).size(); });
  need(frame_bytes == kDeliver.size() * kRounds * kPerRound, "encode");
  print(json, "encode deliver 526 B", encode);
  return 0;
}
