// `serve` with nothing configured: an engine of our own, shared by the brokers of a user.
#include <iterator>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "integration/serve_world.hpp"
#include "integration/service_manager.hpp"
#include "support/bytes_of.hpp"

namespace relay::test {
namespace {

/// Another project of the same user.
struct Neighbour : Project {
  Neighbour(const User& user, const std::string& name) {
    environment = user.environment;
    directory = user.temp / name;
    mark = user.mark;
    std::filesystem::create_directory(directory);
  }
};

/// Somebody who listens where the engine did, and never answers.
class PortTaker {
 public:
  explicit PortTaker(const std::string& url)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int yes = 1;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1))));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(socket_.get(), 16) == 0);
  }

 private:
  os::Fd socket_;
};

unsigned mode_of(const std::filesystem::path& path) {
  struct stat found{};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777U;
}

/// Until it works: what depends on a connection that is being made again.
void send_until_it_works(const User& user, const std::string& to, const std::string& text) {
  std::string refusal;
  const auto works = [&] {
    const auto sent = user.run({"send", to, text});
    refusal = sent.err;
    return sent.status.as_shell() == 0;
  };
  wait_until(works, to + " is sent to", kPatience, [&] { return refusal; });
}

}  // namespace

TEST_CASE_FIXTURE(User, "serve with nothing configured runs an engine and is its node") {
  serve({"--json"});
  const std::string ready = broker->out();
  CAPTURE(ready);
  CHECK(text_at(ready, "/engine").starts_with("http://127.0.0.1:"));
  CHECK(text_at(ready, "/runs_engine") == "true");
  CHECK(text_at(ready, "/connected") == "true");
  CHECK(text_at(ready, "/node_id").starts_with("node_"));
  CHECK(text_at(ready, "/workspace_id").size() > 5);
  const auto home = temp / "state" / "relay-broker" / "engine";
  CHECK(mode_of(home) == 0700);
  for (const char* name : {"engine.db", "engine.db.lock", "workspace.key", "engine.json"}) {
    CAPTURE(name);
    CHECK(mode_of(home / name) == 0600);
  }
  {
    // One that only watches ends as well.
    Neighbour other(*this, "other");
    other.serve({"--json"});
    other.broker->signal(SIGTERM);
    CHECK(other.broker->wait_end().as_shell() == 0);
  }
  spawn_reader("ada");
  CHECK(run({"send", "ada", "hello"}).status.as_shell() == 0);
  wait_shown("ada", "got ");
  // What only far engines need is not there: it would be a third of the start and of the memory.
  const std::string mapped = bytes_of("/proc/" + text_at(ready, "/pid") + "/maps");
  CHECK(mapped.find("libsqlite3") != std::string::npos);
  CHECK(mapped.find("libcurl") == std::string::npos);
  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
  CHECK(broker->err() == "");

  // The same engine, workspace and node the next time.
  serve({"--json"});
  for (const char* field : {"/engine", "/workspace_id", "/node_id"}) {
    CHECK(text_at(broker->out(), field) == text_at(ready, field));
  }
}

TEST_CASE_FIXTURE(User, "two projects share an engine; when its process dies the other runs it") {
  serve({"--json"});
  const std::string engine = text_at(broker->out(), "/engine");
  Neighbour other(*this, "other");
  other.serve({"--json"});
  CHECK(text_at(other.broker->out(), "/engine") == engine);
  CHECK(text_at(other.broker->out(), "/runs_engine") == "false");
  other.spawn_reader("bob");
  CHECK(run({"send", "bob", "through the engine"}).status.as_shell() == 0);
  other.wait_shown("bob", "through the engine");

  broker->signal(SIGKILL);
  (void)broker->wait_end();
  other.broker->wait_for_err("it runs in this one now");
  serve({"--json"});
  CHECK(text_at(broker->out(), "/engine") == engine);
  CHECK(text_at(broker->out(), "/runs_engine") == "false");
  send_until_it_works(*this, "bob", "after the death of the first one");
  other.wait_shown("bob", "after the death of the first one");
}

