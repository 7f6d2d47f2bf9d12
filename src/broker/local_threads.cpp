#include "broker/local_threads.hpp"

#include <algorithm>
#include <set>

#include "base/utf8.hpp"

namespace relay::broker {
namespace {

std::string preview_of(const std::string& text) {
  if (text.size() <= LocalThreads::kPreview) return text;
  return std::string(truncate_utf8(text, LocalThreads::kPreview)) + "...";
}

}  // namespace

void LocalThreads::add(Wall at, const std::string& from, const std::string& to,
                       const std::string& thread_id, const std::string& text) {
  Thread sent;
  sent.name = to;
  sent.id = thread_id;
  if (sent.id.empty() && to.starts_with('#')) sent.id = to;
  if (sent.id.empty()) {
    const auto& [first, second] = std::minmax(from, to);
    sent.id = "direct:" + first + ':' + second;
  }
  sent.last_message = preview_of(text);
  sent.last_at = at;
  sent_.push_back(std::move(sent));
  if (sent_.size() > kMost) sent_.pop_front();
}

std::vector<LocalThreads::Thread> LocalThreads::list() const {
  std::vector<Thread> threads;
  std::set<std::string> seen;
  for (auto sent = sent_.rbegin(); sent != sent_.rend(); ++sent) {
    if (seen.insert(sent->id).second) threads.push_back(*sent);
  }
  return threads;
}

}  // namespace relay::broker
