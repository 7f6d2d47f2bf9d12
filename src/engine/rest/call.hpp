#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "engine/happenings.hpp"
#include "engine/refusal.hpp"
#include "engine/store/store.hpp"
#include "net/http_message.hpp"
#include "wire/body.hpp"
#include "wire/envelope.hpp"
#include "wire/rest_workspace.hpp"

namespace relay::engine::rest {

/// Rows of one answer, whatever was asked for.
inline constexpr std::uint32_t kMostRows = 500;
/// What is looked at for one page of an observer, who may see little of it: rows, and bytes of
/// their texts, so that others need not wait long for the reader; and rows read in one step.
inline constexpr std::uint32_t kMostLookedAt = 2000;
inline constexpr std::size_t kMostBytesLookedAt = std::size_t{8} << 20U;
inline constexpr std::uint32_t kLookedAtOnce = 20;

enum class CallerKind { nobody, workspace, agent, observer };

/// Who asks, by its token.
struct Caller {
  CallerKind kind = CallerKind::nobody;
  Id workspace = 0;
  /// When it is an agent; else without an id.
  Agent agent;
  /// Of an observer: all that it may see, as far as they say.
  std::optional<wire::ObserverFilters> filters;

  /// Whether it may read there, and what that one has written at that time.
  [[nodiscard]] bool may_see(const Channel& channel) const;
  [[nodiscard]] bool may_see_of(const Message& message) const;
  [[nodiscard]] bool may_see_of(const WorkspaceEvent& event) const;
  /// Ids below are of before the time from which on it may see anything.
  [[nodiscard]] Id seen_from() const;
};

/// A page of what the caller may see: what is hidden takes nobody's place on it, as far as the
/// bounds above reach. `read` gives a page of rows, `message_of` the message of one; `page.before`
/// goes down, or `page.after` goes up, from step to step.
template <class Row, class Read, class MessageOf>
Result<std::vector<Row>> visible_rows(const Caller& caller, Page page, Id Page::* cursor,
                                      const Read& read, const MessageOf& message_of) {
  if (!caller.filters) return read(page);
  const std::size_t most = page.limit;
  page.limit = kLookedAtOnce;
  std::vector<Row> seen;
  std::size_t bytes = 0;
  for (std::uint32_t looked_at = 0; looked_at < kMostLookedAt && bytes < kMostBytesLookedAt;) {
    Result<std::vector<Row>> rows = read(page);
    if (!rows) return rows;
    for (auto& row : *rows) {
      const Message& message = message_of(row);
      page.*cursor = message.id;
      bytes += message.text.size() + message.blocks.size() + message.metadata.size();
      if (caller.may_see_of(message)) seen.push_back(std::move(row));
      if (seen.size() == most) return seen;
    }
    if (rows->size() < page.limit) break;
    looked_at += page.limit;
  }
  return seen;
}

/// So many rows are read for a list without pages that shows an observer `most` of them.
[[nodiscard]] inline std::uint32_t rows_for(const Caller& caller, std::uint32_t most) {
  return caller.filters ? std::min(most * 4, kMostRows) : most;
}

/// What goes back: an HTTP status and a whole body.
struct Answer {
  Answer() = default;

  int status = 200;
  std::string body;
  const char* content_type = "application/json";
  /// It was stored under its idempotency key before.
  bool replayed = false;
  /// The operation has done a part of its work, and is to be called again.
  bool again = false;
  /// Seconds, said as Retry-After; 0: not said.
  unsigned retry_after = 0;
};

/// One request on its way through an operation of the store: what was asked, by whom, and what it
/// causes. Used by one thread at a time: the loop's, then the store's, then the loop's again.
class Call {
 public:
  explicit Call(Random& random) : random_(&random) {}

  net::HttpRequest request;
  std::vector<std::pair<std::string, std::string>> parameters;
  Caller caller;
  Happenings to;
  /// Somebody outside is to be told of it.
  bool is_outbound = false;
  /// Subscriptions whose outbox is full with this.
  std::vector<Id> full_outboxes;

  /// A parameter of the path, decoded; empty when the route has none of that name.
  [[nodiscard]] const std::string& parameter(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> query(std::string_view name) const {
    return request.query_value(name);
  }
  /// `?limit=`: at most `most`; invalid_request for what is no number above 0.
  [[nodiscard]] Result<std::uint32_t> limit(std::uint32_t usual, std::uint32_t most) const;
  /// `?limit=&before=&after=`
  [[nodiscard]] Result<Page> page(std::uint32_t usual, std::uint32_t most) const;

  /// The body as a T; an empty body is `{}`. invalid_json, invalid_request.
  template <class T>
  [[nodiscard]] Result<T> body() const {
    auto decoded = wire::decode_body<T>(text_or_empty_object(), wire::kInboundLimits);
    if (!decoded) return bad_body(std::move(decoded).error());
    return decoded;
  }
  /// The same for what has no type of its own.
  [[nodiscard]] Result<wire::JsonDocument> document() const;

  /// The key of the request's header for that scope; invalid_idempotency_key.
  [[nodiscard]] Result<std::optional<IdempotencyKey>> key(const std::string& scope,
                                                          std::string_view body) const;

  [[nodiscard]] Random& random() const { return *random_; }
  [[nodiscard]] Id workspace() const { return caller.workspace; }
  [[nodiscard]] bool by_agent() const { return caller.kind == CallerKind::agent; }
  [[nodiscard]] const Agent& agent() const { return caller.agent; }

 private:
  [[nodiscard]] std::string_view text_or_empty_object() const {
    return request.body.empty() ? std::string_view("{}") : std::string_view(request.body);
  }
  [[nodiscard]] static tl::unexpected<Error> bad_body(Error error);

  Random* random_;
};

template <class T>
[[nodiscard]] Answer good(const T& data, int status = 200) {
  Answer answer;
  answer.status = status;
  answer.body = wire::encode_answer(data);
  return answer;
}
template <class T>
[[nodiscard]] Answer created(const T& data) {
  return good(data, 201);
}
/// Data that is JSON already.
[[nodiscard]] Answer good_json(const std::string& json, int status = 200);
/// {"ok":true}
[[nodiscard]] Answer done();
/// 204
[[nodiscard]] Answer nothing();
/// What an error says on the wire. Of those that are nobody's business it says nothing.
[[nodiscard]] Answer refused(const Error& error);

// What many routes look up. `name` is the parameter of the path.

/// The agent of `{name}`.
[[nodiscard]] Result<Agent> agent_asked(const Store& store, const Call& call);
/// The channel of `{name}`, with or without its `#`.
[[nodiscard]] Result<Channel> channel_asked(const Store& store, const Call& call);
/// The message of `{id}`; message_not_found also for one of a conversation that the calling agent
/// is not in.
[[nodiscard]] Result<Message> message_asked(const Store& store, const Call& call);
/// The conversation of `{id}` that the calling agent is in: forbidden.
[[nodiscard]] Result<Channel> conversation_asked(const Store& store, const Call& call);
/// The page of a channel or conversation, of what the caller may see.
[[nodiscard]] Result<std::vector<MessageView>> visible_messages(const Store& store,
                                                                const Call& call,
                                                                const Channel& channel, Page page);

/// A JSON array of texts.
[[nodiscard]] wire::Json json_texts(const std::vector<std::string>& texts);

}  // namespace relay::engine::rest
