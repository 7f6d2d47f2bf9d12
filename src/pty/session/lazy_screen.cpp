#include "pty/session/lazy_screen.hpp"

namespace relay::pty {

void LazyScreen::catch_up() {
  if (!screen_) {
    screen_ = Screen::from(ring_, size_.rows, size_.columns);
    return;
  }
  for (auto piece = ring_.read(screen_->offset()); !piece.bytes.empty();
       piece = ring_.read(piece.next())) {
    screen_->feed(piece.bytes);
  }
}

void LazyScreen::before(std::string_view bytes, std::size_t ring_capacity) {
  if (!screen_) return;
  // facts_at() may have shown a part of `bytes` already.
  const std::uint64_t end = ring_.end() + bytes.size();
  if (end - screen_->offset() <= ring_capacity) return;
  if (screen_->offset() < ring_.end()) catch_up();
  screen_->feed(bytes.substr(screen_->offset() - ring_.end()));
}

TerminalFacts LazyScreen::facts_at(std::string_view bytes, std::size_t consumed) {
  if (!screen_ || screen_->offset() < ring_.end()) catch_up();
  const std::size_t shown = screen_->offset() - ring_.end();
  if (consumed > shown) screen_->feed(bytes.substr(shown, consumed - shown));
  return facts_of(*screen_);
}

const Screen& LazyScreen::now() {
  catch_up();
  return *screen_;
}

void LazyScreen::resize(os::WindowSize size) {
  size_ = size;
  if (!screen_) return;
  // What was printed before was meant for the old size.
  catch_up();
  screen_->resize(size.rows, size.columns);
}

}  // namespace relay::pty
