#include "node_control/node_options.hpp"

#include <algorithm>

namespace relay::node_control {
namespace {

constexpr std::string_view kCursor = "relay:delivery-cursor-v1";

}  // namespace

std::vector<wire::Capability> NodeManifest::advertised() const {
  std::vector<wire::Capability> out;
  for (const auto& capability : capabilities) {
    if (capability.name != "spawn" && capability.name != kCursor) out.push_back(capability);
  }
  wire::Capability cursor;
  cursor.name = kCursor;
  cursor.kind = "capacity";
  out.push_back(std::move(cursor));
  return out;
}

}  // namespace relay::node_control
