#include "cli/shared_engine.hpp"

#include <asio/post.hpp>
#include <unistd.h>
#include <utility>

#include "broker/instance.hpp"

namespace relay::cli {

using engine::EngineSeat;

SharedEngine::SharedEngine(asio::any_io_executor executor, Random& random, engine::EngineHome home,
                           SharedEngineSettings settings, std::function<void(std::string)> note)
    : random_(random),
      home_(std::move(home)),
      settings_(std::move(settings)),
      executor_(executor),
      note_(std::make_shared<std::function<void(std::string)>>(std::move(note))),
      host_(executor),
      seat_(settings_.port, random),
      hurry_(std::move(executor)) {}

asio::awaitable<Result<SharedEngine::Found>> SharedEngine::open() {
  auto key = home_.workspace_key(random_);
  if (!key) co_return fail(std::move(key).error());
  key_ = *std::move(key);
  const auto known = home_.address();
  if (!known) co_return fail(known.error());
  EngineSeat::Action next = seat_.open(*known, SystemClock().now());
  while (const auto* run = std::get_if<EngineSeat::Run>(&next)) {
    auto trying = attempt(run->after, run->port);
    next = co_await std::move(trying);
  }
  if (const auto* none = std::get_if<Error>(&next)) co_return fail(*none);
  const auto& there = std::get<EngineSeat::There>(next);
  if (there.here) {
    auto kept = home_.keep_address(there.url, there.port, ::getpid());
    if (!kept) co_return fail(std::move(kept).error());
  }
  co_return found_at(there);
}

asio::awaitable<std::optional<SharedEngine::Found>> SharedEngine::keep() {
  if (host_.running()) co_return std::nullopt;
  EngineSeat::Action next = seat_.watch();
  while (const auto* run = std::get_if<EngineSeat::Run>(&next)) {
    auto trying = attempt(run->after, run->port);
    next = co_await std::move(trying);
    if (const auto warning = seat_.take_warning()) (*note_)(*warning);
  }
  const auto& there = std::get<EngineSeat::There>(next);
  if (there.here) {
    const auto before = runner();
    auto kept = home_.keep_address(there.url, there.port, ::getpid());
    if (!kept) (*note_)("the engine's address cannot be kept: " + kept.error().message);
    if (!before || before != expected_to_end_) {
      (*note_)("the engine's process has ended; it runs in this one now: " + there.url);
    }
  }
  if (!there.moved) co_return std::nullopt;
  (*note_)("the engine is at another address now, its port was taken: " + there.url);
  co_return found_at(there);
}

void SharedEngine::expect_end_of(pid_t runner) {
  expected_to_end_ = runner;
  hurry_.notify();
}

std::optional<pid_t> SharedEngine::runner() const {
  const auto known = home_.address();
  if (!known || !*known) return std::nullopt;
  return (*known)->pid;
}

asio::awaitable<void> SharedEngine::stop() {
  co_await host_.stop();
}

/// One try to run it here.
asio::awaitable<EngineSeat::Action> SharedEngine::attempt(Duration after, std::uint16_t port) {
  if (after > Duration()) (void)co_await hurry_.wait(after);
  const auto facts = co_await start(port);
  if (facts) {
    workspace_id_ = facts->workspace_id;
    co_return seat_.runs(facts->url, facts->port);
  }
  // What is no address any more is none.
  const auto known = home_.address().value_or(std::nullopt);
  const auto holder = broker::pid_of_note(facts.error().message);
  co_return seat_.failed(facts.error(), holder, known, SystemClock().now());
}

asio::awaitable<Result<engine::EngineFacts>> SharedEngine::start(std::uint16_t port) {
  engine::EngineSettings settings;
  settings.database = home_.database();
  settings.address = settings_.address;
  settings.port = port;
  settings.workspace_key = key_;
  settings.limits = settings_.limits;
  settings.version = settings_.version;
  // From the engine's thread; nobody listens any more once we are gone.
  settings.on_failure = [executor = executor_, heard = std::weak_ptr(note_)](std::string what) {
    asio::post(executor, [heard, what = std::move(what)] {
      if (const auto note = heard.lock()) (*note)("engine: " + what);
    });
  };
  return host_.start(std::move(settings));
}

SharedEngine::Found SharedEngine::found_at(const EngineSeat::There& there) const {
  Found found;
  found.url = there.url;
  found.workspace_key = key_;
  found.workspace_id = there.here ? workspace_id_ : std::string();
  found.here = there.here;
  return found;
}

}  // namespace relay::cli
