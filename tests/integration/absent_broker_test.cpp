// What commands and `wrap` make of a broker that is starting, ending, deaf or gone.
#include <fcntl.h>
#include <fstream>
#include <future>
#include <optional>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <thread>

#include "integration/serve_world.hpp"
#include "integration/wrap_world.hpp"
#include "os/fd.hpp"
#include "support/bytes_of.hpp"
#include "support/pty_driver.hpp"
#include "support/unix_socket.hpp"

namespace relay::test {
namespace {

bool told(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// The engine takes connections and says nothing as long as this lives.
class Deafness {
 public:
  explicit Deafness(FakeEngineThread& engine)
      : thread_([this, &engine] {
          engine.call([this](FakeEngine&) {
            over_.get_future().wait();
            return 0;
          });
        }) {}
  ~Deafness() {
    over_.set_value();
    thread_.join();
  }
  Deafness(const Deafness&) = delete;
  Deafness& operator=(const Deafness&) = delete;

 private:
  std::promise<void> over_;
  std::thread thread_;
};

/// A person whose `wrap` may start brokers, which go on.
struct Starter : Member {
  Starter() {
    environment.unset("RELAY_BROKER_ENGINE");
    environment.unset("RELAY_BROKER_WORKSPACE_KEY");
  }
  ~Starter() {
    deaf.reset();
    const auto found = run({"status", "--json"});
    if (found.status.as_shell() == 0) ::kill(std::stoi(text_at(found.out, "/pid")), SIGTERM);
  }
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;

  [[nodiscard]] os::Command wrap_in(const std::filesystem::path& where,
                                    std::vector<std::string> words) const {
    words.insert(words.begin(), "wrap");
    os::Command made = command(words);
    made.environment.set("MARK", temp.path().string());
    made.working_directory = where;
    return made;
  }
  [[nodiscard]] os::Command reader(const std::filesystem::path& where,
                                   const std::string& name) const {
    return wrap_in(where,
                   {"--name", name, "sh", "-c", "stty -echo; echo up; " + std::string(kReader)});
  }
  void kill_broker() {
    broker->signal(SIGKILL);
    (void)broker->wait_end();
  }
  /// A broker whose engine lets it wait; the instance.
  std::string start_with_deaf_engine(const std::vector<std::string>& words = {"serve"}) {
    environment.set("RELAY_BROKER_WORKSPACE_KEY", FakeState::kWorkspaceKey);
    environment.set("RELAY_BROKER_ENGINE", engine.url());
    deaf.emplace(engine);
    broker = std::make_unique<RunningProgram>(command(words));
    std::string seen;
    const auto is_starting = [&] {
      seen = run({"status", "--json"}).out;
      return seen.starts_with("{\"instance\"");
    };
    wait_until(is_starting, "a broker that starts", kPatience, [&] { return seen; });
    return text_at(seen, "/instance");
  }
  [[nodiscard]] std::string state_dir() const {
    return text_at(run({"status", "--json"}).out, "/state_dir");
  }
  /// All that this directory's broker has.
  [[nodiscard]] std::string names() const {
    const auto status = run({"status", "--json"});
    const auto document = wire::JsonDocument::parse(status.out, wire::kEngineLimits);
    const auto agents = document ? document->root().find("agents") : std::nullopt;
    std::vector<std::string> all;
    if (agents) {
      for (const auto& agent : agents->elements()) {
        all.emplace_back(agent.find("name")->string().value_or(""));
      }
    }
    std::sort(all.begin(), all.end());
    std::string out;
    for (const auto& name : all) out += name + " ";
    return out;
  }

  std::optional<Deafness> deaf;
};

/// As the broker holds it.
os::Fd locked(const std::string& path) {
  os::Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::flock(fd.get(), LOCK_EX | LOCK_NB) == 0);
  return fd;
}

/// A broker that the test plays.
class PlayedBroker {
 public:
  explicit PlayedBroker(const std::filesystem::path& socket) {
    std::filesystem::create_directories(socket.parent_path());
    listener_ = listen_at(socket);
  }
  /// The next question; its connection is `peer`.
  std::string question(os::Fd& peer) const {
    for (;;) {
      peer = accept_from(listener_);
      std::string text;
      char c = 0;
      while (!text.ends_with("\r\n\r\n") && ::recv(peer.get(), &c, 1, 0) == 1) text += c;
      // Who only looks whether somebody listens asks nothing.
      if (!text.empty()) return text;
    }
  }
  void leave() { listener_ = os::Fd(); }

