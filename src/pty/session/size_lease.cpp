#include "pty/session/size_lease.hpp"

namespace relay::pty {
namespace {

bool is_size(const SizeRequest& request) {
  return request.columns > 0 && request.rows > 0 && request.columns <= SizeLease::kMost &&
         request.rows <= SizeLease::kMost;
}

}  // namespace

SizeAnswer SizeLease::ask(Monotonic now, const SizeRequest& request) {
  SizeAnswer answer;
  const bool named = !request.viewer.empty();
  const bool owns = named && owner_ && owner_->viewer == request.viewer;
  if (request.release) {
    if (!owns) {
      answer.reason = "not_resize_owner";
      return answer;
    }
    answer.released = true;
    answer.apply = is_size(request);
    owner_.reset();
    return answer;
  }
  if (!is_size(request)) {
    answer.reason = "invalid_dimensions";
    return answer;
  }
  if (!named) {
    // The owner's record follows the terminal, but this is no sign of its life.
    if (owner_) owner_->columns = request.columns, owner_->rows = request.rows;
    answer.apply = true;
    return answer;
  }
  if (owner_ && !owns && now - owner_->seen < kSilence) {
    answer.reason = "not_resize_owner";
    return answer;
  }
  if (owns && owner_->columns == request.columns && owner_->rows == request.rows) {
    owner_->seen = now;
    answer.reason = "unchanged";
    return answer;
  }
  owner_ = Owner{request.viewer, request.columns, request.rows, now};
  answer.apply = true;
  return answer;
}

}  // namespace relay::pty