TEST_CASE_FIXTURE(User, "who takes a broker's place runs its engine before anybody misses it") {
  serve({"--json"});
  const std::string before = broker->out();
  spawn_reader("ada");
  auto old = std::move(broker);
  serve({"--json", "--takeover"});
  CHECK(old->wait_end().as_shell() == 0);
  const std::string ready = broker->out();
  CAPTURE(ready);
  for (const char* field : {"/engine", "/workspace_id", "/node_id"}) {
    CHECK(text_at(ready, field) == text_at(before, field));
  }
  CHECK(text_at(ready, "/runs_engine") == "true");
  CHECK(text_at(ready, "/connected") == "true");
  CHECK(run({"send", "ada", "to the same agent"}).status.as_shell() == 0);
  wait_shown("ada", "to the same agent");
  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
  CHECK(broker->err() == "");
}

// A person's word to a channel stayed in that person's broker.
TEST_CASE_FIXTURE(User, "a channel is heard at every broker, once, and who is away is told of") {
  serve({"--json"});
  Neighbour other(*this, "other");
  other.serve({"--json"});
  const auto enter = [this](const auto& at, const std::string& name) {
    const auto made = at.run({"spawn", "--name", name, "--channel", "dev", "--env",
                              "MARK=" + temp.path().string(), "sh", "--", "-c", kReader});
    CAPTURE(made.err);
    REQUIRE(made.status.as_shell() == 0);
  };
  enter(*this, "ada");
  enter(other, "bob");
  CHECK(run({"send", "#dev", "hear ye"}).out.starts_with("#dev: sent through the engine"));
  CHECK(other.run({"send", "#dev", "hear us", "--from", "bob"}).status.as_shell() == 0);
  wait_shown("ada", "hear ye");
  wait_shown("ada", "hear us");
  other.wait_shown("bob", "hear ye");
  const auto count = [](const std::string& text, std::string_view part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  };
  CHECK(count(run({"snapshot", "ada"}).out, "hear ye") == 1);
  // Not to its author.
  CHECK(count(other.run({"snapshot", "bob"}).out, "hear us") == 0);
  const auto nobody = run({"send", "#nowhere", "hello"});
  CHECK(nobody.status.as_shell() == 5);
  CHECK(nobody.err.find("POST") == std::string::npos);
  CHECK(run({"send", "ada", "yes", "--thread", "12345"}).status.as_shell() == 5);

  // Ended by whatever: the message waits at the engine, and its sender knows.
  REQUIRE(other.run({"release", "bob"}).status.as_shell() == 0);
  const auto late = run({"send", "bob", "are you back?"});
  CHECK(late.status.as_shell() == 0);
  CHECK(late.err.find("bob does not run") != std::string::npos);
  enter(other, "bob");
  other.wait_shown("bob", "are you back?");
  CHECK(other.run({"dead-letters", "list"}).out == "no dead letters\n");

  // Who runs the engine.
  const auto status = other.run({"status"}).out;
  const auto mine = text_at(run({"status", "--json"}).out, "/instance");
  CHECK(status.find("run by the broker " + mine) != std::string::npos);
  CHECK(status.find("engine.db") != std::string::npos);
  CHECK(text_at(other.run({"status", "--json"}).out, "/engine_process/instance") == mine);
  CHECK(run({"doctor"}).out.find("run by the broker " + mine) != std::string::npos);
}

TEST_CASE_FIXTURE(User,
                  "an engine whose port somebody else has taken goes on elsewhere, agents too") {
  serve({"--json"});
  const std::string engine = text_at(broker->out(), "/engine");
  Neighbour other(*this, "other");
  const Manager manager(temp / "notify");
  other.environment.set("NOTIFY_SOCKET", temp / "notify");
  other.serve({"--json"});
  other.spawn_reader("bob");
  (void)manager.wait("READY=1");
  // It does not get there first.
  other.broker->freeze();
  broker->signal(SIGKILL);
  (void)broker->wait_end();
  const PortTaker stranger(engine);
  other.broker->signal(SIGCONT);
  other.broker->wait_for_err("the engine is at another address now");
  serve({"--json"});
  CHECK(text_at(broker->out(), "/engine") != engine);
  CHECK(text_at(broker->out(), "/runs_engine") == "false");
  send_until_it_works(*this, "bob", "at the new address");
  other.wait_shown("bob", "at the new address");
  // A manager that had been told so would kill it.
  CHECK_FALSE(manager.has_heard("STOPPING=1"));
}

