#include "pty/injection/injection_types.hpp"

#include <utility>

namespace relay::pty {

std::string_view name_of(InjectionEnd end) {
  switch (end) {
    case InjectionEnd::submitted: return "submitted";
    case InjectionEnd::typed: return "typed";
    case InjectionEnd::dead: return "dead";
  }
  return "dead";
}

std::string_view name_of(Proof proof) {
  switch (proof) {
    case Proof::none: return "none";
    case Proof::box: return "box";
    case Proof::turn: return "turn";
    case Proof::hook: return "hook";
    case Proof::screen: return "screen";
  }
  return "none";
}

InjectionStep ended_step(std::uint64_t item, InjectionOutcome outcome) {
  InjectionStep step;
  step.act = InjectionAct::ended;
  step.item = item;
  step.outcome = std::move(outcome);
  return step;
}

}  // namespace relay::pty
