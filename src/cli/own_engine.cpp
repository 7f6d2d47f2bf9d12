#include "cli/own_engine.hpp"

#include <asio/post.hpp>
#include <unistd.h>
#include <utility>

#include "broker/instance.hpp"
#include "net/timeout.hpp"

namespace relay::cli {
namespace {

/// Below those that the system gives to clients, so that none of them sits on it at a restart.
constexpr std::uint16_t kFirstPort = 20'000;
constexpr std::uint16_t kPorts = 12'000;
constexpr int kPortTries = 20;
/// Another process that has the database is about to say where it listens.
constexpr Duration kAddressWithin = std::chrono::seconds(10);
constexpr Duration kLookForAddress = std::chrono::milliseconds(20);

}  // namespace

OwnEngine::OwnEngine(asio::any_io_executor executor, Random& random, engine::EngineHome home,
                     OwnEngineSettings settings, std::function<void(std::string)> note)
    : random_(random),
      home_(std::move(home)),
      settings_(std::move(settings)),
      executor_(executor),
      note_(std::make_shared<std::function<void(std::string)>>(std::move(note))),
      host_(std::move(executor)) {}

asio::awaitable<Result<OwnEngine::Found>> OwnEngine::open() {
  auto key = home_.workspace_key(random_);
  if (!key) co_return fail(std::move(key).error());
  key_ = *std::move(key);
  Found found;
  found.workspace_key = key_;
  for (Duration waited{}; waited < kAddressWithin; waited += kLookForAddress) {
    const auto facts = co_await start_somewhere();
    if (facts) {
      port_ = facts->port;
      auto kept = home_.keep_address(facts->url, facts->port, ::getpid());
      if (!kept) co_return fail(std::move(kept).error());
      found.url = facts->url;
      found.workspace_id = facts->workspace_id;
      found.here = true;
      co_return found;
    }
    if (facts.error().code != Code::already_running) co_return fail(facts.error());
    auto address = home_.address();
    if (!address) co_return fail(std::move(address).error());
    // One who has taken the port of an engine that is gone would get our key.
    const auto holder = broker::pid_of_note(facts.error().message);
    if (*address && (*address)->pid == holder) {
      port_ = (*address)->port;
      found.url = (*address)->url;
      co_return found;
    }
    co_await net::pause(kLookForAddress);
  }
  co_return fail(Code::timeout, "another process has the engine's database, but serves no engine",
                 "end it, or use serve --own-engine");
}

asio::awaitable<void> OwnEngine::keep() {
  std::string said;
  while (!host_.running()) {
    co_await net::pause(kLookEvery);
    const auto facts = co_await start(port_);
    if (facts) {
      auto kept = home_.keep_address(facts->url, facts->port, ::getpid());
      if (!kept) (*note_)("the engine's address cannot be kept: " + kept.error().message);
      (*note_)("the engine's process has ended; it runs in this one now: " + facts->url);
      co_return;
    }
    if (facts.error().code == Code::already_running) continue;
    // A port that is not free yet, a disk that fails: it is tried on and on.
    std::string why = "the engine cannot be run here: " + facts.error().message;
    if (why != said) (*note_)(why);
    said = std::move(why);
  }
}

asio::awaitable<void> OwnEngine::stop() {
  co_await host_.stop();
}

asio::awaitable<Result<engine::EngineFacts>> OwnEngine::start(std::uint16_t port) {
  engine::EngineSettings settings;
  settings.database = settings_.database.value_or(home_.database());
  settings.address = settings_.address;
  settings.port = port;
  settings.workspace_key = key_;
  settings.version = settings_.version;
  // From the engine's thread; nobody listens any more once we are gone.
  settings.on_failure = [executor = executor_, heard = std::weak_ptr(note_)](std::string what) {
    asio::post(executor, [heard, what = std::move(what)] {
      if (const auto note = heard.lock()) (*note)("engine: " + what);
    });
  };
  return host_.start(std::move(settings));
}

asio::awaitable<Result<engine::EngineFacts>> OwnEngine::start_somewhere() {
  if (settings_.port != 0) co_return co_await start(settings_.port);
  auto facts = co_await start(likely_port());
  for (int i = 1; i < kPortTries && !facts && facts.error().code == Code::conflict; ++i) {
    const auto port = kFirstPort + random_.below(kPorts);
    facts = co_await start(static_cast<std::uint16_t>(port));
  }
  co_return facts;
}

std::uint16_t OwnEngine::likely_port() {
  const auto known = home_.address();
  if (known && *known) return (*known)->port;
  return static_cast<std::uint16_t>(kFirstPort + random_.below(kPorts));
}

}  // namespace relay::cli
