#include "support/history.hpp"

#include <algorithm>

namespace relay::test {

std::optional<std::string> HistoryChecker::take(const HistoryEvent& event) {
  using Kind = HistoryEvent::Kind;
  if (event.kind == Kind::crashed) {
    ++agents_[event.agent].crashes;
    return std::nullopt;
  }
  if (event.kind == Kind::moved) {
    ++agents_[event.agent].moves;
    return std::nullopt;
  }
  if (event.kind == Kind::call) {
    if (!calls_.try_emplace(event.message).second) return "call " + event.message + " made twice";
    return std::nullopt;
  }
  if (event.kind == Kind::called || event.kind == Kind::answered) {
    const auto call = calls_.find(event.message);
    if (call == calls_.end()) return "call " + event.message + " was never made";
    if (event.kind == Kind::called) call->second.called = true;
    if (event.kind == Kind::answered && ++call->second.answers > 1) {
      return "call " + event.message + " was answered twice";
    }
    return std::nullopt;
  }
  if (event.kind == Kind::send) {
    Message fresh;
    fresh.agent = event.agent;
    fresh.crashes_before = agents_[event.agent].crashes;
    fresh.moves_before = agents_[event.agent].moves;
    if (messages_.try_emplace(event.message, fresh).second) return std::nullopt;
    return "message " + event.message + " was sent twice";
  }
  const auto found = messages_.find(event.message);
  if (found == messages_.end()) return "message " + event.message + " was never sent";
  Message& message = found->second;
  switch (event.kind) {
    case Kind::accepted: message.accepted = true; break;
    case Kind::refused: message.refused = true; break;
    case Kind::numbered:
      if (message.number != 0 && message.number != event.number) {
        return "message " + event.message + " is kept twice";
      }
      message.number = event.number;
      break;
    case Kind::shown: return show(event);
    case Kind::handed: message.handed = true; break;
    case Kind::buried: message.buried = true; break;
    case Kind::acked:
      message.acked = true;
      if (message.times_shown == 0 && !message.handed && !message.buried) {
        return "message " + event.message + " was acknowledged, but " + message.agent +
               " has not read it and it is no dead letter";
      }
      break;
    default: break;
  }
  if (message.accepted && message.refused) {
    return "message " + event.message + " was accepted and refused";
  }
  return std::nullopt;
}

std::optional<std::string> HistoryChecker::show(const HistoryEvent& event) {
  Message& message = messages_.at(event.message);
  if (message.agent != event.agent) {
    return event.agent + " has read message " + event.message + ", which is for " + message.agent;
  }
  if (message.refused) return "message " + event.message + " was refused, and read";
  Agent& agent = agents_[event.agent];
  const std::size_t crashes = agent.crashes - message.crashes_before;
  ++shown_;
  if (event.repeat && crashes == 0) {
    return event.agent + " has read message " + event.message +
           " as a possible repeat, and there was no crash";
  }
  const bool is_new_here = message.read_at.insert(event.place).second;
  if (message.read_at.size() > 1 + agent.moves - message.moves_before) {
    return event.agent + " has read message " + event.message +
           " at more places than it was moved to";
  }
  if (++message.times_shown > 1) {
    ++repeats_;
    if (!is_new_here && !event.repeat) {
      return event.agent + " has read message " + event.message + " twice";
    }
    if (message.times_shown > message.read_at.size() + crashes) {
      return event.agent + " has read message " + event.message + " more often than it crashed";
    }
  }
  const bool ordinary = !event.repeat && !event.out_of_order && message.number != 0;
  if (!ordinary) return std::nullopt;
  Highest& highest = agent.highest[event.place];
  if (message.number < highest.number) {
    return event.agent + " has read message " + event.message + " behind " + highest.message +
           ", which came later";
  }
  highest.number = message.number;
  highest.message = event.message;
  return std::nullopt;
}

HistoryChecker::Figures HistoryChecker::figures(const std::vector<std::string>& gone) const {
  Figures out;
  for (const auto& [name, message] : messages_) {
    if (std::find(gone.begin(), gone.end(), message.agent) != gone.end()) continue;
    out.accepted += message.accepted ? 1 : 0;
    out.read += message.times_shown > 0 ? 1 : 0;
    out.handed += message.handed && message.times_shown == 0 ? 1 : 0;
    out.buried += message.buried && message.times_shown == 0 ? 1 : 0;
  }
  return out;
}

std::vector<std::string> HistoryChecker::open(const std::vector<std::string>& gone) const {
  std::vector<std::string> out;
  for (const auto& [name, message] : messages_) {
    const bool waits = std::find(gone.begin(), gone.end(), message.agent) != gone.end();
    if (message.accepted && !message.acked && !message.buried && !waits) out.push_back(name);
  }
  return out;
}

std::optional<std::string> HistoryChecker::finish(const std::vector<std::string>& gone) const {
  const auto waiting = open(gone);
  if (!waiting.empty()) {
    return "message " + waiting.front() + " for " + messages_.at(waiting.front()).agent +
           " was accepted and never came to an end";
  }
  for (const auto& [name, call] : calls_) {
    if (call.called && call.answers == 0) return "call " + name + " was never answered";
  }
  return std::nullopt;
}

std::optional<std::string> check_history(const std::vector<HistoryEvent>& events,
                                         const std::vector<std::string>& gone) {
  HistoryChecker checker;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto broken = checker.take(events[i]);
    if (broken) return "event " + std::to_string(i + 1) + ": " + *broken;
  }
  return checker.finish(gone);
}

}  // namespace relay::test