 private:
  os::Fd listener_;
};

}  // namespace

TEST_CASE_FIXTURE(Starter, "who comes while a broker starts is asked to come again; wrap waits") {
  const std::string instance = start_with_deaf_engine();
  const auto refused = run({"spawn", "--json", "cat"});
  CHECK(refused.status.as_shell() == 75);
  CHECK(text_at(refused.out, "/error/code") == "node_not_ready");
  CHECK(text_at(refused.out, "/error/message") == "the broker is starting");
  CHECK(text_at(refused.out, "/error/retry_after_ms") == "1000");

  PtyDriver ada(reader(directory, "ada"));
  const auto runtime = temp / "run" / "relay-broker" / instance;
  const auto socket = "wrap-" + std::to_string(ada.pid()) + ".sock";
  wait_until([&] { return std::filesystem::exists(runtime / socket); }, "wrap's socket");
  deaf.reset();
  ada.wait_for("up");
  CHECK(run({"send", "ada", "good morning"}).status.as_shell() == 0);
  ada.wait_for("good morning");
}

TEST_CASE_FIXTURE(Starter, "a broker that is starting can be ended") {
  const auto socket = temp / "run" / "relay-broker" / start_with_deaf_engine() / "broker.sock";
  const WrapControlClient asks(socket.string());
  asks.send("POST /api/shutdown HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  CHECK(asks.answer().starts_with("HTTP/1.1 200 "));
  CHECK(broker->wait_end().as_shell() == 0);
  // Its engine never answers.
  CHECK(broker->out().empty());
}

TEST_CASE_FIXTURE(Starter, "a start in the background that was ended is not taken for a broker") {
  const auto instance = start_with_deaf_engine({"serve", "--background"});
  const WrapControlClient asks((temp / "run" / "relay-broker" / instance / "broker.sock").string());
  asks.send("POST /api/shutdown HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  CHECK(asks.answer().starts_with("HTTP/1.1 200 "));
  CHECK(broker->wait_end().as_shell() == 3);
  CHECK(told(broker->err(), "the broker was asked to end before it was ready"));
}

TEST_CASE_FIXTURE(Starter, "Ctrl-C ends a broker whose engine does not answer") {
  (void)start_with_deaf_engine();
  broker->signal(SIGINT);
  CHECK(broker->wait_end().as_shell() == 0);
  CHECK(broker->out().empty());
}

TEST_CASE_FIXTURE(Starter, "a broker that holds its lock is starting or ending, not dead") {
  serve();
  const std::string lock = state_dir() + "/broker.lock";
  kill_broker();
  {
    const auto held = locked(lock);
    const auto refused = run({"status", "--json"});
    CHECK(refused.status.as_shell() == 75);
    CHECK(text_at(refused.out, "/error/code") == "node_not_ready");
    CHECK(text_at(refused.out, "/error/retry_after_ms") == "1000");
    const std::string words = text_at(refused.out, "/error/message");
    CHECK(told(words, "the broker of " + directory.string() + " is starting or ending"));
    CHECK(told(words, "(pid " + std::to_string(::getpid()) + ","));
  }
  CHECK(run({"status"}).status.as_shell() == 3);
}

TEST_CASE_FIXTURE(Starter, "wrap waits for a broker that is ending, and starts the next one") {
  serve();
  const std::string lock = state_dir() + "/broker.lock";
  kill_broker();
  auto held = locked(lock);
  PtyDriver ada(reader(directory, "ada"));
  ada.wait_for("waiting for the broker (pid " + std::to_string(::getpid()) + ")");
  held = os::Fd();
  ada.wait_for("up");
  CHECK(names() == "ada ");
}

TEST_CASE_FIXTURE(Starter, "a state directory elsewhere hides no broker that was here") {
  const std::string state = temp / "elsewhere";
  serve({"--relay", "off", "--state-dir", state});
  broker->signal(SIGTERM);
  (void)broker->wait_end();
  const auto gone = run({"status"});
  CHECK(gone.status.as_shell() == 3);
  CHECK(told(gone.err, "the broker of " + directory.string() + " does not run"));
  CHECK(told(gone.err, "relay-broker serve --relay off --state-dir " + state));
  const auto held = locked(state + "/broker.lock");
  CHECK(run({"status"}).status.as_shell() == 75);
}

TEST_CASE_FIXTURE(Starter, "who has another runtime directory finds the broker and its agents") {
  serve({"--relay", "off"});
  spawn_shell("ada", "echo up; exec sleep 1000");
  std::filesystem::create_directory(temp / "elsewhere");
  environment.set("XDG_RUNTIME_DIR", temp / "elsewhere");
  CHECK(names() == "ada ");
  CHECK(told(run({"status", "--all"}).out, directory.filename().string()));
  RunningProgram next(command({"serve", "--relay", "off", "--takeover"}));
  next.wait_for("ready");
  CHECK(broker->wait_end().as_shell() == 0);
  CHECK(names() == "ada ");
  CHECK(agent_field("/state") != "exited");
  // Where that directory is gone another one takes its place.
  next.signal(SIGTERM);
  CHECK(next.wait_end().as_shell() == 0);
  std::filesystem::remove_all(temp / "run");
  serve({"--relay", "off"});
  CHECK(std::filesystem::exists(temp / "elsewhere" / "relay-broker"));
}

TEST_CASE_FIXTURE(Starter, "wrap starts its directory's own broker again, not a stranger's") {
  os::Command above = command({"serve", "--relay", "off"});
  above.working_directory = temp.path();
  RunningProgram stranger(above);
  stranger.wait_for("ready");
  serve({"--relay", "off", "--max-agents", "7"});
  spawn_shell("ada", "sleep 1000");
  kill_broker();
  // It says what the commands say.
  PtyDriver refused(wrap_in(directory, {"--no-autostart", "cat"}));
  refused.wait_for("the broker of " + directory.string() + " does not run");
  refused.wait_for("1 of its agents lives on: ada");
  CHECK(refused.wait_end().as_shell() == 125);
  // In a directory below as well, whose broker it is by the same rule.
  std::filesystem::create_directory(directory / "sub");
  PtyDriver bert(reader(directory / "sub", "bert"));
  bert.wait_for("starting the broker of " + directory.string() + " again");
  bert.wait_for("up");
  CHECK(names() == "ada bert ");
  const std::string note = bytes_of(state_dir() + "/serve.json");
  CHECK(told(note, R"("--relay","off","--max-agents","7")"));
  CHECK(told(note, R"("directory":")" + directory.string() + '"'));
}

TEST_CASE_FIXTURE(Starter, "what wrap cannot start it says how to start") {
  serve();
  const std::string note = state_dir() + "/serve.json";
  kill_broker();
  std::ofstream(note) << R"({"directory":")" << directory.string()
                      << R"(","arguments":["--workspace-key","-"]})";
  PtyDriver secret(wrap_in(directory, {"cat"}));
  secret.wait_for("does not run");
  secret.wait_for("relay-broker serve --workspace-key - starts it again");
  CHECK(secret.wait_end().as_shell() == 125);
  std::filesystem::remove(note);
  std::filesystem::create_directory(directory / "sub");
  PtyDriver unknown(wrap_in(directory / "sub", {"cat"}));
  unknown.wait_for("does not run");
  CHECK(unknown.wait_end().as_shell() == 125);
  PtyDriver misnamed(wrap_in(directory, {"--instance", "no name", "cat"}));
  misnamed.wait_for("error: ");
  misnamed.wait_for("no name");
  CHECK(misnamed.wait_end().as_shell() == 125);
  CHECK_FALSE(told(misnamed.transcript(), "could not be started"));
  // A second broker of this directory would be of no use.
  serve({"--relay", "off", "--instance", "shop"});
  PtyDriver mistyped(wrap_in(directory, {"--instance", "shpo", "cat"}));
  mistyped.wait_for("there never was a broker of the instance shpo");
  mistyped.wait_for("one runs: shop");
  CHECK(mistyped.wait_end().as_shell() == 125);
  CHECK_FALSE(std::filesystem::exists(temp / "state" / "relay-broker" / "shpo"));
}

TEST_CASE_FIXTURE(Starter, "init that a person types is refused; with an engine it is a broker") {
  PtyDriver typed(command({"init"}));
  typed.wait_for("init is for programs");
  typed.wait_for("relay-broker serve");
  CHECK(typed.wait_end().as_shell() == 2);
  environment.set("RELAY_BROKER_WORKSPACE_KEY", FakeState::kWorkspaceKey);
  environment.set("RELAY_BROKER_ENGINE", engine.url());
  PtyDriver meant(command({"init"}));
  meant.wait_for("API listening on");
  meant.signal(SIGTERM);
  CHECK(meant.wait_end().as_shell() == 0);
}

TEST_CASE_FIXTURE(Starter, "watching goes on with the next broker") {
  serve();
  const std::string state = state_dir();
  const os::Fd notices(::inotify_init1(IN_CLOEXEC));
  // Read by who finds nobody at the socket.
  REQUIRE(::inotify_add_watch(notices.get(), (state + "/serve.json").c_str(), IN_OPEN) >= 0);
  RunningProgram watch(command({"status", "--watch"}));
  watch.wait_for("(pid " + std::to_string(broker->pid()) + ",");
  kill_broker();
  {
    const auto held = locked(state + "/broker.lock");
    pollfd looked{notices.get(), POLLIN, 0};
    REQUIRE(::poll(&looked, 1, 60'000) == 1);
  }
  serve();
  watch.wait_for("(pid " + std::to_string(broker->pid()) + ",");
  watch.signal(SIGINT);
  CHECK(watch.wait_end().as_shell() == 130);
}

TEST_CASE_FIXTURE(User, "stop waits for a broker that ends without an answer") {
  const auto socket = temp / "run" / "relay-broker" / "shop" / "broker.sock";
  PlayedBroker played(socket);
  RunningProgram process(os::Command({"sleep", "1000"}, environment));
  RunningProgram stop(command({"stop", "--instance", "shop"}));
  os::Fd peer;
  CHECK(played.question(peer).starts_with("GET /api/broker "));
  const std::string about = "{\"pid\":" + std::to_string(process.pid()) + "}";
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: " +
                             std::string("close\r\nContent-Length: ") +
                             std::to_string(about.size()) + "\r\n\r\n" + about;
  REQUIRE(::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL) > 0);
  CHECK(played.question(peer).starts_with("POST /api/shutdown "));
  played.leave();
  std::filesystem::remove(socket);
  peer = os::Fd();
  process.signal(SIGKILL);
  (void)process.wait_end();
  CHECK(stop.wait_end().as_shell() == 0);
  CHECK(stop.out() == "shop: stopped (pid " + std::to_string(process.pid()) + ")\n");
}

}  // namespace relay::test
