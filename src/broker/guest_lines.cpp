#include "broker/guest_lines.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json_writer.hpp"
#include "broker/json_fields.hpp"
#include "wire/json.hpp"

namespace relay::broker {
namespace {

constexpr std::size_t kGuestDepth = 8;
/// No system gives higher ones.
constexpr std::uint64_t kMostPid = std::uint64_t{1} << 30U;

struct KindName {
  pty::MessageKind kind;
  std::string_view name;
};
constexpr std::array<KindName, 6> kKinds{{{pty::MessageKind::direct, "direct"},
                                          {pty::MessageKind::channel, "channel"},
                                          {pty::MessageKind::thread, "thread"},
                                          {pty::MessageKind::group, "group"},
                                          {pty::MessageKind::action, "action"},
                                          {pty::MessageKind::system, "system"}}};

template <class Write>
std::string guest_line(Write&& write) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  write(out);
  out.end_object();
  out.finish();
  return text + "\n";
}

pty::InjectionOutcome outcome_of(const JsonFields& fields) {
  pty::InjectionOutcome out;
  const std::string end = fields.text({"outcome"});
  if (end == "submitted") out.end = pty::InjectionEnd::submitted;
  if (end == "typed") out.end = pty::InjectionEnd::typed;
  const std::string proof = fields.text({"proof"});
  for (const auto each :
       {pty::Proof::box, pty::Proof::turn, pty::Proof::hook, pty::Proof::screen}) {
    if (pty::name_of(each) == proof) out.proof = each;
  }
  out.reason = fields.text({"reason"});
  return out;
}

GuestState state_of(const JsonFields& fields) {
  GuestState out;
  const std::string name = fields.text({"state"});
  for (const auto each : {pty::Readiness::ready, pty::Readiness::busy, pty::Readiness::blocked}) {
    if (pty::name_of(each) == name) out.readiness = each;
  }
  out.blocked_by = fields.text({"blocked_by"});
  out.pid =
      static_cast<pid_t>(std::min<std::uint64_t>(fields.number({"pid"}).value_or(0), kMostPid));
  out.printed = fields.number({"printed"}).value_or(0);
  out.unread = fields.flag({"unread"});
  out.terminal = fields.text({"terminal"});
  return out;
}

}  // namespace

std::string guest_message_line(const Mail& message) {
  const pty::Letter& letter = message.inbound.letter;
  return guest_line([&](JsonWriter& out) {
    out.field("id", message.key.delivery_id);
    out.field("once", true);
    out.field("message", letter.id);
    out.field("from", letter.sender);
    out.field("text", letter.body);
    out.field("kind", name_of(letter.kind));
    if (!letter.target.empty()) out.field("target", letter.target);
    if (!letter.thread.empty()) out.field("thread", letter.thread);
    if (message.urgent()) out.field("urgent", true);
  });
}

std::string guest_watch_line() {
  return guest_line([](JsonWriter& out) { out.field("watch", true); });
}

std::string guest_end_line(Duration grace, std::string_view why) {
  return guest_line([&](JsonWriter& out) {
    if (!why.empty()) out.field("why", why);
    out.field("end_within_ms",
              static_cast<std::uint64_t>(
                  std::chrono::duration_cast<std::chrono::milliseconds>(grace).count()));
  });
}

std::string guest_hook_line(std::string_view id) {
  return guest_line([&](JsonWriter& out) { out.field("hook", id); });
}

std::string guest_state_line(const GuestState& state) {
  return guest_line([&](JsonWriter& out) {
    out.field("state", pty::name_of(state.readiness));
    if (!state.blocked_by.empty()) out.field("blocked_by", state.blocked_by);
    if (state.pid > 0) out.field("pid", std::int64_t{state.pid});
    out.field("printed", state.printed);
    if (state.unread) out.field("unread", true);
    if (!state.terminal.empty()) out.field("terminal", state.terminal);
  });
}

Result<GuestNews> read_guest_news(std::string_view line) {
  const auto document = wire::JsonDocument::parse(line, {kMostGuestLine, kGuestDepth});
  if (!document) return fail(document.error());
  const JsonFields fields(document->root());
  if (document->root().find("state")) return GuestNews(state_of(fields));
  const std::string id = fields.text({"id"});
  if (id.empty()) return fail(Code::protocol_error, "it is about no message");
  if (const auto error = document->root().find("error")) {
    const JsonFields said(*error);
    const bool later = said.text({"code"}) == name_of(Code::queue_full);
    return GuestNews(GuestRefusal{
        id, Error(later ? Code::queue_full : Code::invalid_argument, said.text({"message"}))});
  }
  if (fields.text({"outcome"}).empty()) {
    return fail(Code::protocol_error, "it says neither an outcome nor an error");
  }
  return GuestNews(GuestOutcome{id, outcome_of(fields)});
}

std::string_view name_of(pty::MessageKind kind) {
  for (const KindName& each : kKinds) {
    if (each.kind == kind) return each.name;
  }
  return "direct";
}

pty::MessageKind message_kind_called(std::string_view name) {
  for (const KindName& each : kKinds) {
    if (each.name == name) return each.kind;
  }
  return pty::MessageKind::direct;
}

}  // namespace relay::broker
