#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ids.hpp"

namespace relay::engine {

/// A door through which something outside writes into a channel.
struct Webhook {
  Id id = 0;
  Id workspace = 0;
  Id channel = 0;
  /// Who writes there: an agent of type system, made for it.
  Id author = 0;
  std::string name;
  std::string token_hash;
};

/// An address that is told of events.
struct Subscription {
  Id id = 0;
  Id workspace = 0;
  std::string url;
  std::vector<std::string> events;
  std::string filter;   // JSON, or empty
  std::string headers;  // JSON object, or empty
  std::optional<std::string> secret;
};

enum class FileState { pending, complete };

struct File {
  Id id = 0;
  Id workspace = 0;
  Id uploader = 0;
  std::string uploader_name;
  std::string name;
  std::string content_type;
  std::uint64_t size = 0;
  FileState state = FileState::pending;
  /// Who has it may read the content, and write it once: part of the URLs.
  std::string ticket;
};

class IntegrationStore {
 public:
  virtual ~IntegrationStore() = default;

  virtual Result<Webhook> add_webhook(const Webhook& webhook) = 0;
  virtual Result<void> remove_webhook(Id id) = 0;
  /// webhook_not_found.
  [[nodiscard]] virtual Result<Webhook> webhook(Id id) const = 0;
  [[nodiscard]] virtual Result<std::vector<Webhook>> webhooks(Id workspace) const = 0;

  virtual Result<Subscription> add_subscription(const Subscription& subscription) = 0;
  virtual Result<void> remove_subscription(Id id) = 0;
  /// subscription_not_found.
  [[nodiscard]] virtual Result<Subscription> subscription(Id workspace, Id id) const = 0;
  [[nodiscard]] virtual Result<std::vector<Subscription>> subscriptions(Id workspace) const = 0;

  /// How long an upload may take; said to the client.
  static constexpr Duration kUploadTime = std::chrono::hours(1);

  virtual Result<File> add_file(const File& file) = 0;
  virtual Result<void> put_file_content(Id id, const std::string& bytes) = 0;
  virtual Result<void> complete_file(Id id) = 0;
  /// With its content; messages keep what they say of it.
  virtual Result<void> remove_file(Id id) = 0;
  /// Removes files that were begun before and never completed; how many.
  virtual Result<std::uint32_t> prune_files(Wall before, std::uint32_t most) = 0;
  /// file_not_found.
  [[nodiscard]] virtual Result<File> file(Id workspace, Id id) const = 0;
  /// Whatever the workspace: the ticket decides.
  [[nodiscard]] virtual Result<File> file_of_ticket(Id id, const std::string& ticket) const = 0;
  [[nodiscard]] virtual Result<std::string> file_content(Id id) const = 0;
  /// Youngest first; 0: of everybody.
  [[nodiscard]] virtual Result<std::vector<File>> files(Id workspace, Id uploader,
                                                        std::uint32_t most) const = 0;
};

}  // namespace relay::engine