TEST_CASE_FIXTURE(User, "an engine with a database elsewhere is another engine, found by that") {
  const auto store = "sqlite:" + (temp / "elsewhere" / "x.db").string();
  serve({"--json", "--store", store});
  const std::string engine = text_at(broker->out(), "/engine");
  CHECK(mode_of(temp / "elsewhere" / "x.db.key") == 0600);
  Neighbour shared(*this, "shared");
  shared.serve({"--json"});
  CHECK(text_at(shared.broker->out(), "/engine") != engine);
  CHECK(text_at(shared.broker->out(), "/runs_engine") == "true");
  Neighbour same(*this, "same");
  same.serve({"--json", "--store", store});
  CHECK(text_at(same.broker->out(), "/engine") == engine);
  CHECK(text_at(same.broker->out(), "/runs_engine") == "false");
}

TEST_CASE_FIXTURE(User, "an engine for one instance alone, and an engine alone") {
  serve({"--json"});
  const std::string engine = text_at(broker->out(), "/engine");
  Neighbour separate(*this, "separate");
  separate.serve({"--json", "--own-engine"});
  CHECK(text_at(separate.broker->out(), "/engine") != engine);
  CHECK(text_at(separate.broker->out(), "/runs_engine") == "true");

  Neighbour second(*this, "second");
  const auto refused = second.run({"serve", "--role", "engine"});
  CHECK(refused.status.as_shell() == 6);
  CHECK(refused.err.find(engine) != std::string::npos);
  const auto store = (temp / "elsewhere" / "engine.db").string();
  RunningProgram alone(second.command({"serve", "--role", "engine", "--own-engine", "--json"}));
  alone.wait_for("ready");
  CHECK(text_at(alone.out(), "/runs_engine") == "true");
  CHECK(text_at(alone.out(), "/api").empty());
  alone.signal(SIGTERM);
  CHECK(alone.wait_end().as_shell() == 0);
  CHECK(run({"serve", "--store", "postgres"}).status.as_shell() == 2);
}

TEST_CASE_FIXTURE(User,
                  "each engine of ours is asked for each time; without a word, the shared one") {
  const auto store = "sqlite:" + (temp / "elsewhere" / "x.db").string();
  // Whose variables these are does not matter to who asks for an engine of his own.
  os::Environment of_another = environment;
  of_another.set("RELAY_BROKER_ENGINE", "http://127.0.0.1:1");
  of_another.set("RELAY_NODE_ID", "node_of_another");
  of_another.set("RELAY_NODE_TOKEN", "nt_live_0123456789abcdef0123456789abcdef");
  const os::Environment plain = environment;
  const auto engine_of = [this](std::vector<std::string> words) {
    words.emplace_back("--json");
    serve(words);
    const std::string ready = broker->out();
    CAPTURE(ready);
    CHECK(text_at(ready, "/runs_engine") == "true");
    CHECK(text_at(ready, "/connected") == "true");
    broker->signal(SIGTERM);
    CHECK(broker->wait_end().as_shell() == 0);
    CHECK(broker->err() == "");
    return text_at(ready, "/engine");
  };
  environment = of_another;
  const std::string own = engine_of({"--own-engine"});
  environment = plain;
  const std::string shared = engine_of({});
  environment = of_another;
  const std::string stored = engine_of({"--store", store});
  environment = plain;
  CHECK(engine_of({}) == shared);
  CHECK(shared != own);
  CHECK(shared != stored);
  CHECK(stored != own);
}

