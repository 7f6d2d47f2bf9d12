#include "engine/service/engine_seat.hpp"

#include <utility>

namespace relay::engine {
namespace {

/// Below those that the system gives to clients, so that none of them sits on it at a restart.
constexpr std::uint16_t kFirstPort = 20'000;
constexpr std::uint16_t kPorts = 12'000;

}  // namespace

EngineSeat::Run EngineSeat::open(const std::optional<EngineAddress>& known, Monotonic now) {
  opened_ = now;
  port_ = wanted_;
  if (port_ == 0) port_ = known ? known->port : any_port();
  return Run{Duration(), port_};
}

EngineSeat::Run EngineSeat::watch() const {
  return Run{kLookEvery, port_};
}

EngineSeat::There EngineSeat::runs(const std::string& url, std::uint16_t port) {
  const bool moved = watching_ && url != url_;
  watching_ = true;
  url_ = url;
  port_ = port;
  return There{url, port, true, moved};
}

EngineSeat::Action EngineSeat::failed(const Error& why, std::optional<pid_t> holder,
                                      const std::optional<EngineAddress>& known, Monotonic now) {
  if (why.code == Code::already_running) return held(holder, known, now);
  if (why.code == Code::conflict) return port_taken(why, now);
  if (!watching_) return why;
  // A disk that fails: it is tried on and on.
  warn("the engine cannot be run here: " + why.message);
  return Run{kLookEvery, port_};
}

EngineSeat::Action EngineSeat::held(std::optional<pid_t> holder,
                                    const std::optional<EngineAddress>& known, Monotonic now) {
  taken_since_.reset();
  tries_ = 0;
  // One who has taken the port of an engine that is gone would get our key.
  const bool believed = known && holder && known->pid == *holder;
  if (believed && (!watching_ || known->url != url_)) {
    const bool moved = std::exchange(watching_, true);
    url_ = known->url;
    port_ = known->port;
    return There{url_, port_, false, moved};
  }
  if (watching_) return watch();
  if (now - opened_ < kAddressWithin) return Run{kLookForAddress, port_};
  return Error(Code::timeout, "another process has the engine's database, but serves no engine",
               "end it, or use serve --own-engine");
}

EngineSeat::Action EngineSeat::port_taken(const Error& why, Monotonic now) {
  if (wanted_ != 0 && !watching_) return why;
  if (wanted_ != 0) {
    warn("the engine cannot be run here: " + why.message + "; it is tried on and on");
    return Run{kLookEvery, port_};
  }
  if (!taken_since_) taken_since_ = now;
  // Others rely on the address: another one only when this one is lost.
  if (watching_ && now - *taken_since_ < kPortFreeWithin) return Run{kLookEvery, port_};
  if (++tries_ < kPortTries) return Run{Duration(), any_port()};
  if (!watching_) return why;
  warn("the engine cannot be run here: " + why.message + "; other ports are tried on and on");
  tries_ = 0;
  return Run{kLookEvery, port_};
}

std::optional<std::string> EngineSeat::take_warning() {
  return std::exchange(warning_, std::nullopt);
}

void EngineSeat::warn(std::string text) {
  if (text == said_) return;
  said_ = text;
  warning_ = std::move(text);
}

std::uint16_t EngineSeat::any_port() {
  return static_cast<std::uint16_t>(kFirstPort + random_.below(kPorts));
}

}  // namespace relay::engine
