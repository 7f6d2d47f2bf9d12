#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"
#include "engine/store/channels.hpp"
#include "engine/store/messages.hpp"

namespace relay::engine {

struct SearchQuery {
  Id workspace = 0;
  /// All of them have to be in the text, in any order; case and accents do not count.
  std::string words;
  /// 0: any.
  Id channel = 0;
  Id author = 0;
  /// Conversations that this agent is not in are left out; 0: none is.
  Id reader = 0;
  Page page;
};

struct SearchHit {
  Message message;
  /// Smaller is better.
  double score = 0;
};

struct RecentReaction {
  Id message = 0;
  std::string channel_name;
  std::string emoji;
  std::string agent_name;
  Wall at;
};

/// What looks across channels. Messages are not made findable when they are posted, which would
/// cost every message as much again, but before somebody searches.
class SearchStore {
 public:
  virtual ~SearchStore() = default;

  /// Makes the next messages findable, at most `most`; whether there are more.
  virtual Result<bool> index_messages(std::uint32_t most) = 0;
  /// Best first. Only what was made findable.
  [[nodiscard]] virtual Result<std::vector<SearchHit>> search(const SearchQuery& query) const = 0;
  /// Youngest first, of every channel and conversation.
  [[nodiscard]] virtual Result<std::vector<std::pair<Message, Channel>>> recent_messages(
      Id workspace, std::uint32_t most) const = 0;
  /// Of others, to what the agent has written in the last week; youngest first.
  [[nodiscard]] virtual Result<std::vector<RecentReaction>> recent_reactions(
      Id author, std::uint32_t most) const = 0;
  /// When it was made; message_not_found when there is none.
  [[nodiscard]] virtual Result<Wall> reacted_at(Id message, Id agent,
                                                const std::string& emoji) const = 0;
};

}  // namespace relay::engine
