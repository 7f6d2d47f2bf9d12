#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "broker/journal.hpp"
#include "support/loop.hpp"
#include "support/temp_dir.hpp"

namespace relay::broker {

using node_control::BookChange;
using node_control::BookState;
using node_control::DeadLetter;
using node_control::DeadReason;
using node_control::Delivery;
using node_control::Surface;

/// A journal on the real disk, its loop and a clock that stands still.
class JournalWorld {
 public:
  ~JournalWorld() { end(); }

  [[nodiscard]] os::Path path() const { return temp_ / "state" / "journal" / "journal.db"; }
  test::TempDir& temp() { return temp_; }
  Journal& journal() { return *journal_; }

  /// What opening it came to; it is open when that is no error.
  Result<void> try_open() {
    end();
    auto opening = Journal::open(io.get_executor(), path(), clock);
    auto opened = test::run(io, std::move(opening));
    if (!opened) return fail(std::move(opened).error());
    journal_ = *std::move(opened);
    return {};
  }
  void open() {
    auto opened = try_open();
    if (!opened) FAIL("cannot open: " << opened.error().message);
  }
  void end() {
    if (!journal_) return;
    test::run(io, journal_->close());
    journal_.reset();
    io.restart();
    io.poll();
  }

  template <class T>
  Result<T> did(asio::awaitable<Result<T>> work) {
    return test::run(io, std::move(work));
  }
  template <class T>
  T get(asio::awaitable<Result<T>> work) {
    auto result = test::run(io, std::move(work));
    if (!result) FAIL("failed: " << result.error().message);
    if constexpr (!std::is_void_v<T>) return *std::move(result);
  }

  asio::io_context io;
  FakeClock clock;

 private:
  test::TempDir temp_;
  std::unique_ptr<Journal> journal_;
};

inline Delivery delivery_of(std::string agent, std::string id, std::uint64_t seq,
                            std::string payload = "hello") {
  return {agent, "name of " + agent, std::move(id), seq, std::move(payload)};
}

inline std::shared_ptr<BookChange> change_of(std::vector<Surface> surfaces) {
  auto change = std::make_shared<BookChange>();
  for (auto& surface : surfaces) change->actions.emplace_back(std::move(surface));
  return change;
}

inline std::vector<MessageKey> only(std::string agent, std::string id, std::uint64_t seq) {
  return {MessageKey(std::move(agent), std::move(id), seq)};
}

}  // namespace relay::broker
