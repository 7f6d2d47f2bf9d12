#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/event.hpp"
#include "net/http_client.hpp"
#include "node_control/agent_directory.hpp"

namespace relay::broker {

/// The hint where nobody knows whether a message was sent.
inline constexpr std::string_view kPerhapsSent =
    "it may have been sent all the same: look before you send it again";

/// The `detail` of an error that says that there is no such channel at the engine.
inline constexpr std::string_view kNoChannel = "channel_not_found";

/// A message for somebody who is not on this machine.
class OutboundMessage {
 public:
  OutboundMessage() = default;

  /// An agent's name, or a channel with its '#'.
  std::string to;
  std::string text;
  /// The message that this one answers.
  std::string thread_id;
  bool steer = false;
  /// Of the agent of ours that says it; empty for people, who speak as the broker.
  Secret token;
};

/// It is at the engine.
class PublishedMessage {
 public:
  explicit PublishedMessage(std::string id_in) : id(std::move(id_in)) {}
  std::string id;
  /// Its agent does not run: it waits there until that agent comes back.
  bool waits = false;
};

/// What this machine says through the engine. The broker has an identity of its own there, which is
/// claimed when it first speaks. On the loop thread.
class Outbound {
 public:
  /// `client` outlives this.
  /// Without a directory (which needs the workspace's key) only agents speak.
  Outbound(asio::any_io_executor executor, net::HttpClient& client, Random& random,
           std::optional<node_control::AgentDirectory> directory, std::string engine,
           net::Redact redact, node_control::AgentClaim self);

  /// Says it once, however often it has to be tried, within 20 s.
  /// `agent_not_found`, or `not_found` for a channel or a thread, when there is none.
  asio::awaitable<Result<PublishedMessage>> send(OutboundMessage message);
  /// Whether the engine has this message; the token as in a message. Within 20 s.
  asio::awaitable<Result<bool>> has_message(std::string id, Secret token);
  /// Puts the agent with this token into a channel, which is made when there is none; or takes it
  /// out. Within 20 s.
  asio::awaitable<Result<void>> change_channel(std::string channel, Secret token, bool in);

 private:
  asio::awaitable<Result<PublishedMessage>> send_as(OutboundMessage message, Secret token,
                                                    std::string once, Monotonic by);
  asio::awaitable<Result<Secret>> own_token(Monotonic by);
  asio::awaitable<Result<net::HttpReply>> post(std::string path, std::string body, Secret token,
                                               std::string once, Monotonic by);
  asio::awaitable<Result<net::HttpReply>> ask(net::HttpCall call, Secret token, Monotonic by);

  net::HttpClient& client_;
  Random& random_;
  std::optional<node_control::AgentDirectory> directory_;
  std::string engine_;
  net::Redact redact_;
  node_control::AgentClaim self_;
  std::optional<Secret> token_;
  /// Two who claim at once would take each other's token away.
  bool claiming_ = false;
  net::Event claimed_;
};

}  // namespace relay::broker
