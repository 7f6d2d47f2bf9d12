#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "support/skipped.hpp"

namespace relay::test {
namespace {

struct Cases {
  int begun = 0;
  int skipped = 0;
  /// Of the one that runs.
  bool is_skipped = false;
};

Cases& cases() {
  static Cases all;
  return all;
}

/// Counts the cases that run.
struct CaseCounter : doctest::IReporter {
  explicit CaseCounter(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override {
    ++cases().begun;
    cases().is_skipped = false;
  }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    cases().skipped += cases().is_skipped ? 1 : 0;
  }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

}  // namespace

void mark_skipped() {
  cases().is_skipped = true;
}

REGISTER_LISTENER("skipped cases", 1, CaseCounter);

}  // namespace relay::test

int main(int argc, char** argv) {
  const int code = doctest::Context(argc, argv).run();
  const auto& all = relay::test::cases();
  const bool nothing_ran = all.begun > 0 && all.skipped == all.begun;
  return code == 0 && nothing_ran ? relay::test::kSkipped : code;
}
