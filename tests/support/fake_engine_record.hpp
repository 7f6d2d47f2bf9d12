#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <deque>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "net/event.hpp"
#include "net/http_message.hpp"

namespace relay::test {

/// How long a test waits for something that should happen at once. Long, because machines are busy;
/// nothing is slower for it unless it fails.
inline constexpr Duration kSoon = std::chrono::seconds(60);

/// Whether `what` is meant by `pattern`: the same text; "*" is everything; "reply" is every
/// "reply:…"; in "POST /v1/nodes/{name}/agents" a segment in braces is any segment.
[[nodiscard]] bool is_meant(std::string_view pattern, std::string_view what);

/// One thing that happened at a fake engine.
class Record {
 public:
  enum class Kind { request, answer, frame_in, frame_out, note };

  /// The text at a JSON pointer of `text`: `string("/name")` is builder-1, `json("/name")` is
  /// "builder-1" with its quotes. Empty when there is none.
  [[nodiscard]] std::string string(std::string_view pointer) const;
  [[nodiscard]] std::string json(std::string_view pointer) const;
  /// A header field of a request, empty when there is none.
  [[nodiscard]] std::string header(std::string_view name) const;

  /// Its place in the order of everything that happened, from 0.
  std::size_t index = 0;
  Monotonic at{};
  Kind kind = Kind::note;
  /// Which connection: "#3", in the order they were accepted. "-" for what has none.
  std::string connection;
  /// "POST /v1/nodes", "deliver", "reply:agent.register", or the words of a note.
  std::string what;
  /// The whole target of a request, with its query.
  std::string target;
  net::Headers headers;
  /// The body or the frame.
  std::string text;
};

/// What a test waited for did not come; the message ends with the transcript.
class NotSeen : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Everything that happened at a fake engine, in order. When a test case fails, the transcripts of
/// its engines are printed. All calls on the loop thread.
class Transcript {
 public:
  explicit Transcript(asio::any_io_executor executor);
  ~Transcript();
  Transcript(const Transcript&) = delete;
  Transcript& operator=(const Transcript&) = delete;

  Record& add(Record::Kind kind, std::string connection, std::string what, std::string text = {});

  /// The oldest record of that kind and pattern that no call has returned before, waiting for it.
  /// So each call gets the next one, whatever happened in between; `index` tells orders apart.
  /// Throws NotSeen.
  asio::awaitable<Record> next(Record::Kind kind, std::string pattern, Duration at_most);
  /// The same without waiting.
  std::optional<Record> take(Record::Kind kind, std::string_view pattern);
  /// Every one, also those that `next` has returned.
  [[nodiscard]] std::vector<Record> all(Record::Kind kind, std::string_view pattern) const;

  /// Everything that happened so far is forgotten, for tests that run for hours. Not while a
  /// coroutine is in `next`.
  void forget();

  /// A script that cannot work ends its connection and fails the test.
  void broken(std::string why);

  /// One line for each record, long texts cut; the last `most` of them.
  [[nodiscard]] std::string text(std::size_t most = 200) const;

 private:
  struct Kept {
    Record record;
    bool taken = false;
  };
  std::deque<Kept> kept_;
  /// Where the search for a pattern goes on; everything before is taken or something else.
  std::map<std::pair<Record::Kind, std::string>, std::size_t> searched_;
  net::Event changed_;
};

}  // namespace relay::test
