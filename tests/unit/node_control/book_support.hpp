#pragma once

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "node_control/delivery_book.hpp"

namespace relay::node_control {

/// "a1" "alpha" 3 -> the delivery "a1-3" for agent a1 called alpha.
inline Delivery frame(const std::string& id, const std::string& name, std::uint64_t seq) {
  return Delivery{id, name, id + "-" + std::to_string(seq), seq, "text"};
}

template <class T>
std::vector<T> all(const std::vector<DeliveryAction>& actions) {
  std::vector<T> found;
  for (const auto& action : actions) {
    if (const auto* one = std::get_if<T>(&action)) found.push_back(*one);
  }
  return found;
}

/// The actions in one readable line: "surface 3, ack alpha 2".
inline std::string text_of(const std::vector<DeliveryAction>& actions) {
  struct Writer {
    std::string operator()(const Surface& a) const {
      return (a.late ? "late " : "surface ") + std::to_string(a.delivery.seq);
    }
    std::string operator()(const Ack& a) const {
      return "ack " + a.agent_name + " " + std::to_string(a.up_to_seq);
    }
    std::string operator()(const DeadLetter& a) const {
      return "dead " + std::to_string(a.delivery.seq);
    }
    std::string operator()(const Skipped& a) const {
      return "skipped " + std::to_string(a.first) + "-" + std::to_string(a.last);
    }
    std::string operator()(const Resync&) const { return "resync"; }
    std::string operator()(const Renamed& a) const { return "renamed " + a.from + " " + a.to; }
    std::string operator()(const Renumbered&) const { return "renumbered"; }
  };
  std::string text;
  for (const auto& action : actions) {
    if (!text.empty()) text += ", ";
    text += std::visit(Writer(), action);
  }
  return text;
}

/// A connected book with the agent a1 called alpha, and a clock to move by hand.
struct Bench {
  explicit Bench(MailboxPolicy policy = {}) : book(policy) {
    (void)book.connected(now);
    (void)book.registered(now, "a1", "alpha");
  }

  std::string deliver(std::uint64_t seq) { return deliver(frame("a1", "alpha", seq)); }
  std::string deliver(Delivery delivery) {
    auto decision = book.deliver(now, std::move(delivery));
    verdict = decision.verdict;
    return text_of(decision.actions);
  }
  std::string done(std::uint64_t seq, const std::string& id = "a1") {
    return text_of(book.done(now, id, seq, id + "-" + std::to_string(seq)));
  }
  std::string failed(std::uint64_t seq, const std::string& id = "a1") {
    return text_of(book.failed(now, id, seq, id + "-" + std::to_string(seq)));
  }
  std::string after(Duration wait) {
    now += wait;
    return text_of(book.on_time(now));
  }

  Monotonic now{std::chrono::seconds(1000)};
  DeliveryBook book;
  Verdict verdict = Verdict::stale;
};

}  // namespace relay::node_control
