#pragma once

#include "cli/command.hpp"
#include "cli/serve_settings.hpp"

namespace relay::cli {

/// Runs a broker until a signal, its API or its fate ends it. SIGTERM and SIGINT end the agents
/// too, SIGUSR2 leaves them to the next broker.
[[nodiscard]] Result<void> run_serve(Context& context, const ServeOptions& options);

}  // namespace relay::cli
