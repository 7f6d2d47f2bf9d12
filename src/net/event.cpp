#include "net/event.hpp"

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <list>
#include <utility>

namespace relay::net {

struct Event::Waiters {
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    bool notified = false;
  };
  std::list<Waiter> list;
};

namespace {

/// Takes the waiter off the list on every way out of the wait, cancellation included.
template <class List>
class Enlisted {
 public:
  Enlisted(std::shared_ptr<List> owner, const asio::any_io_executor& executor)
      : owner_(std::move(owner)), waiter_(owner_->list.emplace(owner_->list.end(), executor)) {}
  ~Enlisted() { owner_->list.erase(waiter_); }
  Enlisted(const Enlisted&) = delete;
  Enlisted& operator=(const Enlisted&) = delete;
  auto* operator->() { return &*waiter_; }

 private:
  std::shared_ptr<List> owner_;
  typename decltype(List::list)::iterator waiter_;
};

}  // namespace

Event::Event(asio::any_io_executor executor)
    : executor_(std::move(executor)), waiters_(std::make_shared<Waiters>()) {}

Event::~Event() {
  notify();
}

asio::awaitable<bool> Event::wait(Duration at_most) {
  Enlisted<Waiters> waiter(waiters_, executor_);
  waiter->timer.expires_after(at_most);
  std::error_code error;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return waiter->notified;
}

void Event::notify() {
  for (auto& waiter : waiters_->list) {
    waiter.notified = true;
    waiter.timer.cancel();
  }
}

}  // namespace relay::net
