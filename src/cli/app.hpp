#pragma once

namespace relay::cli {

/// Parses the command line, runs the command and returns the exit status. Called once, from main.
int run(int argc, char** argv);

}  // namespace relay::cli
