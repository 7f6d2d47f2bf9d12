#include "broker/journal_check.hpp"

#include <memory>
#include <sqlite3.h>
#include <system_error>

namespace relay::broker {
namespace {

/// Virtual machine steps between two looks at the clock: some milliseconds.
constexpr int kStepsBetweenLooks = 10'000;
constexpr int kBusyMs = 1000;

struct CloseDatabase {
  void operator()(sqlite3* handle) const { sqlite3_close(handle); }
};
struct FinishStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

int is_over(void* deadline) {
  return SystemClock().now() >= *static_cast<const Monotonic*>(deadline) ? 1 : 0;
}

}  // namespace

Result<JournalCheck> check_journal(const os::Path& path, Duration at_most) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return fail(Code::not_found, "there is no journal at " + path.string());
  }
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, CloseDatabase> handle(raw);
  if (opened != SQLITE_OK) {
    return fail(Code::io_error, "cannot open " + path.string() + ": " + sqlite3_errstr(opened));
  }
  sqlite3_busy_timeout(raw, kBusyMs);
  Monotonic deadline = SystemClock().now() + at_most;
  sqlite3_progress_handler(raw, kStepsBetweenLooks, is_over, &deadline);
  sqlite3_stmt* prepared = nullptr;
  int step = sqlite3_prepare_v2(raw, "PRAGMA quick_check(1)", -1, &prepared, nullptr);
  const std::unique_ptr<sqlite3_stmt, FinishStatement> statement(prepared);
  if (step == SQLITE_OK) step = sqlite3_step(prepared);
  if (step == SQLITE_BUSY || step == SQLITE_LOCKED) {
    return fail(Code::already_running, path.string() + " is in use by its broker");
  }
  JournalCheck out;
  if (step == SQLITE_ROW) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(prepared, 0));
    out.verdict = text == nullptr ? "no answer" : text;
  } else if (step == SQLITE_INTERRUPT) {
    out.verdict = "ok";
    out.cut_short = true;
  } else {
    out.verdict = sqlite3_errmsg(raw);
  }
  return out;
}

}  // namespace relay::broker