TEST_CASE_FIXTURE(User, "a second broker is not the same node; the next one is") {
  serve({"--instance", "one"});
  const auto second = run({"serve", "--instance", "two"});
  CAPTURE(second.err);
  CHECK(second.status.as_shell() == 6);
  CHECK(times(second.err, "is used by the broker of " + directory.string() + " (pid " +
                              std::to_string(broker->pid()) + ", instance one)") == 1);
  CHECK(times(second.err, "relay-broker stop --instance one") == 1);
  CHECK(text_at(run({"status", "--instance", "one", "--json"}).out, "/engine/connected") !=
        "false");
  auto old = std::move(broker);
  serve({"--instance", "one", "--takeover"});
  CHECK(old->wait_end().as_shell() == 0);
  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
  // What had no node of its own left nothing that the next one trips over.
  serve({"--instance", "two"});
  broker->signal(SIGKILL);
  (void)broker->wait_end();
  serve({"--instance", "one"});
}

TEST_CASE_FIXTURE(User, "an instance that is named stays with its directory") {
  serve({"--relay", "off", "--instance", "shop"});
  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
  Neighbour other(*this, "other");
  for (const bool variable : {false, true}) {
    if (variable) other.environment.set("RELAY_BROKER_INSTANCE", "shop");
    const auto refused =
        other.run(variable ? std::vector<std::string>{"serve", "--relay", "off"}
                           : std::vector<std::string>{"serve", "--instance", "shop"});
    CAPTURE(refused.err);
    CHECK(refused.status.as_shell() == 6);
    CHECK(times(refused.err, "the instance shop is the broker of " + directory.string()) == 1);
    CHECK(times(refused.err, "cd " + directory.string() +
                                 " && relay-broker serve --relay off --instance shop") == 1);
  }
  // A project that was moved takes its broker along.
  std::filesystem::rename(directory, temp / "moved");
  directory = temp / "moved";
  serve({"--relay", "off", "--instance", "shop"});
}

TEST_CASE_FIXTURE(User, "where the engine listens is not changed while another process runs it") {
  Neighbour other(*this, "other");
  other.serve({"--json"});
  const std::string address = text_at(other.broker->out(), "/engine");
  serve({"--engine-listen", "127.0.0.1:7"});
  broker->wait_for_err("--engine-listen 127.0.0.1:7 is not used: pid " +
                       std::to_string(other.broker->pid()) + " runs the engine at " + address);
  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
  serve({"--engine-listen", address.substr(std::string_view("http://").size())});
  CHECK(broker->err() == "");
}

TEST_CASE_FIXTURE(Member, "a directory with several engines is asked which one is meant") {
  serve({"--json"});
  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
  environment = temp.environment();
  Neighbour other(*this, "other");
  other.serve({"--json"});
  const std::string shared = text_at(other.broker->out(), "/engine");
  serve({"--engine", shared});
  broker->signal(SIGTERM);
  CHECK(broker->wait_end().as_shell() == 0);
  const auto several = run({"serve"});
  CAPTURE(several.err);
  CHECK(several.status.as_shell() == 2);
  CHECK(several.err.find("several engines") != std::string::npos);
  CHECK(several.err.find(engine.url()) != std::string::npos);
  CHECK(several.err.find("the one of this user, " + shared) != std::string::npos);
  CHECK(several.err.find("--engine URL") != std::string::npos);
  REQUIRE(run({"token", "clear", "--engine", engine.url()}).status.as_shell() == 0);
  serve({"--json"});
  CHECK(text_at(broker->out(), "/engine") == shared);
}

TEST_CASE_FIXTURE(User, "who says that there is an engine is not given another one") {
  environment.set("RELAY_BROKER_WORKSPACE_KEY", "rk_live_0123456789abcdef0123456789abcdef");
  const auto result = run({"serve"});
  CHECK(result.status.as_shell() == 4);
  CHECK(result.err.find("--engine") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(temp / "state" / "relay-broker" / "engine" / "engine.db"));
}

}  // namespace relay::test
