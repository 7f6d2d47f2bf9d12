#pragma once

// Field lists that several .cpp files of wire need.

#include "wire/codec.hpp"
#include "wire/common.hpp"

namespace relay::wire {

template <>
struct EnumNames<InjectionMode> {
  static constexpr std::pair<InjectionMode, std::string_view> kAll[] = {
      {InjectionMode::wait, "wait"},
      {InjectionMode::steer, "steer"},
  };
};

template <class V, Of<Capability> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v("kind", s.kind);
  v("metadata", s.metadata);
  v("global", s.global);
  v("queue", s.queue);
}

template <class V, Of<Provider> S>
void fields(V& v, S& s) {
  v("name", s.name);
  v("instance_id", s.instance_id);
}

}  // namespace relay::wire
