#pragma once

#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "bench/broker_reader.hpp"
#include "net/http_client.hpp"
#include "os/system_random.hpp"
#include "support/fake_engine_thread.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"

namespace relay::bench {

/// For the beginning of main, before there are threads: a bench that is interrupted leaves no
/// broker behind, which would go on, and no agent.
void end_contenders_by_signal();

/// A broker at work: ours or the published one, each started as the published driver starts it,
/// with an engine, a machine and a directory of its own. Every call waits with a deadline and
/// throws.
class Contender {
 public:
  /// `reader` is the program that its agents run, this bench itself.
  Contender(std::string binary, std::string reader);
  ~Contender();
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;

  /// Starts it; milliseconds until its API says that the session stands and the engine has its
  /// node.
  double start();
  /// Milliseconds until the agent's program runs. The broker's answer may come later: ours looks
  /// first whether the program lives.
  double spawn(const std::string& agent);
  /// Several at a time.
  void spawn_all(std::vector<std::string> agents);
  /// Ends it by force, and all that it has started.
  void stop();

  /// The engine has this message for that agent.
  void send(const std::string& agent, std::size_t number);
  /// What the agent's program has read; waits until it is `count` messages.
  std::vector<MarkRead> read_by(const std::string& agent, std::size_t count);
  /// When the engine had the last of `count` acknowledgements of deliveries, in nanoseconds.
  std::int64_t acknowledged(std::size_t count);

  /// Of the broker and all that it started but the agents' programs: KiB that are not a file's
  /// (those are shared with whatever else runs), and nanoseconds on a processor.
  [[nodiscard]] double memory() const;
  [[nodiscard]] double processor_time() const;
  [[nodiscard]] std::vector<pid_t> processes() const;

 private:
  net::HttpReply ask(std::string method, const std::string& path, std::string body);
  asio::awaitable<void> spawn_some(std::vector<std::string>* left);
  [[nodiscard]] net::HttpCall call_of(std::string method, const std::string& path,
                                      std::string body) const;
  [[nodiscard]] std::string spawn_body(const std::string& agent) const;
  [[nodiscard]] std::string log_of(const std::string& agent) const;

  std::string binary_;
  std::string reader_;
  test::TempDir temp_;
  test::FakeEngineThread engine_;
  asio::io_context io_;
  os::SystemRandom random_;
  net::HttpClient http_;
  std::string api_;
  std::string key_ = "br_0123456789abcdef0123456789abcdef";
  std::unique_ptr<test::RunningProgram> program_;
  std::size_t acks_ = 0;
  std::string refused_;
};

}  // namespace relay::bench
