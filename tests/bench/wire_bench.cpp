// How many frames per second of processor time one core decodes and encodes, beside JSON.parse and
// JSON.stringify of node, which an engine or a client in JavaScript pays:
// `bench-wire [--json] [--quick]`. A decoded frame of ours is checked as a whole document and keeps
// its payload as text of its own.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "bench/peers.hpp"
#include "bench/report.hpp"
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

constexpr int kRounds = 9;
constexpr int kRoundsInShort = 3;
constexpr int kPerRound = 200'000;
constexpr std::string_view kNode = "node's JSON";

/// Operations per second of processor time: what the code costs, not what the machine was busy
/// with.
template <class Operation>
double rate_of(Operation operation) {
  const std::clock_t start = std::clock();
  for (int i = 0; i < kPerRound; ++i) operation();
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return kPerRound / seconds;
}

/// A round of node's: parse and stringify, operations per second. Empty when there is no node.
std::vector<double> node_rates() {
  std::vector<double> rates;
  if (relay::bench::program_in_path("node").empty()) return rates;
  const std::string command =
      "node " BENCH_SOURCE "/json_frames.js '" + std::string(kDeliver) + "'";
  std::FILE* const out = ::popen(command.c_str(), "r");
  if (out == nullptr) return rates;
  for (double rate = 0; std::fscanf(out, "%lf", &rate) == 1;) rates.push_back(rate);
  if (::pclose(out) != 0) rates.clear();
  return rates;
}

void need(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "bench-wire: wrong result of %s\n", what);
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace relay::bench;
  bool json = false;
  int rounds = kRounds;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--json") json = true;
    if (std::string_view(argv[i]) == "--quick") rounds = kRoundsInShort;
  }
  const auto frame = relay::wire::decode_engine_frame(kDeliver);
  need(frame && relay::wire::encode(*frame) == kDeliver, "a round trip");

  Question decode("decode a deliver frame of 526 B, by a processor's time", more("/s"));
  Question encode("encode it", more("/s"));
  decode.limit(2e6);
  std::size_t payload_bytes = 0;
  std::size_t frame_bytes = 0;
  const auto decode_one = [&] {
    const auto decoded = relay::wire::decode_engine_frame(kDeliver);
    payload_bytes += std::get<Deliver>(*decoded).payload.text().size();
  };
  const auto encode_one = [&] { frame_bytes += relay::wire::encode(*frame).size(); };
  const auto of_node = [&] {
    const auto rates = node_rates();
    if (rates.size() != 2) return decode.skip(kNode, "no node in PATH");
    decode.add(kNode, rates[0]);
    encode.add(kNode, rates[1]);
  };
  (void)rate_of(decode_one);
  in_turns(rounds, {[&] { decode.add(kOurs, rate_of(decode_one)); },
                    [&] { encode.add(kOurs, rate_of(encode_one)); }, of_node});
  need(payload_bytes > 0, "decode");
  need(frame_bytes == kDeliver.size() * static_cast<std::size_t>(rounds) * kPerRound, "encode");
  const Report report("wire", json);
  report.print(decode);
  report.print(encode);
  return 0;
}
