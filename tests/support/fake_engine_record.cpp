#include "support/fake_engine_record.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <iostream>
#include <mutex>

#include "base/printable.hpp"
#include "support/json_edit.hpp"

namespace relay::test {
namespace {

/// Of one record in the printed transcript.
constexpr std::size_t kShown = 400;

/// The transcripts of the running test case that have ended; printed if it fails.
struct Ended {
  std::mutex mutex;
  std::vector<std::string> texts;
};

Ended& ended() {
  static Ended all;
  return all;
}

class PrintOnFailure : public doctest::IReporter {
 public:
  explicit PrintOnFailure(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override { take(); }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    const auto texts = take();
    if (stats.failure_flags == 0) return;
    for (const auto& text : texts) std::cerr << "transcript of a fake engine:\n" << text;
  }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  static std::vector<std::string> take() {
    const std::lock_guard lock(ended().mutex);
    return std::exchange(ended().texts, {});
  }
};
DOCTEST_REGISTER_LISTENER("fake-engine", 1, PrintOnFailure);

std::string_view arrow(Record::Kind kind) {
  switch (kind) {
    case Record::Kind::request: return "=>";
    case Record::Kind::answer: return "<=";
    case Record::Kind::frame_in: return "->";
    case Record::Kind::frame_out: return "<-";
    case Record::Kind::note: break;
  }
  return "--";
}

}  // namespace

bool is_meant(std::string_view pattern, std::string_view what) {
  if (pattern == "*" || pattern == what) return true;
  if (pattern.find('{') == std::string_view::npos) {
    return what.size() > pattern.size() && what[pattern.size()] == ':' &&
           what.substr(0, pattern.size()) == pattern;
  }
  while (!pattern.empty() && !what.empty()) {
    const auto part = pattern.substr(0, pattern.find('/'));
    const auto word = what.substr(0, what.find('/'));
    const bool any = !part.empty() && part.front() == '{' && !word.empty();
    if (!any && part != word) return false;
    pattern.remove_prefix(std::min(part.size() + 1, pattern.size()));
    what.remove_prefix(std::min(word.size() + 1, what.size()));
  }
  return pattern.empty() && what.empty();
}

std::string Record::string(std::string_view pointer) const {
  return json_string_at(text, pointer);
}

std::string Record::json(std::string_view pointer) const {
  return json_at(text, pointer);
}

std::string Record::header(std::string_view name) const {
  return std::string(headers.get(name).value_or(""));
}

Transcript::Transcript(asio::any_io_executor executor) : changed_(std::move(executor)) {}

Transcript::~Transcript() {
  const std::lock_guard lock(ended().mutex);
  ended().texts.push_back(text());
}

void Transcript::forget() {
  kept_.clear();
  searched_.clear();
}

Record& Transcript::add(Record::Kind kind, std::string connection, std::string what,
                        std::string text) {
  Record& record = kept_.emplace_back().record;
  record.index = kept_.size() - 1;
  record.at = SystemClock().now();
  record.kind = kind;
  record.connection = std::move(connection);
  record.what = std::move(what);
  record.text = std::move(text);
  changed_.notify();
  return record;
}

std::optional<Record> Transcript::take(Record::Kind kind, std::string_view pattern) {
  std::size_t& at = searched_[{kind, std::string(pattern)}];
  for (; at < kept_.size(); ++at) {
    Kept& kept = kept_[at];
    if (kept.taken || kept.record.kind != kind || !is_meant(pattern, kept.record.what)) continue;
    kept.taken = true;
    return kept.record;
  }
  return std::nullopt;
}

asio::awaitable<Record> Transcript::next(Record::Kind kind, std::string pattern, Duration at_most) {
  const auto deadline = SystemClock().now() + at_most;
  for (;;) {
    if (auto found = take(kind, pattern)) co_return std::move(*found);
    const auto left = deadline - SystemClock().now();
    if (left <= Duration::zero()) break;
    const bool notified = co_await changed_.wait(left);
    if (!notified) break;
  }
  throw NotSeen(fmt::format("no {} {} came; the engine saw:\n{}", arrow(kind), pattern, text()));
}

std::vector<Record> Transcript::all(Record::Kind kind, std::string_view pattern) const {
  std::vector<Record> found;
  for (const Kept& kept : kept_) {
    if (kept.record.kind == kind && is_meant(pattern, kept.record.what)) {
      found.push_back(kept.record);
    }
  }
  return found;
}

void Transcript::broken(std::string why) {
  FAIL_CHECK("a script of the fake engine cannot work: " << why);
  add(Record::Kind::note, "-", "broken script", std::move(why));
}

std::string Transcript::text(std::size_t most) const {
  std::string out;
  for (std::size_t i = kept_.size() - std::min(most, kept_.size()); i < kept_.size(); ++i) {
    const Record& record = kept_[i].record;
    std::string shown = printable(record.text.substr(0, kShown));
    if (record.text.size() > kShown) shown += fmt::format("… ({} bytes)", record.text.size());
    out += fmt::format("{:4} {:>4} {} {} {}\n", record.index, record.connection, arrow(record.kind),
                       record.what, shown);
  }
  return out;
}

}  // namespace relay::test
