#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_writer.hpp"
#include "base/result.hpp"
#include "net/event.hpp"

namespace relay::broker {

/// What has happened in this broker, for those who watch it: JSON objects with a `kind`. Durable
/// ones get a number and are kept; ephemeral ones (a program's output) go to those who watch now.
/// A watcher who is too slow misses events and is told so. On the loop thread.
class EventLog {
 public:
  /// Durable events that are kept.
  static constexpr std::size_t kMost = 1000;
  /// Ephemeral events that wait for the slowest watcher.
  static constexpr std::size_t kMostEphemeral = 512;

  explicit EventLog(asio::any_io_executor executor);

  /// One event; `fields(JsonWriter&)` writes what it has besides `kind` and `seq`.
  template <class Fields>
  void add(std::string_view kind, Fields&& fields) {
    put(kind, true, [&](JsonWriter& out) { fields(out); });
  }
  template <class Fields>
  void add_ephemeral(std::string_view kind, Fields&& fields) {
    if (watchers_ != 0) put(kind, false, [&](JsonWriter& out) { fields(out); });
  }

  struct Event {
    /// 0 for an ephemeral one.
    std::uint64_t seq = 0;
    std::string json;
  };
  /// What a watcher missed: it asked for what is no longer kept.
  struct Replay {
    std::vector<Event> events;
    bool gap = false;
    std::uint64_t oldest = 0;
  };
  /// The kept events after `since`.
  [[nodiscard]] Replay since(std::uint64_t since) const;
  [[nodiscard]] std::uint64_t last() const { return last_; }

  /// Follows the log from now on.
  class Watcher {
   public:
    explicit Watcher(EventLog& log);
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    /// The next events, at least one; `timeout` when none came.
    asio::awaitable<Result<std::vector<Event>>> next(Duration at_most);
    /// Events that this watcher was too slow for.
    [[nodiscard]] std::uint64_t missed() const { return missed_; }

   private:
    EventLog& log_;
    std::uint64_t at_;
    std::uint64_t missed_ = 0;
  };

 private:
  template <class Fields>
  void put(std::string_view kind, bool durable, const Fields& fields) {
    std::string json;
    JsonWriter out(json);
    out.begin_object();
    out.field("kind", kind);
    if (durable) out.field("seq", last_ + 1);
    fields(out);
    out.end_object();
    out.finish();
    keep(durable, std::move(json));
  }
  void keep(bool durable, std::string json);

  net::Event changed_;
  std::deque<Event> kept_;
  std::deque<Event> live_;
  /// Position of the first of `live_`, and of what comes next.
  std::uint64_t live_first_ = 0;
  std::uint64_t live_next_ = 0;
  std::uint64_t last_ = 0;
  std::size_t watchers_ = 0;
};

}  // namespace relay::broker
