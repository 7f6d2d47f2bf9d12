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
/// A watcher who is too slow misses events and is told how many. On the loop thread.
class EventLog {
 public:
  /// Durable events that are kept, and the bytes of them: the oldest go first.
  static constexpr std::size_t kMost = 1000;
  static constexpr std::size_t kMostBytes = std::size_t{16} << 20U;
  /// Ephemeral events that wait for the slowest watcher, and the bytes of them.
  static constexpr std::size_t kMostEphemeral = 512;
  static constexpr std::size_t kMostEphemeralBytes = std::size_t{4} << 20U;

  explicit EventLog(asio::any_io_executor executor);

  /// One event; `fields(JsonWriter&)` writes what it has besides `kind` and `seq`.
  template <class Fields>
  void add(std::string_view kind, Fields&& fields) {
    put(kind, true, fields);
  }
  template <class Fields>
  void add_ephemeral(std::string_view kind, Fields&& fields) {
    if (watchers_ != 0) put(kind, false, fields);
  }

  struct Event {
    /// 0 for an ephemeral one.
    std::uint64_t seq = 0;
    std::string json;
  };
  struct Replay {
    std::vector<Event> events;
    /// Events after the one that was asked for are lost: they are no longer kept, or the number is
    /// of another life of this broker.
    bool gap = false;
    /// The first that is kept; what was asked for when nothing is.
    std::uint64_t oldest = 0;
  };
  /// The kept events after `since`.
  [[nodiscard]] Replay since(std::uint64_t since) const;
  /// The same without the events.
  [[nodiscard]] Replay gap_after(std::uint64_t since) const;
  [[nodiscard]] std::uint64_t last() const { return last_; }

  /// Follows the log; the log outlives it.
  class Watcher {
   public:
    /// Events that one call of `next` returns at most, and their bytes (one event may be larger).
    static constexpr std::size_t kMostAtOnce = 64;
    static constexpr std::size_t kMostBytesAtOnce = std::size_t{256} << 10U;

    /// From now on.
    explicit Watcher(EventLog& log);
    /// The kept events after `since` first, and no event twice.
    Watcher(EventLog& log, std::uint64_t since);
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    /// The next events in their order, at least one; `timeout` when none came.
    asio::awaitable<Result<std::vector<Event>>> next(Duration at_most);
    /// Events that this watcher was too slow for, up to the last that `next` returned.
    [[nodiscard]] std::uint64_t missed() const { return missed_; }

   private:
    [[nodiscard]] std::vector<Event> take();

    EventLog& log_;
    /// The numbers of the last ones that were seen or missed.
    std::uint64_t durable_at_;
    std::uint64_t ephemeral_at_;
    std::uint64_t missed_ = 0;
  };

 private:
  /// Events of one kind with consecutive numbers, the oldest first.
  struct Kept {
    struct Entry {
      /// Among all events.
      std::uint64_t position = 0;
      std::uint64_t number = 0;
      std::string json;
    };
    std::deque<Entry> entries;
    std::size_t bytes = 0;

    void add(Entry entry, std::size_t most, std::size_t most_bytes);
    void clear();
    /// The first with a number after `seen`; null when there is none.
    [[nodiscard]] const Entry* after(std::uint64_t seen) const;
  };

  template <class Fields>
  void put(std::string_view kind, bool durable, Fields& fields) {
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
  Kept durable_;
  Kept ephemeral_;
  std::uint64_t positions_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t last_ephemeral_ = 0;
  std::size_t watchers_ = 0;
};

}  // namespace relay::broker
