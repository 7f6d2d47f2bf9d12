#include "cli/error_report.hpp"

#include <cstdint>
#include <unistd.h>

#include "base/json_writer.hpp"
#include "base/printable.hpp"

namespace relay::cli {

std::string error_json(const Error& error) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.field("ok", false);
  json.key("error");
  json.begin_object();
  json.field("code", name_of(error.code));
  json.field("message", error.message);
  json.field("hint", error.hint);
  if (error.retry_after) {
    json.field("retry_after_ms", static_cast<std::int64_t>(error.retry_after->count()));
  }
  json.end_object();
  json.end_object();
  json.finish();
  return text;
}

int report(const Error& error, bool json, Output& out) {
  bool told = false;
  if (json) {
    out.line(error_json(error));
    told = out.flush().has_value() || out.reader_gone();
  }
  if (!told) {
    Output complaint(STDERR_FILENO);
    complaint.line("error: " + printable(error.message, Lines::one));
    if (!error.hint.empty()) complaint.line("hint: " + printable(error.hint, Lines::one));
    (void)complaint.flush();
  }
  return exit_status_of(error.code);
}

}  // namespace relay::cli
