#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "bench/pty_parts.hpp"
#include "os/posix_processes.hpp"
#include "pty/keeper/process_table.hpp"
#include "support/temp_dir.hpp"

namespace relay::bench {
namespace {

constexpr int kPatienceMs = 120'000;

/// `agent-relay-broker pty`, the process that the peer starts for each of its agents; frames on its
/// input and output.
class PeerWorker {
 public:
  PeerWorker(const PeerBroker& peer, const os::Path& home,
             const std::vector<std::string>& program) {
    std::vector<std::string> argv{peer.binary, "pty", "--agent-name", "bench", program.front()};
    if (program.size() > 1) argv.emplace_back("--");
    argv.insert(argv.end(), program.begin() + 1, program.end());
    auto environment = os::Environment::of_process();
    environment.set("HOME", home.string());
    environment.set("DO_NOT_TRACK", "1");
    os::Command command(std::move(argv), environment);
    command.working_directory = home;
    command.new_session = true;
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe");
    }
    const os::Fd its_in(in[0]);
    const os::Fd its_out(out[1]);
    in_ = os::Fd(in[1]);
    out_ = os::Fd(out[0]);
    command.input = its_in.get();
    command.output = its_out.get();
    auto started = os::PosixProcesses().start(command);
    if (!started) throw std::runtime_error(started.error().message);
    process_ = *std::move(started);
    say(R"({"v":2,"type":"init_worker","request_id":"i","payload":{"agent":{"name":"bench",)"
        R"("runtime":"pty","cli":"cat","args":[],"channels":[]}}})");
  }
  ~PeerWorker() {
    in_.reset();
    (void)process_->signal_group(SIGKILL);
    (void)process_->wait(std::chrono::seconds(10));
  }
  PeerWorker(const PeerWorker&) = delete;
  PeerWorker& operator=(const PeerWorker&) = delete;

  void say(std::string frame) const {
    frame += '\n';
    if (::write(in_.get(), frame.data(), frame.size()) < 0) throw std::runtime_error("its input");
  }
  /// Reads what it says until `text` came so often, or to the end; false at the end.
  bool read_until(std::string_view text, int times) {
    std::string buffer(std::size_t{256} << 10, '\0');
    std::string tail;
    while (times > 0) {
      pollfd waiting{out_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, kPatienceMs) <= 0) throw std::runtime_error("the peer is silent");
      const ssize_t got = ::read(out_.get(), buffer.data(), buffer.size());
      if (got <= 0) return false;
      tail.append(buffer.data(), static_cast<std::size_t>(got));
      for (auto at = tail.find(text); at != std::string::npos; at = tail.find(text)) {
        tail.erase(0, at + text.size());
        --times;
      }
      if (tail.size() > text.size()) tail.erase(0, tail.size() - text.size());
    }
    return true;
  }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }

 private:
  os::Fd in_;
  os::Fd out_;
  std::unique_ptr<os::Process> process_;
};

double seconds_since(Monotonic start) {
  return std::chrono::duration<double>(SystemClock().now() - start).count();
}

}  // namespace

double peer_drain_seconds(const PeerBroker& peer, const std::string& file) {
  const test::TempDir temp;
  const Monotonic start = SystemClock().now();
  PeerWorker worker(peer, temp.path(), {"cat", file});
  // It says that the program has ended behind the last of its output.
  worker.read_until(R"("type":"worker_exited")", 1);
  return seconds_since(start);
}

double peer_idle_memory(const PeerBroker& peer, int count) {
  const test::TempDir temp;
  std::vector<std::unique_ptr<PeerWorker>> workers;
  for (int i = 0; i < count; ++i) {
    workers.push_back(
        std::make_unique<PeerWorker>(peer, temp.path(), std::vector<std::string>{"cat"}));
  }
  double kib = 0;
  for (const auto& worker : workers) {
    std::vector<pty::keeper::ProcessRow> below;
    while (below.empty()) {
      below = pty::keeper::descendants(pty::keeper::read_processes(), worker->pid());
    }
    kib += memory_of(worker->pid());
  }
  return kib / count;
}

double peer_inject_rate(const PeerBroker& peer, int messages) {
  const test::TempDir temp;
  PeerWorker worker(peer, temp.path(), {"cat"});
  const Monotonic start = SystemClock().now();
  for (int i = 0; i < messages; ++i) {
    worker.say(fmt::format(R"({{"v":2,"type":"deliver_relay","request_id":"r{0}","payload":{{)"
                           R"("delivery_id":"d{0}","event_id":"e{0}","from":"alice",)"
                           R"("target":"bench","body":"{1}"}}}})",
                           i, std::string(300, 'x')));
  }
  if (!worker.read_until(R"("type":"delivery_verified")", messages)) {
    throw std::runtime_error("the peer's worker has ended");
  }
  return messages / seconds_since(start);
}

}  // namespace relay::bench
