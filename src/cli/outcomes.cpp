#include "cli/outcomes.hpp"

#include "cli/output.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <unistd.h>

#include "base/json_writer.hpp"
#include "base/printable.hpp"

namespace relay::cli {
namespace {

int weight_of(Code code) {
  switch (exit_status_of(code)) {
    case 5: return 0;
    case 75: return 1;
    case 124: return 2;
    case 6: return 3;
    case 4: return 4;
    case 3: return 6;
    default: return 5;
  }
}

void write_failure(JsonWriter& out, const Error& error) {
  out.key("error");
  out.begin_object();
  out.field("code", name_of(error.code));
  out.field("message", error.message);
  out.field("hint", error.hint);
  out.end_object();
}

std::string outcomes_json(const std::vector<Outcome>& outcomes, const Error* worst,
                          const char* list, const char* key) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("ok", worst == nullptr);
  if (worst != nullptr) write_failure(out, *worst);
  out.key(list);
  out.begin_array();
  for (const Outcome& one : outcomes) {
    out.begin_object();
    out.field(key, one.name);
    out.field("result", one.what);
    if (one.error) write_failure(out, *one.error);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  out.finish();
  return text;
}

}  // namespace

const Error* worst_of(const std::vector<Outcome>& outcomes) {
  const Error* worst = nullptr;
  for (const Outcome& one : outcomes) {
    if (!one.error) continue;
    if (worst == nullptr || weight_of(one.error->code) > weight_of(worst->code)) {
      worst = &*one.error;
    }
  }
  return worst;
}

Result<void> tell_outcomes(Context& context, const std::vector<Outcome>& outcomes, const char* list,
                           const char* key) {
  const Error* worst = worst_of(outcomes);
  const auto done =
      std::find_if(outcomes.begin(), outcomes.end(), [](const Outcome& one) { return !one.error; });
  if (done != outcomes.end()) context.deed = printable(done->name) + ": " + done->what;
  if (worst != nullptr) context.status = exit_status_of(worst->code);
  if (context.json) {
    context.out.line(outcomes_json(outcomes, worst, list, key));
    return {};
  }
  if (worst != nullptr && outcomes.size() == 1) return fail(*worst);
  Output complaint(STDERR_FILENO);
  std::set<std::string> hints;
  for (const Outcome& one : outcomes) {
    if (!one.error) {
      context.out.line(fmt::format("{}: {}", printable(one.name), one.what));
      continue;
    }
    complaint.line(fmt::format("error: {}: {}", printable(one.name),
                               printable(one.error->message, Lines::one)));
    if (!one.error->hint.empty()) hints.insert(one.error->hint);
  }
  for (const std::string& hint : hints) complaint.line("hint: " + printable(hint, Lines::one));
  (void)complaint.flush();
  return {};
}

}  // namespace relay::cli
