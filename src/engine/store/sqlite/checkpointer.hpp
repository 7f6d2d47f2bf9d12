#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "os/files.hpp"
#include "storage/connection.hpp"

namespace relay::engine {

/// Copies the write-ahead log into the database while others write: on the writer's thread that
/// would hold up every message for tens of milliseconds. What it has left over, because the log
/// went on meanwhile, is little, and the writer copies it when the log is to begin anew.
class Checkpointer {
 public:
  explicit Checkpointer(os::Path path) : path_(std::move(path)) {}
  /// Waits for the copy in hand.
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// Soon, once however often it is asked meanwhile. From any thread. A failure is the writer's to
  /// find out: it copies the same pages.
  void request();
  /// Waits for the copy in hand; there is no other one while the answer lives.
  [[nodiscard]] std::unique_lock<std::mutex> pause() {
    return std::unique_lock<std::mutex>(copying_);
  }

 private:
  void work();

  os::Path path_;
  std::mutex mutex_;
  std::mutex copying_;
  std::condition_variable changed_;
  bool wanted_ = false;
  bool closing_ = false;
  /// Started by the first request: an engine with little to do has no thread for it.
  std::thread thread_;
};

}  // namespace relay::engine
