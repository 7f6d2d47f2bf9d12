#include "base/error.hpp"

#include <array>
#include <utility>

namespace relay {
namespace {

struct Row {
  Code code;
  std::string_view name;
  int exit_status;
};

// The one table. `tests/unit/base/error_test.cpp` restates it by hand.
constexpr std::array kRows{
    Row{Code::internal_error, "internal_error", 1},
    Row{Code::io_error, "io_error", 1},
    Row{Code::spawn_failed, "spawn_failed", 1},
    Row{Code::protocol_error, "protocol_error", 1},
    Row{Code::engine_error, "engine_error", 1},
    Row{Code::cancelled, "cancelled", 1},
    Row{Code::invalid_argument, "invalid_argument", 2},
    Row{Code::invalid_json, "invalid_json", 2},
    Row{Code::too_large, "too_large", 2},
    Row{Code::broker_not_running, "broker_not_running", 3},
    Row{Code::engine_unreachable, "engine_unreachable", 3},
    Row{Code::connection_closed, "connection_closed", 3},
    Row{Code::tls_failed, "tls_failed", 3},
    Row{Code::not_enrolled, "not_enrolled", 4},
    Row{Code::unauthorized, "unauthorized", 4},
    Row{Code::forbidden, "forbidden", 4},
    Row{Code::token_rejected, "token_rejected", 4},
    Row{Code::unsafe_file, "unsafe_file", 4},
    Row{Code::not_found, "not_found", 5},
    Row{Code::agent_not_found, "agent_not_found", 5},
    Row{Code::node_not_found, "node_not_found", 5},
    Row{Code::token_not_found, "token_not_found", 5},
    Row{Code::cwd_missing, "cwd_missing", 5},
    Row{Code::conflict, "conflict", 6},
    Row{Code::name_conflict, "name_conflict", 6},
    Row{Code::conversation_busy, "conversation_busy", 6},
    Row{Code::already_running, "already_running", 6},
    Row{Code::node_not_ready, "node_not_ready", 75},
    Row{Code::relay_deferred, "relay_deferred", 75},
    Row{Code::queue_full, "queue_full", 75},
    Row{Code::rate_limited, "rate_limited", 75},
    Row{Code::disk_full, "disk_full", 75},
    Row{Code::timeout, "timeout", 124},
    Row{Code::cli_not_executable, "cli_not_executable", 126},
    Row{Code::cli_not_found, "cli_not_found", 127},
};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].code) != i) return false;
  }
  return true;
}
static_assert(in_enum_order() && kRows.back().code == Code::cli_not_found);

const Row& row(Code code) {
  return kRows[static_cast<std::size_t>(code)];
}

}  // namespace

std::string_view name_of(Code code) noexcept {
  return row(code).name;
}

int exit_status_of(Code code) noexcept {
  return row(code).exit_status;
}

std::optional<Code> code_named(std::string_view name) noexcept {
  for (const Row& each : kRows) {
    if (each.name == name) return each.code;
  }
  return std::nullopt;
}

Error::Error(Code code_in, std::string message_in, std::string hint_in)
    : code(code_in), message(std::move(message_in)), hint(std::move(hint_in)) {}

Error Error::within(std::string_view what) && {
  message.insert(0, ": ");
  message.insert(0, what);
  return std::move(*this);
}

std::string Error::cause() const {
  const auto end = message.find(": ");
  return end == std::string::npos ? message : message.substr(end + 2);
}

}  // namespace relay
