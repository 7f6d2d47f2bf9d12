#include "bench/net_load.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace relay::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { ::close(fd_); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

void send_all(int fd, const std::string& bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t n = ::send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n <= 0) throw std::runtime_error("the server under test closed");
    at += static_cast<std::size_t>(n);
  }
}

void receive_exactly(int fd, std::size_t size) {
  std::array<char, 65536> buffer;
  while (size > 0) {
    const ssize_t n = ::recv(fd, buffer.data(), std::min(size, buffer.size()), 0);
    if (n <= 0) throw std::runtime_error("the server under test closed");
    size -= static_cast<std::size_t>(n);
  }
}

/// A connection past its opening.
Fd connect_to(std::uint16_t port, const std::string& opening) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to the server under test");
  }
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (opening.empty()) return fd;
  send_all(fd.get(), opening);
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char byte = 0;
    if (::recv(fd.get(), &byte, 1, 0) != 1) throw std::runtime_error("the opening was refused");
    head.push_back(byte);
  }
  return fd;
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

void pin_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

ServerProcess::ServerProcess(std::vector<std::string> argv, const std::string& node_path,
                             int core) {
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to(core);
    ::dup2(out[1], STDOUT_FILENO);
    ::setenv("NODE_PATH", node_path.c_str(), 1);
    std::vector<char*> args;
    for (auto& arg : argv) args.push_back(arg.data());
    args.push_back(nullptr);
    ::execvp(args[0], args.data());
    ::_exit(127);
  }
  ::close(out[1]);
  std::string line;
  char byte = 0;
  while (::read(out[0], &byte, 1) == 1 && byte != '\n') line.push_back(byte);
  ::close(out[0]);
  port_ = static_cast<std::uint16_t>(std::strtoul(line.c_str(), nullptr, 10));
}

ServerProcess::~ServerProcess() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

double ServerProcess::cpu_seconds() const {
  double nanoseconds = 0;
  const auto tasks = "/proc/" + std::to_string(pid_) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    double on_cpu = 0;
    std::ifstream(task.path() / "schedstat") >> on_cpu;
    nanoseconds += on_cpu;
  }
  return nanoseconds / 1e9;
}

std::size_t ServerProcess::private_bytes() const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/smaps_rollup");
  std::size_t kibibytes = 0;
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("Private_")) {
      kibibytes += std::strtoul(line.c_str() + line.find(':') + 1, nullptr, 10);
    }
  }
  return kibibytes * 1024;
}

std::size_t answer_size(const ServerProcess& server, const std::string& request) {
  const Fd fd = connect_to(server.port(), "");
  const timeval patience{0, 200000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  send_all(fd.get(), request);
  std::size_t size = 0;
  std::array<char, 4096> buffer;
  ssize_t n = 0;
  while ((n = ::recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0) {
    size += static_cast<std::size_t>(n);
  }
  return size;
}

Rates drive(const ServerProcess& server, const Exchange& exchange, int connections, int in_flight,
            double seconds) {
  struct Connection {
    explicit Connection(Fd fd_in) : fd(std::move(fd_in)) {}
    Fd fd;
    std::size_t received = 0;
  };
  const std::string batch = repeated(exchange.request, in_flight);
  std::vector<Connection> all;
  const Fd poll(::epoll_create1(EPOLL_CLOEXEC));
  for (int i = 0; i < connections; ++i) {
    all.emplace_back(connect_to(server.port(), exchange.opening));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = static_cast<std::uint32_t>(i);
    ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, all.back().fd.get(), &event);
  }
  std::vector<char> buffer(262144);
  std::array<epoll_event, 64> events;
  for (auto& connection : all) send_all(connection.fd.get(), batch);

  std::uint64_t answered = 0;
  const double cpu_before = server.cpu_seconds();
  const auto start = SteadyClock::now();
  const auto stop = start + std::chrono::duration<double>(seconds);
  while (SteadyClock::now() < stop) {
    const int ready = ::epoll_wait(poll.get(), events.data(), events.size(), 1000);
    if (ready <= 0) throw std::runtime_error("the server under test does not answer");
    for (int i = 0; i < ready; ++i) {
      auto& connection = all[events[static_cast<std::size_t>(i)].data.u32];
      const ssize_t n = ::recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
      if (n <= 0) throw std::runtime_error("the server under test closed");
      connection.received += static_cast<std::size_t>(n);
      const std::size_t done = connection.received / exchange.answer;
      connection.received %= exchange.answer;
      answered += done;
      if (done > 0) send_all(connection.fd.get(), batch.substr(0, done * exchange.request.size()));
    }
  }
  const double elapsed = std::chrono::duration<double>(SteadyClock::now() - start).count();
  const double cpu = server.cpu_seconds() - cpu_before;
  Rates rates;
  rates.per_second = static_cast<double>(answered) / elapsed;
  rates.per_core = static_cast<double>(answered) / cpu;
  return rates;
}

double idle_bytes(const ServerProcess& server, const Exchange& exchange, int connections) {
  const auto visit = [&] {
    Fd fd = connect_to(server.port(), exchange.opening);
    send_all(fd.get(), exchange.request);
    receive_exactly(fd.get(), exchange.answer);
    return fd;
  };
  // What the first connection brings along is the process's, not the connection's.
  visit();
  const std::size_t before = server.private_bytes();
  std::vector<Fd> all;
  for (int i = 0; i < connections; ++i) all.push_back(visit());
  const std::size_t after = server.private_bytes();
  // Memory that the process gave back meanwhile makes the difference negative.
  return (static_cast<double>(after) - static_cast<double>(before)) / connections;
}

}  // namespace relay::bench
