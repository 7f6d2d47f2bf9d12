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
/// Rows that are looked at for one answer to an observer, who may see few of them: some tens of
/// milliseconds of the reader's.
inline constexpr std::uint32_t kMostLookedAt = 10'000;

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

/// The first `most` of the rows that `may_see` lets through, so that what is hidden takes nobody's
/// place: an answer with fewer means that no more follow, unless kMostLookedAt were looked at.
/// `read` gives the first so many rows, or fewer when there are no more.
template <class Row, class Read, class MaySee>
Result<std::vector<Row>> visible_rows(const Caller& caller, std::uint32_t most, const Read& read,
                                      const MaySee& may_see) {
  for (std::uint32_t wanted = most;; wanted = std::min(wanted * 8, kMostLookedAt)) {
    Result<std::vector<Row>> rows = read(wanted);
    if (!rows || !caller.filters) return rows;
    const bool is_all = rows->size() < wanted || wanted >= kMostLookedAt;
    std::erase_if(*rows, [&](const Row& row) { return !may_see(row); });
    if (rows->size() < most && !is_all) continue;
    if (rows->size() > most) rows->erase(rows->begin() + most, rows->end());
    return rows;
  }
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
