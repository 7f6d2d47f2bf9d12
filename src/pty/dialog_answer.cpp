#include "pty/dialog_answer.hpp"

namespace relay::pty {

bool DialogAnswer::allowed(std::size_t dialog) const {
  const DialogRule& rule = profile_->dialogs[dialog];
  return may_type_ && !rule.answer.empty() && tries_[dialog] < rule.most &&
         !(rule.at_start_only && was_ready_);
}

void DialogAnswer::press(InjectionSteps& out) {
  const DialogRule& rule = profile_->dialogs[answering_->dialog];
  answering_->choice = view_.choice;
  answering_->written = false;
  InjectionStep step;
  step.bytes = bytes_of_key(rule.answer[answering_->next++]);
  out.push_back(std::move(step));
}

void DialogAnswer::report(InjectionSteps& out) {
  const bool blocked = view_.readiness == Readiness::blocked && !answering_;
  const std::string now_reported = blocked ? view_.dialog_name : std::string();
  if (now_reported == reported_) return;
  InjectionStep step;
  step.act = now_reported.empty() ? InjectionAct::clear : InjectionAct::blocked;
  step.note = now_reported.empty() ? reported_ : now_reported;
  reported_ = now_reported;
  out.push_back(std::move(step));
}

void DialogAnswer::on_view(Monotonic now, const View& view, bool may_type, InjectionSteps& out) {
  (void)now;
  view_ = view;
  may_type_ = may_type;
  if (view.readiness == Readiness::ready || view.readiness == Readiness::busy) was_ready_ = true;
  // A key that is not written yet has its dialog; the answer goes on or ends with the next look.
  if (answering_ && answering_->written) {
    const bool gone = view.dialog != answering_->dialog;
    const std::size_t keys = profile_->dialogs[answering_->dialog].answer.size();
    if (gone) {
      answering_.reset();
    } else if (answering_->next < keys && !view.choice.empty() &&
               view.choice != answering_->choice) {
      press(out);
    }
  }
  if (!answering_ && view.dialog && allowed(*view.dialog)) {
    ++tries_[*view.dialog];
    answering_ = Answering{};
    answering_->dialog = *view.dialog;
    press(out);
  }
  report(out);
}

void DialogAnswer::written(Monotonic now) {
  if (!answering_) return;
  answering_->written = true;
  answering_->deadline = now + settings_->dialog_within;
}

void DialogAnswer::on_time(Monotonic now, InjectionSteps& out) {
  if (!answering_ || !answering_->written || now < answering_->deadline) return;
  const std::size_t keys = profile_->dialogs[answering_->dialog].answer.size();
  const bool there = view_.dialog == answering_->dialog;
  if (there && answering_->next < keys && view_.choice.empty()) {
    press(out);
    return;
  }
  answering_.reset();
  if (there && view_.dialog && allowed(*view_.dialog)) {
    ++tries_[*view_.dialog];
    answering_ = Answering{};
    answering_->dialog = *view_.dialog;
    press(out);
  }
  report(out);
}

std::optional<Monotonic> DialogAnswer::next_deadline() const {
  if (!answering_ || !answering_->written) return std::nullopt;
  return answering_->deadline;
}

}  // namespace relay::pty
