// Lines of an MCP client, one session: what goes back is whole lines of JSON, a request of the
// engine's never leaves its path, and calls are as many as are allowed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/targets.hpp"
#include "mcp/server.hpp"

namespace relay::fuzz::mcp_line {

namespace {

using namespace relay;

void check_lines(std::string_view out) {
  while (!out.empty()) {
    const auto end = out.find('\n');
    if (end == std::string_view::npos) std::abort();
    const auto line = wire::JsonDocument::parse(out.substr(0, end), {64U << 20U, 127});
    if (!line) std::abort();
    out.remove_prefix(end + 1);
  }
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  mcp::ServerFacts facts;
  facts.version = "1";
  facts.offer.spawning = facts.offer.results = true;
  mcp::Server server(std::move(facts));
  std::vector<std::uint64_t> open;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto step = server.on_line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    check_lines(step.out);
    for (const auto& call : step.calls) {
      const auto& request = call.run.request();
      const bool fine = request.path.empty() || request.path.starts_with("/v1/");
      if (!fine || request.path.find_first_of(" \r\n#") != std::string::npos) std::abort();
      const std::string whole = request.path.substr(0, request.path.find('?')) + "/";
      for (const char* dots : {"/./", "/../", "//"}) {
        if (whole != "/" && whole.find(dots) != std::string::npos) std::abort();
      }
      if (!request.body.empty() && !wire::Json::parse(request.body)) std::abort();
      open.push_back(call.number);
    }
    if (server.calls() > mcp::kMostCalls) std::abort();
  }
  for (const auto number : open) {
    check_lines(server.on_result(number, mcp::ToolResult::of("x")).out);
  }
  if (server.calls() != 0) std::abort();
  return 0;
}

}  // namespace relay::fuzz::mcp_line
