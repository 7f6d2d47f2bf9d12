#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <utility>

#include "engine/store/sqlite/sqlite_database.hpp"
#include "storage/storage_thread.hpp"

namespace relay::engine {

/// Where the engine waits for its store: operations that write run one after the other on one
/// thread, many in one commit, each all or nothing and durable when it is answered; big lists are
/// read on another thread meanwhile. On the loop thread; the database outlives it.
class StoreThread {
 public:
  StoreThread(asio::any_io_executor executor, SqliteDatabase& database)
      : database_(database),
        writer_(executor, database.writer()),
        reader_(std::move(executor), database.reader()) {}

  /// `work` owns all that it uses. What it refuses is undone as a whole.
  template <class T>
  asio::awaitable<Result<T>> write(std::function<Result<T>(Store&)> work) {
    return writer_.run<T>(on_store(std::move(work)));
  }
  /// `late` gets on the loop what was done when the disk was so slow, or the caller so hasty, that
  /// it was not waited for.
  template <class T>
  asio::awaitable<Result<T>> write(std::function<Result<T>(Store&)> work,
                                   std::function<void(T&)> late) {
    return writer_.run<T>(on_store(std::move(work)), std::move(late));
  }
  template <class T>
  asio::awaitable<Result<T>> read(std::function<Result<T>(const Store&)> work) {
    std::function<Result<T>()> job = [this, work = std::move(work)] {
      return work(database_.reading_store());
    };
    return reader_.run<T>(std::move(job));
  }
  asio::awaitable<Result<void>> back_up(os::Path to) {
    std::function<Result<void>()> job = [this, to = std::move(to)] {
      return database_.back_up(to);
    };
    return reader_.run_alone<void>(std::move(job));
  }

  /// How long an operation that writes is waited for.
  void answer_within(Duration most) { writer_.answer_within(most); }

  /// What waits is done, then nothing is taken any more. Not to be cancelled: `shielded`.
  asio::awaitable<void> close() {
    co_await writer_.close();
    co_await reader_.close();
  }

  /// Operations that have written, and the transactions it took.
  [[nodiscard]] std::uint64_t operations() const { return writer_.jobs(); }
  [[nodiscard]] std::uint64_t transactions() const { return writer_.groups(); }

 private:
  template <class T>
  std::function<Result<T>()> on_store(std::function<Result<T>(Store&)> work) {
    return [this, work = std::move(work)] { return work(database_.store()); };
  }

  SqliteDatabase& database_;
  storage::StorageThread writer_;
  storage::StorageThread reader_;
};

}  // namespace relay::engine
