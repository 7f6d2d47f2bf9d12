// A REST body: the first byte picks its type. What decodes encodes to a body that decodes strictly
// to the same bytes, alone and inside an answer.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"
#include "wire/body.hpp"
#include "wire/envelope.hpp"
#include "wire/rest_actions.hpp"
#include "wire/rest_agents.hpp"
#include "wire/rest_channels.hpp"
#include "wire/rest_deliveries.hpp"
#include "wire/rest_dms.hpp"
#include "wire/rest_messages.hpp"
#include "wire/rest_nodes.hpp"
#include "wire/rest_workspace.hpp"

namespace relay::fuzz::wire_body {

namespace {

using namespace relay::wire;

template <class T>
void survives(std::string_view text) {
  (void)decode_answer<T>(text);
  const auto first = decode_body<T>(text, kInboundLimits);
  if (!first) return;
  const std::string encoded = encode_body(*first);
  const auto second = decode_body<T>(encoded, kEngineLimits, Strictness::strict);
  if (!second || encode_body(*second) != encoded) std::abort();
  const auto answer = decode_answer<T>(encode_answer(*second));
  if (!answer || encode_body(*answer->data) != encoded) std::abort();
}

constexpr std::array kTypes{
    &survives<Workspace>,
    &survives<WorkspaceLog>,
    &survives<ObserverToken>,
    &survives<AgentCreate>,
    &survives<AgentCreated>,
    &survives<AgentDetail>,
    &survives<SpawnRequest>,
    &survives<ChannelDetail>,
    &survives<MessagePost>,
    &survives<Thread>,
    &survives<Inbox>,
    &survives<std::vector<SearchHit>>,
    &survives<DmSent>,
    &survives<DmConversation>,
    &survives<Delivery>,
    &survives<ActionCreate>,
    &survives<Invoked>,
    &survives<Invocation>,
    &survives<InvocationComplete>,
    &survives<NodeCreate>,
    &survives<NodeCreated>,
    &survives<NodeBinding>,
    &survives<Trigger>,
    &survives<std::vector<Message>>,
};

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  kTypes[(data[0] - std::uint8_t{'A'}) % kTypes.size()](text);
  return 0;
}

}  // namespace relay::fuzz::wire_body
