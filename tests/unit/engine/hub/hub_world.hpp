#pragma once

#include <asio/io_context.hpp>
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/digest.hpp"
#include "engine/hub/hub.hpp"
#include "engine/refusal.hpp"
#include "net/http_server.hpp"
#include "net/ws_client.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/faulty_disk.hpp"
#include "support/loop.hpp"
#include "support/temp_dir.hpp"
#include "wire/json.hpp"

namespace relay::engine {

/// What came on a socket, to be asked for by JSON pointer.
class Heard {
 public:
  explicit Heard(std::string text);
  /// The string or number there, as text; "null", "true" and so on; "" when there is nothing.
  [[nodiscard]] std::string at(std::string_view pointer) const;
  [[nodiscard]] std::string type() const { return at("/type"); }
  [[nodiscard]] bool has(std::string_view pointer) const;
  /// The names of the members of the object there, sorted, with commas.
  [[nodiscard]] std::string keys(std::string_view pointer) const;
  /// The whole value there.
  [[nodiscard]] std::string json(std::string_view pointer) const;

  std::string text;
};

class HubWorld;

/// A client's end of one WebSocket. Waits for what it expects, with a deadline.
class Peer {
 public:
  Peer(HubWorld* world, net::WebSocket socket) : world_(*world), socket_(std::move(socket)) {}

  void say(const std::string& text);
  /// The next frame; context updates are put aside unless they are what is asked for.
  Heard hear();
  Heard hear(std::string_view type);
  /// So many frames, whatever they are.
  void count(int frames);
  /// What it says next is an answer to something said after all that should have gone out before:
  /// nothing is on its way. For nodes.
  void expect_silence();
  /// Until the engine ends it: the close code.
  int hear_end();
  void close();
  void abort() { socket_->abort(); }

  std::vector<Heard> contexts;

 private:
  std::string next();

  HubWorld& world_;
  std::optional<net::WebSocket> socket_;
};

/// An engine of a test's own: a database, a hub on a server on the loopback, and words for what
/// routes and people do.
class HubWorld : private test::QuickDisk {
 public:
  explicit HubWorld(const Clock* clock = nullptr, HubSettings settings = HubSettings());
  ~HubWorld();

  template <class T>
  T run(asio::awaitable<T> work) {
    return test::run(io, std::move(work));
  }
  template <class T>
  T get(std::function<Result<T>(Store&)> work) {
    auto answer = run(thread->write<T>(std::move(work)));
    if (!answer) throw std::runtime_error(answer.error().message);
    return *std::move(answer);
  }
  /// An operation whose happenings are told.
  template <class T>
  T tell(std::function<Result<T>(Store&, Happenings&)> work) {
    auto happenings = std::make_shared<Happenings>();
    happenings->workspace = workspace.id;
    auto value = get<T>([work, happenings](Store& store) { return work(store, *happenings); });
    hub->tell(std::move(*happenings));
    return value;
  }

  /// The engine ends and begins again on what it has written.
  void restart();

  Agent agent(const std::string& name);
  Channel channel(const std::string& name, const std::vector<Agent>& members);
  Posted post(const Channel& channel, const Agent& author, const std::string& text);
  Posted dm(const Agent& from, const Agent& to, const std::string& text);
  Posted reply(const Message& to, const Agent& author, const std::string& text);
  /// A broker's enrolment; its token is "nt_<name>".
  Node broker(const std::string& name, std::uint32_t max_agents = 0);
  /// The token of an agent's own node: "nt_<id>".
  std::string direct_token(const Agent& agent);
  Invocation spawn(const std::string& cli, const Agent& caller, std::optional<std::string> target);

  net::WsOutcome connect(const std::string& path, const std::string& token, bool in_query);
  std::unique_ptr<Peer> node_socket(const std::string& token);
  /// A broker that has registered; `capabilities` as JSON.
  std::unique_ptr<Peer> node(const Node& node, const std::string& capabilities = "[]");
  /// One that is told cursors.
  std::unique_ptr<Peer> own_broker(const Node& node, const std::string& more = "");
  /// agent.register, and its answer.
  Heard claim(Peer& peer, const std::string& name);
  std::unique_ptr<Peer> watcher();

  /// Until it holds, with a deadline.
  void until(const std::function<bool()>& holds);
  [[nodiscard]] Agent look(const Agent& agent);
  [[nodiscard]] Node look(const Node& node);
  [[nodiscard]] Invocation look(const Invocation& invocation);
  [[nodiscard]] Delivery delivery(const Posted& posted, const Agent& to);
  [[nodiscard]] Result<Delivery> try_delivery(const Posted& posted, const Agent& to);
  void fail_disk(bool fails);
  void fill_disk(bool full);
  /// A disk that does not answer, and an engine that does not wait long for it.
  void hold_disk(bool holds);
  void until_failure(std::string_view what);
  void until_acked(const Posted& posted, const Agent& to);
  /// Lets what is under way on the loop end.
  void turn();

  asio::io_context io;
  SystemClock system;
  const Clock& clock;
  os::SystemRandom random;
  HubSettings settings;
  test::TempDir dir;
  os::PosixFiles files{random};
  std::unique_ptr<SqliteDatabase> database;
  std::unique_ptr<StoreThread> thread;
  std::unique_ptr<Hub> hub;
  std::unique_ptr<net::HttpServer> server;
  std::uint16_t port = 0;
  Workspace workspace;
  std::vector<std::string> failures;

 private:
  void begin();
  void end();
  int tokens_ = 0;
};

}  // namespace relay::engine
