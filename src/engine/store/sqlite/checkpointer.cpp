#include "engine/store/sqlite/checkpointer.hpp"

namespace relay::engine {

using storage::Connection;

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::request() {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    wanted_ = true;
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  }
  changed_.notify_one();
}

void Checkpointer::work() {
  std::unique_ptr<Connection> db;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return wanted_ || closing_; });
      if (closing_) return;
      wanted_ = false;
    }
    if (!db || db->failed()) {
      auto opened = Connection::open(path_, Connection::How::writable, "the engine's database");
      if (!opened) continue;
      db = *std::move(opened);
      db->exec("PRAGMA synchronous=FULL");
    }
    const std::lock_guard copying(copying_);
    db->checkpoint(false);
  }
}

}  // namespace relay::engine
