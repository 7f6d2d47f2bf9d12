#include "pty/injection_types.hpp"

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

}  // namespace relay::pty
