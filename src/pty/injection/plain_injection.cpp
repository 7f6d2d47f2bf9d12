#include "pty/injection/plain_injection.hpp"

#include <algorithm>
#include <utility>

#include "base/failpoint.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace relay::pty {

void PlainInjection::begin(Monotonic now, InjectionItem item, InjectionSteps& out) {
  item_ = std::move(item);
  stage_ = Stage::waiting;
  deadline_ = now + settings_->patience;
  if (may_begin_) start(out);
}

void PlainInjection::may_begin(bool may, InjectionSteps& out) {
  may_begin_ = may;
  if (may && stage_ == Stage::waiting) start(out);
}

void PlainInjection::start(InjectionSteps& out) {
  // A program without a box shows nothing to tell a first try by.
  const bool again = item_->recovering && !item_->repeat_text.empty();
  bytes_ = again ? item_->repeat_text : item_->text;
  done_ = 0;
  lines_ = canonical_;
  enter_left_ = !lines_;
  if (lines_) {
    if (!bytes_.ends_with('\n')) bytes_ += '\n';
    for (const std::string_view line : split(bytes_, '\n')) {
      if (line.size() + 1 > settings_->canonical_line) {
        return end(InjectionEnd::dead, Proof::none, "line_too_long", out);
      }
    }
  } else if (bracketed_) {
    bytes_ = "\x1b[200~" + bytes_ + "\x1b[201~";
  }
  next(out);
}

/// The end of the piece that begins there: whole lines, or whole characters.
std::size_t PlainInjection::piece_at(std::size_t from) const {
  const std::size_t most = settings_->canonical_line;
  if (bytes_.size() - from <= most) return bytes_.size();
  if (!lines_) {
    const std::string_view piece = truncate_utf8(std::string_view(bytes_).substr(from), most);
    return from + std::max<std::size_t>(piece.size(), 1);
  }
  return bytes_.rfind('\n', from + most - 1) + 1;
}

void PlainInjection::next(InjectionSteps& out) {
  InjectionStep step;
  if (done_ < bytes_.size()) {
    const std::size_t to = piece_at(done_);
    step.bytes = bytes_.substr(done_, to - done_);
    done_ = to;
  } else {
    step.bytes = bytes_of_key(profile_->submit_key);
    enter_left_ = false;
  }
  stage_ = Stage::writing;
  out.push_back(std::move(step));
}

void PlainInjection::written(Monotonic now, InjectionSteps& out) {
  if (stage_ != Stage::writing) return;
  stage_ = Stage::draining;
  deadline_ = now + settings_->drain_within;
  if (done_ < bytes_.size()) return failpoint(Failpoint::body_half_written);
  if (enter_left_) return failpoint(Failpoint::body_written);
  failpoint(Failpoint::enter_written);
  InjectionStep step;
  step.act = InjectionAct::written;
  step.item = item_->id;
  out.push_back(std::move(step));
}

void PlainInjection::drained(Monotonic now, InjectionSteps& out) {
  if (stage_ != Stage::draining) return;
  if (done_ < bytes_.size()) return next(out);
  if (!enter_left_) return end(InjectionEnd::typed, Proof::none, "no_proof", out);
  stage_ = Stage::answering;
  deadline_ = now + settings_->echo_within;
}

void PlainInjection::drawn(InjectionSteps& out) {
  if (stage_ == Stage::answering) next(out);
}

void PlainInjection::write_failed(std::string_view reason, InjectionSteps& out) {
  if (item_ && stage_ != Stage::waiting) end(InjectionEnd::dead, Proof::none, reason, out);
}

void PlainInjection::hook(std::uint64_t item, InjectionSteps& out) {
  const bool all_written = stage_ == Stage::draining && done_ == bytes_.size() && !enter_left_;
  if (item_ && item_->id == item && all_written) end(InjectionEnd::submitted, Proof::hook, "", out);
}

void PlainInjection::exited(InjectionSteps& out) {
  if (!item_) return;
  const bool all = stage_ == Stage::draining && done_ == bytes_.size() && !enter_left_;
  end(all ? InjectionEnd::typed : InjectionEnd::dead, Proof::none, "exited", out);
}

void PlainInjection::on_time(Monotonic now, InjectionSteps& out) {
  if (!item_ || stage_ == Stage::writing || now < deadline_) return;
  if (stage_ == Stage::waiting) return end(InjectionEnd::dead, Proof::none, "human", out);
  if (stage_ == Stage::answering) return next(out);
  const bool all = done_ == bytes_.size() && !enter_left_;
  end(all ? InjectionEnd::typed : InjectionEnd::dead, Proof::none, kNotRead, out);
}

std::optional<Monotonic> PlainInjection::next_deadline() const {
  if (!item_ || stage_ == Stage::writing) return std::nullopt;
  return deadline_;
}

std::string_view PlainInjection::waits_for() const {
  switch (stage_) {
    case Stage::idle: return {};
    case Stage::waiting: return "human";
    case Stage::writing:
    case Stage::draining: return "reading";
    case Stage::answering: return "answer";
  }
  return {};
}

void PlainInjection::end(InjectionEnd how, Proof proof, std::string_view reason,
                         InjectionSteps& out) {
  out.push_back(ended_step(item_->id, InjectionOutcome{how, proof, std::string(reason)}));
  item_.reset();
  bytes_.clear();
  done_ = 0;
  stage_ = Stage::idle;
}

}  // namespace relay::pty
