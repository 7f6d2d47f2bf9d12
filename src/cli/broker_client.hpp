#pragma once

#include "cli/command.hpp"
#include "cli/find_broker.hpp"
#include "cli/run_loop.hpp"
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "broker/instance.hpp"
#include "net/http_client.hpp"
#include "net/websocket.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "wire/json.hpp"

namespace relay::cli {

/// A running broker's API, over its Unix socket. One that gives no answer is an error in the words
/// of `no_broker`, or a `timeout` that names it.
class BrokerClient {
 public:
  BrokerClient(asio::any_io_executor executor, broker::Instance instance);

  /// The answer's body. What the broker refuses is an error with its own code and words.
  asio::awaitable<Result<wire::Json>> call(std::string method, std::string path, std::string body,
                                           Duration within);
  /// As `call`, for an answer that is no JSON.
  asio::awaitable<Result<std::string>> text(std::string path, Duration within);
  /// A WebSocket of the API; `random` outlives it.
  asio::awaitable<Result<net::WebSocket>> stream(std::string path, Duration within, Random* random);

  [[nodiscard]] const broker::Instance& instance() const { return instance_; }

 private:
  /// Before a question that may take long: a broker that hangs is told of soon, and has not been
  /// asked for anything.
  asio::awaitable<Result<void>> knock();
  asio::awaitable<Result<net::HttpReply>> ask(std::string method, std::string path,
                                              std::string body, Duration within);

  broker::Instance instance_;
  os::SystemRandom random_;
  net::HttpClient client_;
  bool awake_ = false;
};

/// What a broker's refusal is to the user of a command. One that is starting is `node_not_ready`,
/// with the detail kBrokerNotReady.
[[nodiscard]] Error broker_refusal(const net::HttpReply& reply);

/// What a command may do to a broker that was not named.
enum class Harm {
  none,
  /// What is lost does not come back: people are told on standard error whom it hits when the
  /// broker was only chosen because no other runs.
  destroys,
};

/// Finds the broker and runs work that asks it. Ctrl-C ends it.
using BrokerWork = std::function<asio::awaitable<Result<void>>(BrokerClient*, Progress*)>;
[[nodiscard]] Result<void> with_broker(Context& context, const BrokerOptions& options,
                                       const BrokerWork& work, Harm harm = Harm::none);

/// For completion: the agents, and the ids of dead letters, of the broker that a command with these
/// options would ask. Within 200 ms, and none when there is none. The options live on until the
/// look.
[[nodiscard]] std::function<std::vector<std::string>()> live_agent_names(
    const BrokerOptions& options);
[[nodiscard]] std::function<std::vector<std::string>()> live_letter_ids(
    const BrokerOptions& options);

/// The field of an object as text; empty for another kind.
[[nodiscard]] std::string text_field(const wire::JsonView& object, std::string_view key);

}  // namespace relay::cli
