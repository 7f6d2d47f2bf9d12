#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/http_message.hpp"
#include "support/fake_engine_record.hpp"

namespace relay::test {

inline constexpr std::size_t kAlways = std::numeric_limits<std::size_t>::max();

/// What a fake engine does with a request, instead of or on top of what it does by default. Also
/// for the handshake of the node socket, "GET /v1/node/ws".
class HttpScript {
 public:
  enum class Act { standard, given, hang, close, reset };

  /// The engine's own answer; to be combined: `standard().cut_after(0)` does what was asked and
  /// loses the answer.
  [[nodiscard]] static HttpScript standard() { return HttpScript(Act::standard); }
  [[nodiscard]] static HttpScript status(int status, std::string content_type, std::string body);
  /// {"ok":false,"error":{"code":…,"message":…}}
  [[nodiscard]] static HttpScript refusal(int status, std::string_view code);
  /// What a proxy says while the engine is away.
  [[nodiscard]] static HttpScript html(int status = 502);
  /// A whole answer with a body that ends in the middle of its JSON.
  [[nodiscard]] static HttpScript half_json(int status = 200);
  [[nodiscard]] static HttpScript empty(int status = 200);
  /// These bytes instead of HTTP, then the end of the connection.
  [[nodiscard]] static HttpScript bytes(std::string bytes);
  /// No answer until the client leaves.
  [[nodiscard]] static HttpScript hang() { return HttpScript(Act::hang); }
  /// FIN, or RST, instead of an answer.
  [[nodiscard]] static HttpScript close() { return HttpScript(Act::close); }
  [[nodiscard]] static HttpScript reset() { return HttpScript(Act::reset); }

  HttpScript&& header(std::string name, std::string value) &&;
  /// Only the first bytes of the answer, head included, then FIN.
  HttpScript&& cut_after(std::size_t bytes) &&;
  /// The answer is made now and sent at `FakeEngine::release_answers`.
  HttpScript&& held() &&;

  Act act;
  net::HttpResponse response;
  /// Sent as they are, when set.
  std::optional<std::string> raw;
  std::optional<std::size_t> cut;
  bool hold = false;

 private:
  explicit HttpScript(Act act_in) : act(act_in) {}
};

/// What happens to one frame on its way, out or in. Of those, `drop` and `hold` work on both.
class FrameScript {
 public:
  enum class Act { drop, duplicate, swap, hold, edit, cut };
  using Edit = std::function<std::string(std::string)>;

  [[nodiscard]] static FrameScript drop() { return FrameScript(Act::drop); }
  [[nodiscard]] static FrameScript duplicate() { return FrameScript(Act::duplicate); }
  /// Sent after the frame that comes next.
  [[nodiscard]] static FrameScript swap_with_next() { return FrameScript(Act::swap); }
  /// Kept until `FakeEngine::release_frames`; frames behind it pass.
  [[nodiscard]] static FrameScript hold() { return FrameScript(Act::hold); }
  /// Another text, JSON or not.
  [[nodiscard]] static FrameScript edit(Edit edit);
  /// Another value at a JSON pointer, given as JSON text: `with("/v", "2")`.
  [[nodiscard]] static FrameScript with(std::string pointer, std::string value);
  [[nodiscard]] static FrameScript without(std::string pointer);
  /// Only the first bytes of the WebSocket frame, header included, then RST.
  [[nodiscard]] static FrameScript cut_after(std::size_t bytes);

  Act act;
  Edit change;
  std::size_t cut = 0;

 private:
  explicit FrameScript(Act act_in) : act(act_in) {}
};

/// Scripts with what they are for: the first that fits and is not used up is taken.
template <class Script>
class Scripts {
 public:
  /// For the `times` things of that pattern that come after `skip` others.
  void add(std::string pattern, Script script, std::size_t times, std::size_t skip) {
    waiting_.push_back({std::move(pattern), std::move(script), times, skip});
  }

  std::optional<Script> take(std::string_view what) {
    for (Waiting& waiting : waiting_) {
      if (waiting.times == 0 || !is_meant(waiting.pattern, what)) continue;
      if (waiting.skip > 0) {
        --waiting.skip;
        return std::nullopt;
      }
      if (waiting.times != kAlways) --waiting.times;
      return waiting.script;
    }
    return std::nullopt;
  }

  void clear() { waiting_.clear(); }

 private:
  struct Waiting {
    std::string pattern;
    Script script;
    std::size_t times;
    std::size_t skip;
  };
  std::deque<Waiting> waiting_;
};

}  // namespace relay::test
