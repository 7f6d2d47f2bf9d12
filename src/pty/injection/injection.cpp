#include "pty/injection/injection.hpp"

#include <algorithm>
#include <utility>

namespace relay::pty {

Injection::Injection(Profile profile, InjectionSettings settings)
    : profile_(std::move(profile)),
      settings_(settings),
      queue_(settings.most_items, settings.most_bytes),
      dialog_(profile_, settings_),
      tui_(profile_, settings_),
      plain_(profile_, settings_) {
  // Nothing on its screen could say otherwise.
  const bool plain = profile_.reader == Reader::plain && profile_.dialogs.empty();
  if (plain) view_.readiness = Readiness::ready;
}

bool Injection::quiet(Monotonic now) const {
  return !held_ && !line_open_ && (!quiet_from_ || now >= *quiet_from_);
}

void Injection::note_writer(Writer writer, const InjectionSteps& out, std::size_t from) {
  const bool wrote =
      std::any_of(out.begin() + static_cast<std::ptrdiff_t>(from), out.end(),
                  [](const InjectionStep& step) { return step.act == InjectionAct::write; });
  if (wrote) writer_ = writer;
}

void Injection::begin_next(Monotonic now, InjectionSteps& out) {
  const bool box = profile_.reader == Reader::box;
  // Each round begins an item that was queued, so it ends.
  while (box ? !tui_.has_item() : !plain_.has_item()) {
    auto item = queue_.pop();
    if (!item) return;
    const std::size_t from = out.size();
    if (box) {
      tui_.begin(now, *std::move(item), out);
      note_writer(Writer::tui, out, from);
    } else {
      plain_.begin(now, *std::move(item), out);
      note_writer(Writer::plain, out, from);
    }
  }
}

void Injection::settle(Monotonic now, InjectionSteps& out) {
  if (exited_) return;
  // Nobody begins while the write of another is open.
  const bool others = writer_ == Writer::dialog || dialog_.answering();
  const bool may = quiet(now) && !others;
  std::size_t from = out.size();
  if (profile_.reader == Reader::box) {
    tui_.may_begin(now, may, out);
    note_writer(Writer::tui, out, from);
  } else {
    plain_.may_begin(may, out);
    note_writer(Writer::plain, out, from);
  }
  begin_next(now, out);
}

Result<InjectionSteps> Injection::offer(Monotonic now, InjectionItem item) {
  if (exited_) return fail(Code::agent_not_found, "the agent's program has ended");
  if (auto pushed = queue_.push(std::move(item)); !pushed) return fail(std::move(pushed).error());
  InjectionSteps out;
  settle(now, out);
  return out;
}

InjectionSteps Injection::screen(Monotonic now, const ScreenText& screen) {
  InjectionSteps out;
  if (exited_) return out;
  if (screen.unfinished) {
    if (!unfinished_) unfinished_since_ = now;
    unfinished_ = screen;
    if (now < unfinished_since_ + settings_.picture_within) return out;
  } else {
    unfinished_.reset();
  }
  look_at(now, screen, out);
  settle(now, out);
  return out;
}

void Injection::look_at(Monotonic now, const ScreenText& screen, InjectionSteps& out) {
  view_ = look(profile_, screen);
  const bool free =
      writer_ == Writer::none && quiet(now) && tui_.keys_may_pass(now) && plain_.keys_may_pass();
  dialog_.on_view(now, view_, free, out);
  note_writer(Writer::dialog, out, 0);
  const std::size_t from = out.size();
  if (profile_.reader == Reader::box && writer_ == Writer::dialog) {
    missed_ = screen;
  } else if (profile_.reader == Reader::box) {
    tui_.on_view(now, view_, screen, out);
    note_writer(Writer::tui, out, from);
  } else {
    plain_.bracketed_paste(view_.bracketed_paste);
    plain_.drawn(out);
    note_writer(Writer::plain, out, from);
  }
}

InjectionSteps Injection::terminal(Monotonic now, TerminalMode mode) {
  InjectionSteps out;
  plain_.terminal(mode);
  settle(now, out);
  return out;
}

void Injection::show_missed(Monotonic now, InjectionSteps& out) {
  const auto screen = std::exchange(missed_, std::nullopt);
  if (!screen) return;
  const std::size_t from = out.size();
  tui_.on_view(now, view_, *screen, out);
  note_writer(Writer::tui, out, from);
}

InjectionSteps Injection::written(Monotonic now) {
  InjectionSteps out;
  if (exited_) return out;
  switch (std::exchange(writer_, Writer::none)) {
    case Writer::none: break;
    case Writer::dialog:
      dialog_.written(now);
      show_missed(now, out);
      break;
    case Writer::tui:
      tui_.written(now, out);
      note_writer(Writer::tui, out, 0);
      break;
    case Writer::plain: plain_.written(now, out); break;
  }
  settle(now, out);
  return out;
}

InjectionSteps Injection::write_failed(Monotonic now, std::string_view reason) {
  InjectionSteps out;
  if (exited_) return out;
  switch (std::exchange(writer_, Writer::none)) {
    case Writer::none: break;
    case Writer::dialog:
      dialog_.written(now);
      show_missed(now, out);
      break;
    case Writer::tui: tui_.write_failed(reason, out); break;
    case Writer::plain: plain_.write_failed(reason, out); break;
  }
  settle(now, out);
  return out;
}

InjectionSteps Injection::drained(Monotonic now) {
  InjectionSteps out;
  if (exited_) return out;
  if (profile_.reader == Reader::box) {
    if (writer_ != Writer::dialog) tui_.drained(now, out);
    note_writer(Writer::tui, out, 0);
  } else {
    plain_.drained(now, out);
    note_writer(Writer::plain, out, 0);
  }
  settle(now, out);
  return out;
}

InjectionSteps Injection::key(Monotonic now, bool line_open) {
  InjectionSteps out;
  line_open_ = line_open && profile_.reader == Reader::plain;
  quiet_from_ = now + settings_.human_quiet;
  tui_.human_key();
  dialog_.human_key();
  settle(now, out);
  return out;
}

InjectionSteps Injection::human_done(Monotonic now) {
  InjectionSteps out;
  quiet_from_.reset();
  line_open_ = false;
  settle(now, out);
  return out;
}

InjectionSteps Injection::hold(Monotonic now, bool on) {
  InjectionSteps out;
  held_ = on;
  settle(now, out);
  return out;
}

InjectionSteps Injection::hook(Monotonic now, std::uint64_t item) {
  InjectionSteps out;
  tui_.hook(now, item, out);
  note_writer(Writer::tui, out, 0);
  plain_.hook(item, out);
  settle(now, out);
  return out;
}

InjectionSteps Injection::exited(Monotonic now) {
  (void)now;
  InjectionSteps out;
  if (std::exchange(exited_, true)) return out;
  writer_ = Writer::none;
  tui_.exited(out);
  plain_.exited(out);
  for (const std::uint64_t id : queue_.clear()) {
    out.push_back(ended_step(id, InjectionOutcome{InjectionEnd::dead, Proof::none, "exited"}));
  }
  return out;
}

InjectionSteps Injection::on_time(Monotonic now) {
  InjectionSteps out;
  if (exited_) return out;
  if (quiet_from_ && now >= *quiet_from_) quiet_from_.reset();
  if (unfinished_ && now >= unfinished_since_ + settings_.picture_within) {
    look_at(now, *std::exchange(unfinished_, std::nullopt), out);
  }
  if (writer_ == Writer::none) {
    dialog_.on_time(now, out);
    note_writer(Writer::dialog, out, 0);
  }
  // While an answer is being written the box is not on the screen, so these only end items.
  const std::size_t from = out.size();
  tui_.on_time(now, out);
  note_writer(Writer::tui, out, from);
  plain_.on_time(now, out);
  if (profile_.reader == Reader::plain) note_writer(Writer::plain, out, from);
  settle(now, out);
  return out;
}

std::optional<Monotonic> Injection::next_deadline() const {
  if (exited_) return std::nullopt;
  std::optional<Monotonic> next;
  const auto earlier = [&next](std::optional<Monotonic> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (waiting() > 0 || tui_.draft_aside()) earlier(quiet_from_);
  // An answer whose key is being written ends first.
  if (writer_ != Writer::dialog) earlier(dialog_.next_deadline());
  if (unfinished_) earlier(unfinished_since_ + settings_.picture_within);
  earlier(tui_.next_deadline());
  earlier(plain_.next_deadline());
  return next;
}

bool Injection::keys_may_pass(Monotonic now) const {
  return exited_ || (tui_.keys_may_pass(now) && plain_.keys_may_pass() && !dialog_.answering());
}

bool Injection::wants_screen() const {
  if (exited_) return false;
  const bool settled = view_.readiness == Readiness::ready || view_.readiness == Readiness::busy;
  if (!settled || tui_.draft_aside() || dialog_.answering() || plain_.answering()) return true;
  return reads_screen() && waiting() > 0;
}

bool Injection::reads_screen() const {
  return profile_.reader == Reader::box || !profile_.dialogs.empty();
}

void Injection::bracketed_paste(bool on) {
  plain_.bracketed_paste(on);
}

std::size_t Injection::waiting() const {
  return queue_.size() + (tui_.has_item() ? 1 : 0) + (plain_.has_item() ? 1 : 0);
}

std::string_view Injection::waits_for() const {
  return profile_.reader == Reader::box ? tui_.waits_for() : plain_.waits_for();
}

}  // namespace relay::pty
