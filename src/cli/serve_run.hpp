#pragma once

#include "cli/command.hpp"
#include "cli/serve_settings.hpp"

namespace relay::cli {

class Background;

/// Runs a broker until a signal, its API or its fate ends it. SIGTERM and SIGINT end the agents
/// too, SIGUSR2 leaves them to the next broker; after SIGHUP the user's profiles are read again.
/// `background` hears when it is ready.
[[nodiscard]] Result<void> run_serve(Context& context, const ServeOptions& options,
                                     Background* background);

}  // namespace relay::cli
