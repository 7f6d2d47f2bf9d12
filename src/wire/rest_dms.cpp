#include "wire/rest_dms.hpp"

#include "wire/rest_dms_fields.hpp"

namespace relay::wire {

RELAY_WIRE_BODY(DmPost);
RELAY_WIRE_BODY(DmMessage);
RELAY_WIRE_BODY(DmSent);
RELAY_WIRE_BODY(DmParticipant);
RELAY_WIRE_BODY(DmConversation);
RELAY_WIRE_BODY(DmConversationOverview);
RELAY_WIRE_BODY(GroupCreate);
RELAY_WIRE_BODY(GroupCreated);
RELAY_WIRE_BODY(DmMessagePost);
RELAY_WIRE_BODY(DmMessageSent);
RELAY_WIRE_BODY(ParticipantAdd);
RELAY_WIRE_BODY(ParticipantAdded);
RELAY_WIRE_BODY(std::vector<DmMessage>);
RELAY_WIRE_BODY(std::vector<DmConversation>);
RELAY_WIRE_BODY(std::vector<DmConversationOverview>);

}  // namespace relay::wire
