#include "clis/judge.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace relay::interop {
namespace {

constexpr std::string_view kHeader = "Relay message from tester [direct, id ";
/// A body of one line up to this stands behind its header, a longer one below it.
constexpr std::size_t kOneLine = 400;

struct Sighting {
  bool twice = false;
  bool merged = false;
  bool whole = true;
  bool spaces = false;
  Monotonic at{};
};

std::string with_spaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\t') {
      out += "    ";
    } else {
      out += c;
    }
  }
  return out;
}

std::string envelope(std::string_view id, std::string_view mark, const std::string& body) {
  const bool one_line = body.find('\n') == std::string::npos && body.size() <= kOneLine;
  const std::string_view gap = one_line ? " " : "\n";
  return fmt::format("{}{}, mark {}]:{}{}{}[end {}]", kHeader, id, mark, gap, body, gap, mark);
}

/// Whether the message stands in the text as it was written; tabs may have become spaces.
void compare(std::string_view text, std::string_view id, const std::string& body, Sighting& seen) {
  constexpr std::string_view kMark = ", mark ";
  const auto mark_at = text.find(kMark);
  const std::string_view mark =
      mark_at == std::string_view::npos ? "" : text.substr(mark_at + kMark.size(), 8);
  const std::string wanted = envelope(id, mark, body);
  if (text.find(wanted) != std::string_view::npos) return;
  seen.spaces = text.find(with_spaces(wanted)) != std::string_view::npos;
  seen.whole = seen.spaces;
}

double milliseconds(Duration length) {
  return std::chrono::duration<double, std::milli>(length).count();
}

std::size_t number_of(std::string_view id) {
  std::size_t number = 0;
  for (const char c : id.substr(1)) number = number * 10 + static_cast<std::size_t>(c - '0');
  return number;
}

void look_into(const Scenario& scenario, const ModelRequest& request,
               std::map<std::string, Sighting>& seen, bool& in_order) {
  std::map<std::string, std::size_t> here;
  std::string last;
  for (const std::string& text : request.texts) {
    const auto ids = ids_in(text);
    for (const std::string& id : ids) {
      if (id < last) in_order = false;
      last = id;
      const auto [at, first] = seen.try_emplace(id);
      Sighting& sighting = at->second;
      if (++here[id] > 1) sighting.twice = true;
      if (ids.size() > 1) sighting.merged = true;
      if (!first) continue;
      sighting.at = request.at;
      if (ids.size() == 1) compare(text, id, scenario.wanted(number_of(id)), sighting);
    }
  }
}

}  // namespace

std::vector<std::string> ids_in(std::string_view text) {
  std::vector<std::string> ids;
  for (auto at = text.find(kHeader); at != std::string_view::npos;
       at = text.find(kHeader, at + 1)) {
    const auto from = at + kHeader.size();
    const auto id = text.substr(from, text.find_first_of(",]", from) - from);
    const bool ours = id.size() > 1 && id.front() == 'm' &&
                      id.find_first_not_of("0123456789", 1) == std::string_view::npos;
    if (ours) ids.emplace_back(id);
  }
  return ids;
}

Verdict judge(const Scenario& scenario, const std::map<std::string, Monotonic>& sent,
              const std::map<std::string, Ending>& endings,
              const std::vector<ModelRequest>& requests) {
  std::map<std::string, Sighting> seen;
  Verdict verdict;
  for (const ModelRequest& request : requests) {
    look_into(scenario, request, seen, verdict.in_order);
  }
  verdict.sent = sent.size();
  for (const auto& [id, sent_at] : sent) {
    const auto ending = endings.find(id);
    std::string how = "none";
    if (ending != endings.end()) {
      const Ending& end = ending->second;
      const bool submitted = end.outcome == "submitted";
      how = end.outcome + "/" + (submitted ? end.proof : end.reason);
      verdict.ended_after.push_back(milliseconds(end.at - sent_at));
    }
    ++verdict.endings[how];
    const auto found = seen.find(id);
    if (found == seen.end()) {
      ++verdict.lost;
      if (how.starts_with("submitted")) ++verdict.false_submitted;
      continue;
    }
    const Sighting& sighting = found->second;
    verdict.seen_after.push_back(milliseconds(sighting.at - sent_at));
    if (sighting.twice) ++verdict.twice;
    if (sighting.merged) ++verdict.merged;
    if (!sighting.whole) ++verdict.damaged;
    if (sighting.spaces) ++verdict.tabs_as_spaces;
    if (!sighting.twice && !sighting.merged && sighting.whole) ++verdict.once;
  }
  std::sort(verdict.seen_after.begin(), verdict.seen_after.end());
  std::sort(verdict.ended_after.begin(), verdict.ended_after.end());
  return verdict;
}

}  // namespace relay::interop
