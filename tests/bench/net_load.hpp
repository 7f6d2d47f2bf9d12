#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace relay::bench {

/// A server process on a core of its own, killed at the end.
class ServerProcess {
 public:
  /// Starts a program whose first line of output is its port. Port 0: it did not come up.
  ServerProcess(std::vector<std::string> argv, const std::string& node_path, int core);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// CPU time of all its threads.
  [[nodiscard]] double cpu_seconds() const;
  /// Memory that is its own.
  [[nodiscard]] std::size_t private_bytes() const;

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

/// What one connection does: `opening` once, if any, and then requests of the same bytes, each
/// answered by the same number of bytes.
struct Exchange {
  Exchange(std::string opening_in, std::string request_in, std::size_t answer_in)
      : opening(std::move(opening_in)), request(std::move(request_in)), answer(answer_in) {}

  std::string opening;
  std::string request;
  std::size_t answer;
};

struct Rates {
  /// Per second of the clock, and per second of the server's CPU time.
  double per_second = 0;
  double per_core = 0;
};

/// How many bytes the server answers to one request: what comes within 200 ms.
std::size_t answer_size(const ServerProcess& server, const std::string& request);

/// Connections with `in_flight` requests each, for so long.
Rates drive(const ServerProcess& server, const Exchange& exchange, int connections, int in_flight,
            double seconds);

/// Bytes of the server's memory for each of so many connections after one request each.
double idle_bytes(const ServerProcess& server, const Exchange& exchange, int connections);

/// Keeps this process on one core.
void pin_to(int core);

}  // namespace relay::bench
