#include "cli/attach_stream.hpp"

#include "cli/broker_client.hpp"
#include "cli/plain_words.hpp"
#include <utility>

#include "base/printable.hpp"
#include "wire/base64.hpp"
#include "wire/json.hpp"

namespace relay::cli {
namespace {

constexpr std::size_t kPositionBytes = 8;

Error not_understood(std::string_view what) {
  return {Code::protocol_error, "the broker's " + std::string(what) + " is not understood",
          "is it of another version? relay-broker serve --takeover replaces it, agents stay"};
}

std::optional<std::uint64_t> number_at(const wire::JsonView& object, std::string_view key) {
  const auto found = object.find(key);
  return found ? found->unsigned_integer() : std::nullopt;
}

/// `{"code","message"}` of a stream. The codes of terminals are the peer's.
Error refusal_of(const wire::JsonView& about) {
  const std::string code = text_field(about, "code");
  Error error(code_named(code).value_or(Code::internal_error),
              printable(plain_words(text_field(about, "message"))), "");
  if (code == "worker_disappeared") error.code = Code::connection_closed;
  if (code == "pty_write_queue_full") error.code = Code::queue_full;
  if (code == "worker_timeout") error.code = Code::timeout;
  if (error.code == Code::agent_not_found) error.hint = "relay-broker status lists the agents";
  return error;
}

Result<AttachScreen> screen_of(const wire::JsonView& about) {
  AttachScreen screen;
  screen.rows = static_cast<unsigned>(number_at(about, "rows").value_or(0));
  screen.columns = static_cast<unsigned>(number_at(about, "cols").value_or(0));
  auto paint = wire::base64_decoded(text_field(about, "screen"));
  if (!paint) return fail(not_understood("screen"));
  screen.paint = *std::move(paint);
  screen.alternate = screen.paint.starts_with("\x1B[?1049h");
  return screen;
}

}  // namespace

Result<AttachStep> AttachStream::text(std::string_view json) {
  const auto document = wire::JsonDocument::parse(json, wire::kEngineLimits);
  if (!document) return fail(not_understood("message"));
  const wire::JsonView about = document->root();
  const std::string type = text_field(about, "type");
  AttachStep step;
  if (type == "output_error") return fail(refusal_of(about));
  if (type == "output_screen") {
    auto screen = screen_of(about);
    if (!screen) return fail(std::move(screen).error());
    at_ = number_at(about, "cursor");
    if (!at_) return fail(not_understood("screen"));
    step.kind = AttachStep::Kind::paint;
    step.screen = *std::move(screen);
  }
  if (type == "output_end") {
    step.kind = AttachStep::Kind::ended;
    step.exit = printable(text_field(about, "exit"));
    const auto status = number_at(about, "status");
    if (status && *status <= 255) step.status = static_cast<int>(*status);
  }
  return step;
}

Result<AttachStep> AttachStream::binary(std::string_view data) {
  if (data.size() < kPositionBytes) return fail(not_understood("output"));
  std::uint64_t from = 0;
  for (std::size_t i = 0; i < kPositionBytes; ++i) {
    from = from << 8U | static_cast<unsigned char>(data[i]);
  }
  data.remove_prefix(kPositionBytes);
  AttachStep step;
  if (!at_ || from > *at_) {
    step.kind = AttachStep::Kind::gap;
    return step;
  }
  const std::uint64_t shown = *at_ - from;
  if (shown >= data.size()) return step;
  data.remove_prefix(static_cast<std::size_t>(shown));
  step.kind = AttachStep::Kind::print;
  step.bytes = data;
  *at_ += data.size();
  return step;
}

Result<InputNote> read_input_note(std::string_view json) {
  const auto document = wire::JsonDocument::parse(json, wire::kEngineLimits);
  if (!document) return fail(not_understood("answer"));
  const wire::JsonView about = document->root();
  const std::string type = text_field(about, "type");
  InputNote note;
  if (type == "pty_drivers") {
    note.kind = InputNote::Kind::drivers;
    const auto drivers = about.find("drivers");
    if (!drivers) return fail(not_understood("answer"));
    for (const auto& driver : drivers->elements()) {
      note.drivers.push_back(printable(driver.string().value_or("?")));
    }
  }
  if (type == "pty_input_ack") note.kind = InputNote::Kind::typed;
  if (type == "pty_input_error") {
    note.kind = InputNote::Kind::refused;
    note.error = refusal_of(about);
    const auto again = about.find("retryable");
    note.again = again && again->boolean().value_or(false);
  }
  return note;
}

}  // namespace relay::cli
