#pragma once

#include "bench/report.hpp"

namespace relay::bench {

/// The engine as a process of its own and nodes that are connected to it by real sockets: one
/// message to a thousand agents of one node, and the engine's memory with a thousand nodes.
void engine_fleet(const Report& report, bool quick);

}  // namespace relay::bench
