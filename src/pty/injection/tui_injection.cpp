#include "pty/injection/tui_injection.hpp"

#include <algorithm>
#include <utility>

#include "base/failpoint.hpp"
#include "pty/injection/input_box.hpp"

namespace relay::pty {
namespace {

constexpr std::string_view kPasteBegin = "\x1b[200~";
constexpr std::string_view kPasteEnd = "\x1b[201~";

/// Text for a program that did not ask for pastes: a typed tab is a key, so it becomes spaces.
std::string as_keys(std::string_view text, std::string_view newline) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '\t') {
      out += "    ";
    } else if (c == '\n') {
      out += newline;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void TuiInjection::begin(Monotonic now, InjectionItem item, InjectionSteps& out) {
  item_ = std::move(item);
  tail_ = tail_of(item_->text);
  // The last look at the screen did not search for this text.
  in_conversation_ = false;
  if (item_->recovering) stale_ = true;
  began_ = now;
  waits_ = "not_ready";
  leftover_enters_ = 0;
  if (stage_ == Stage::idle) stage_ = Stage::want_box;
  advance(now, out);
}

bool TuiInjection::box_open() const {
  return (view_.readiness == Readiness::ready || view_.readiness == Readiness::busy) &&
         view_.box.has_value();
}

void TuiInjection::on_view(Monotonic now, const View& view, const ScreenText& screen,
                           InjectionSteps& out) {
  view_ = view;
  stale_ = false;
  // Keys are taken in order: what emptied the box came behind our key that takes the draft out.
  if (cut_open_ && box_open() && view_.box->content.empty()) {
    draft_aside_ = true;
    cut_open_ = false;
  }
  if (item_ && (item_->recovering || stage_ == Stage::pasting)) {
    in_conversation_ = on_screen(screen, tail_);
  }
  if (stage_ == Stage::entering && !writing_ && !unread_ && !std::exchange(drawn_, true)) {
    deadline_ = std::min(deadline_, now + settings_->confirm_within);
  }
  advance(now, out);
}

void TuiInjection::human_key() {
  if (cut_open_ && !unread_ && box_open() && view_.box->content == draft_) cut_open_ = false;
}

void TuiInjection::may_begin(Monotonic now, bool may, InjectionSteps& out) {
  may_begin_ = may;
  advance(now, out);
}

Duration TuiInjection::within() const {
  switch (stage_) {
    case Stage::cutting: return settings_->cut_within;
    case Stage::pasting: return settings_->show_within;
    case Stage::clearing: return settings_->confirm_within;
    case Stage::entering: return drawn_ ? settings_->confirm_within : settings_->stall_within;
    default: return settings_->restore_within;
  }
}

void TuiInjection::written(Monotonic now, InjectionSteps& out) {
  writing_ = false;
  paused_ = false;
  unread_ = true;
  deadline_ = now + settings_->patience;
  if (stage_ == Stage::entering) failpoint(Failpoint::enter_written);
  if (stage_ == Stage::pasting && item_) {
    failpoint(Failpoint::body_written);
    InjectionStep step;
    step.act = InjectionAct::written;
    step.item = item_->id;
    out.push_back(std::move(step));
  }
  advance(now, out);
}

void TuiInjection::drained(Monotonic now, InjectionSteps& out) {
  if (!wants_drained()) return;
  unread_ = false;
  if (std::exchange(behind_, false)) stale_ = true;
  if (!paused_) deadline_ = now + within();
  advance(now, out);
}

void TuiInjection::write_failed(std::string_view reason, InjectionSteps& out) {
  writing_ = false;
  behind_ = false;
  if (stage_ == Stage::entering) {
    end(InjectionEnd::typed, Proof::none, reason, out);
  } else if (item_) {
    end(InjectionEnd::dead, Proof::none, reason, out);
  }
  stage_ = Stage::idle;
}

void TuiInjection::write(Stage stage, std::string bytes, InjectionSteps& out) {
  stage_ = stage;
  writing_ = true;
  wrote_ = now_;
  InjectionStep step;
  step.bytes = std::move(bytes);
  out.push_back(std::move(step));
}

bool TuiInjection::wait(std::string_view reason) {
  waits_ = reason;
  return false;
}

void TuiInjection::advance(Monotonic now, InjectionSteps& out) {
  now_ = now;
  while (!writing_ && step(now, out)) {
  }
}

bool TuiInjection::step(Monotonic now, InjectionSteps& out) {
  switch (stage_) {
    case Stage::idle: {
      // The draft comes back at once, before the next text: a human sees what they typed.
      if (!item_) return give_back(out);
      stage_ = Stage::want_box;
      return true;
    }
    case Stage::want_box: return want_box(now, out);
    case Stage::clearing: {
      if (stale_ || !box_open() || shows(*view_.box, leftover_)) return false;
      leftover_.clear();
      stage_ = Stage::idle;
      return true;
    }
    case Stage::cutting: return cut(now, out);
    case Stage::uncutting: {
      pause_without_box(now, settings_->restore_within);
      if (stale_ || paused_ || view_.box->content != draft_) return false;
      stage_ = Stage::idle;
      return true;
    }
    case Stage::pasting: return pasted(now, out);
    case Stage::entering: return entered(now, out);
    case Stage::restoring: {
      pause_without_box(now, settings_->restore_within);
      if (stale_ || paused_ || view_.box->content.empty()) return false;
      draft_aside_ = false;
      stage_ = Stage::idle;
      return true;
    }
  }
  return false;
}

bool TuiInjection::want_box(Monotonic now, InjectionSteps& out) {
  if (view_.readiness == Readiness::blocked) return wait("dialog");
  if (!box_open()) return wait("not_ready");
  // What keeps the text from being typed now may last: the draft is not away for as long.
  if (!may_begin_) return wait("human") || give_back(out);
  if (behind_) return wait(kNotRead);
  if (stale_) return wait("not_drawn");
  const bool busy = view_.readiness == Readiness::busy && profile_->busy == BusyPolicy::wait;
  if (busy || view_.hold) {
    return wait("busy") || give_back(out);
  }
  if (!can_paste()) return wait("paste_mode") || give_back(out);
  return use_box(now, out);
}

bool TuiInjection::can_paste() const {
  return view_.bracketed_paste || item_->text.find('\n') == std::string::npos ||
         !profile_->newline_key.empty();
}

bool TuiInjection::use_box(Monotonic now, InjectionSteps& out) {
  (void)now;
  if (item_->recovering) return recover(out);
  const InputBox& box = *view_.box;
  if (!leftover_.empty() && shows(box, leftover_)) return clear_leftover(out);
  if (!box.content.empty()) return cut_draft(out);
  kept_draft_.clear();
  return paste(out);
}

bool TuiInjection::recover(InjectionSteps& out) {
  item_->recovering = false;
  if (shows(*view_.box, tail_)) {
    enters_ = 0;
    press_enter(Stage::entering, out);
    return true;
  }
  if (in_conversation_) {
    end(InjectionEnd::submitted, Proof::screen, "", out);
    return true;
  }
  if (!item_->repeat_text.empty()) {
    item_->text = std::exchange(item_->repeat_text, {});
    tail_ = tail_of(item_->text);
  }
  return true;
}

bool TuiInjection::clear_leftover(InjectionSteps& out) {
  if (leftover_enters_ > profile_->submit_again) return wait("box_stuck");
  ++leftover_enters_;
  press_enter(Stage::clearing, out);
  return true;
}

bool TuiInjection::cut_draft(InjectionSteps& out) {
  const std::string& content = view_.box->content;
  // A dialog may have swallowed the key.
  const bool open = cut_open_ && (unread_ || content != draft_);
  if (profile_->draft_cut_key.empty() || draft_aside_ || open || content == kept_draft_) {
    return wait("human_draft");
  }
  draft_ = content;
  cuts_ = 1;
  write(Stage::cutting, bytes_of_key(profile_->draft_cut_key), out);
  return true;
}

/// A dialog that opens now hides whether the draft is out. Until the box is back nothing is known,
/// and from then on no key of a human may come before the draft or the text.
bool TuiInjection::cut(Monotonic now, InjectionSteps& out) {
  pause_without_box(now, settings_->cut_within);
  if (stale_ || paused_ || !view_.box->content.empty()) return false;
  draft_aside_ = true;
  cut_open_ = false;
  if (item_ && may_begin_ && can_paste()) return use_box(now, out);
  stage_ = Stage::idle;
  return true;
}

bool TuiInjection::paste(InjectionSteps& out) {
  const std::string& text = item_->text;
  std::string bytes;
  if (view_.bracketed_paste) {
    bytes.reserve(text.size() + kPasteBegin.size() + kPasteEnd.size());
    bytes.append(kPasteBegin).append(text).append(kPasteEnd);
  } else {
    bytes = as_keys(text, bytes_of_key(profile_->newline_key));
  }
  write(Stage::pasting, std::move(bytes), out);
  return true;
}

void TuiInjection::press_enter(Stage stage, InjectionSteps& out) {
  turn_before_ = view_.turn;
  drawn_ = false;
  write(stage, bytes_of_key(profile_->submit_key), out);
}

/// While something else is in the box's place the program cannot show anything: the clock stands
/// still up to the patience with the text as a whole.
void TuiInjection::pause_without_box(Monotonic now, Duration within) {
  const bool hidden = !box_open();
  if (hidden == paused_) return;
  paused_ = hidden;
  if (hidden && item_) waits_ = view_.readiness == Readiness::blocked ? "dialog" : "not_ready";
  deadline_ = now + (hidden || unread_ ? settings_->patience : within);
}

bool TuiInjection::pasted(Monotonic now, InjectionSteps& out) {
  pause_without_box(now, settings_->show_within);
  if (stale_ || paused_ || !shows(*view_.box, tail_)) return false;
  enters_ = 0;
  press_enter(Stage::entering, out);
  return true;
}

bool TuiInjection::entered(Monotonic now, InjectionSteps& out) {
  if (stale_) return false;
  pause_without_box(now, settings_->confirm_within);
  const bool turn = view_.turn && !turn_before_;
  if (paused_ && !turn) return false;
  if (!paused_ && shows(*view_.box, tail_)) return false;
  end(InjectionEnd::submitted, turn ? Proof::turn : Proof::box, "", out);
  return true;
}

bool TuiInjection::give_back(InjectionSteps& out) {
  if (!draft_aside_ || stale_ || !box_open() || !view_.box->content.empty()) return false;
  write(Stage::restoring, bytes_of_key(profile_->draft_restore_key), out);
  return true;
}

void TuiInjection::end(InjectionEnd how, Proof proof, std::string_view reason,
                       InjectionSteps& out) {
  out.push_back(ended_step(item_->id, InjectionOutcome{how, proof, std::string(reason)}));
  item_.reset();
  stage_ = Stage::idle;
  waits_ = {};
}

void TuiInjection::give_up(InjectionEnd how, std::string_view reason, InjectionSteps& out) {
  // A draft that is being taken out or given back is so without a text as well.
  const Stage stage = stage_;
  const bool goes_on = !text_on_its_way() && stage != Stage::want_box;
  end(how, Proof::none, reason, out);
  if (goes_on) stage_ = stage;
}

void TuiInjection::hook(Monotonic now, std::uint64_t item, InjectionSteps& out) {
  const bool taken = stage_ == Stage::pasting || stage_ == Stage::entering;
  if (!item_ || item_->id != item || !taken || writing_) return;
  // The screen is behind: what the box still shows is neither a draft nor to be entered again.
  leftover_ = tail_;
  leftover_enters_ = 0;
  stale_ = true;
  end(InjectionEnd::submitted, Proof::hook, "", out);
  stage_ = Stage::clearing;
  deadline_ = now + settings_->confirm_within;
  advance(now, out);
}

void TuiInjection::exited(InjectionSteps& out) {
  if (item_) {
    const bool entered = stage_ == Stage::entering;
    end(entered ? InjectionEnd::typed : InjectionEnd::dead, Proof::none, "exited", out);
  }
  draft_aside_ = false;
  stage_ = Stage::idle;
}

void TuiInjection::on_time(Monotonic now, InjectionSteps& out) {
  now_ = now;
  if (writing_) {
    // The bytes stay with the terminal, so nothing else may be written, and a text among them may
    // yet arrive.
    if (!item_ || now < began_ + settings_->patience) return;
    if (text_on_its_way()) {
      leftover_ = tail_;
      behind_ = true;
    }
    give_up(text_on_its_way() ? InjectionEnd::typed : InjectionEnd::dead, kNotRead, out);
    return;
  }
  if (item_ && !text_on_its_way() && now >= began_ + settings_->patience) {
    give_up(InjectionEnd::dead, waits_, out);
    advance(now, out);
    return;
  }
  if (stage_ == Stage::idle || stage_ == Stage::want_box || now < deadline_) return;
  switch (stage_) {
    case Stage::cutting:
      if (paused_) {
        cut_open_ = true;
        stage_ = Stage::idle;
        break;
      }
      if (view_.box->content == draft_ && !unread_ && cuts_ <= profile_->submit_again) {
        ++cuts_;
        write(Stage::cutting, bytes_of_key(profile_->draft_cut_key), out);
        return;
      }
      kept_draft_ = draft_;
      if (view_.box->content != draft_) {
        write(Stage::uncutting, bytes_of_key(profile_->draft_restore_key), out);
        return;
      }
      cut_open_ = true;
      stage_ = Stage::idle;
      break;
    case Stage::pasting:
      // An Enter that came late had it.
      if (!paused_ && in_conversation_) {
        end(InjectionEnd::submitted, Proof::screen, "", out);
        break;
      }
      leftover_ = tail_;
      stale_ = true;
      end(InjectionEnd::typed, Proof::none,
          paused_   ? "box_gone"
          : unread_ ? kNotRead
                    : "not_shown",
          out);
      break;
    case Stage::entering:
      if (!paused_ && !unread_ && ++enters_ <= profile_->submit_again) {
        press_enter(Stage::entering, out);
        return;
      }
      leftover_ = tail_;
      stale_ = true;
      end(InjectionEnd::typed, Proof::none,
          paused_   ? "box_gone"
          : unread_ ? kNotRead
                    : "enter_not_taken",
          out);
      break;
    case Stage::restoring: {
      draft_aside_ = false;
      InjectionStep step;
      step.act = InjectionAct::warn;
      step.note = "the human's draft did not come back into the box";
      out.push_back(std::move(step));
      stage_ = Stage::idle;
      break;
    }
    default: stage_ = Stage::idle; break;
  }
  advance(now, out);
}

std::optional<Monotonic> TuiInjection::next_deadline() const {
  if (writing_) {
    if (!item_) return std::nullopt;
    return began_ + settings_->patience;
  }
  if (stage_ == Stage::want_box) return began_ + settings_->patience;
  if (stage_ == Stage::idle) return std::nullopt;
  if (item_ && !text_on_its_way()) return std::min(deadline_, began_ + settings_->patience);
  return deadline_;
}

bool TuiInjection::keys_may_pass(Monotonic now) const {
  if (stage_ == Stage::idle || stage_ == Stage::want_box) return true;
  if ((writing_ || unread_) && now >= wrote_ + settings_->write_within) return true;
  return !box_open();
}

}  // namespace relay::pty
