#include "wire/rest_messages.hpp"

#include "wire/rest_messages_fields.hpp"

namespace relay::wire {

RELAY_WIRE_BODY(MessagePost);
RELAY_WIRE_BODY(ReactionGroup);
RELAY_WIRE_BODY(Message);
RELAY_WIRE_BODY(ReplyPost);
RELAY_WIRE_BODY(ThreadReply);
RELAY_WIRE_BODY(Thread);
RELAY_WIRE_BODY(ReactionPost);
RELAY_WIRE_BODY(Reaction);
RELAY_WIRE_BODY(ReadReceipt);
RELAY_WIRE_BODY(Reader);
RELAY_WIRE_BODY(InboxChannel);
RELAY_WIRE_BODY(InboxMention);
RELAY_WIRE_BODY(InboxDm);
RELAY_WIRE_BODY(Inbox);
RELAY_WIRE_BODY(SearchHit);
RELAY_WIRE_BODY(std::vector<Message>);
RELAY_WIRE_BODY(std::vector<ThreadReply>);
RELAY_WIRE_BODY(std::vector<ReactionGroup>);
RELAY_WIRE_BODY(std::vector<Reader>);
RELAY_WIRE_BODY(std::vector<SearchHit>);

}  // namespace relay::wire
