#include "pty/injection/dialog_answer.hpp"

#include <utility>

namespace relay::pty {
namespace {

/// More rows than a question has.
constexpr std::size_t kMostMoves = 12;

}  // namespace

bool DialogAnswer::allowed(std::size_t dialog) const {
  const DialogRule& rule = profile_->dialogs[dialog];
  // The pointer may be drawn a moment later.
  const bool seen = rule.choose.empty() || !view_.choice.empty();
  return may_type_ && seen && !rule.answer.empty() && tries_[dialog] < rule.most &&
         !(rule.at_start_only && was_ready_);
}

bool DialogAnswer::at_choice(const DialogRule& rule) const {
  return rule.choose.empty() || any_matches(rule.choose, view_.choice);
}

bool DialogAnswer::more_keys() const {
  return answering_->next < profile_->dialogs[answering_->dialog].answer.size();
}

void DialogAnswer::begin(std::size_t dialog, InjectionSteps& out) {
  ++tries_[dialog];
  answering_ = Answering{};
  answering_->dialog = dialog;
  (void)press(out);
}

bool DialogAnswer::press(InjectionSteps& out) {
  const DialogRule& rule = profile_->dialogs[answering_->dialog];
  const bool move = answering_->next == 0 && !at_choice(rule);
  if (move && (view_.choice.empty() || ++answering_->moves > kMostMoves)) return false;
  answering_->choice = view_.choice;
  answering_->written = false;
  InjectionStep step;
  step.bytes = bytes_of_key(move ? "down" : rule.answer[answering_->next++]);
  out.push_back(std::move(step));
  return true;
}

void DialogAnswer::report(InjectionSteps& out) {
  const bool blocked = view_.readiness == Readiness::blocked && !answering_ && !begin_at_;
  const std::string now_reported = blocked ? view_.dialog_name : std::string();
  if (now_reported == reported_) return;
  InjectionStep step;
  step.act = now_reported.empty() ? InjectionAct::clear : InjectionAct::blocked;
  step.note = now_reported.empty() ? reported_ : now_reported;
  reported_ = now_reported;
  out.push_back(std::move(step));
}

void DialogAnswer::on_view(Monotonic now, const View& view, bool may_type, InjectionSteps& out) {
  const View before = std::exchange(view_, view);
  may_type_ = may_type;
  if (view.readiness == Readiness::ready || view.readiness == Readiness::busy) was_ready_ = true;
  // A key that is not written yet has its dialog; the answer goes on or ends with the next look.
  if (answering_ && answering_->written) {
    const bool gone = view.dialog != answering_->dialog;
    const bool moved = !view.choice.empty() && view.choice != answering_->choice;
    if (gone || (more_keys() && moved && !press(out))) answering_.reset();
  }
  settle(now, before);
  report(out);
}

void DialogAnswer::settle(Monotonic now, const View& before) {
  if (answering_ || !view_.dialog || !allowed(*view_.dialog)) return begin_at_.reset();
  const bool same = view_.dialog == before.dialog && view_.choice == before.choice;
  if (!begin_at_ || !same) begin_at_ = now + settings_->dialog_settles;
}

void DialogAnswer::written(Monotonic now) {
  if (!answering_) return;
  answering_->written = true;
  answering_->deadline = now + settings_->dialog_within;
}

void DialogAnswer::on_time(Monotonic now, InjectionSteps& out) {
  if (begin_at_ && now >= *begin_at_) {
    begin_at_.reset();
    begin(*view_.dialog, out);
    return;
  }
  if (!answering_ || !answering_->written || now < answering_->deadline) return;
  const bool there = view_.dialog == answering_->dialog;
  if (there && more_keys() && view_.choice.empty() && press(out)) return;
  answering_.reset();
  if (there && view_.dialog && allowed(*view_.dialog)) begin(*view_.dialog, out);
  report(out);
}

std::optional<Monotonic> DialogAnswer::next_deadline() const {
  if (begin_at_) return begin_at_;
  if (!answering_ || !answering_->written) return std::nullopt;
  return answering_->deadline;
}

}  // namespace relay::pty
