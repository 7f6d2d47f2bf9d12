#include "broker/journaled_records.hpp"

#include "journal_world.hpp"

namespace relay::broker {
namespace {

/// The records of one broker after another, in one directory.
class RecordsFixture : public JournalWorld {
 public:
  RecordsFixture() { open(); }

  /// A broker that is killed leaves the journal and the marks as they are.
  JournaledRecords& next_broker(const std::string& boot = "boot-1") {
    auto marks = TypingMarks::open(temp() / "journal.typing", boot);
    records_ = std::make_unique<JournaledRecords>(journal(), std::move(marks));
    return *records_;
  }
  StoredMessage accept(const std::string& delivery_id) {
    StoredMessage message;
    message.key = MessageKey("ada", delivery_id, 0);
    message.agent_name = "ada";
    message.frame = "{}";
    REQUIRE(did(records_->accept(message, {})));
    return message;
  }
  std::vector<StoredMessage> still_open() { return get(records_->open_messages()); }
  void begin(const std::vector<MessageKey>& keys) { REQUIRE(did(records_->begin(keys, "g1"))); }

 private:
  std::unique_ptr<JournaledRecords> records_;
};

pty::InjectionOutcome typed_without_proof() {
  pty::InjectionOutcome outcome;
  outcome.end = pty::InjectionEnd::typed;
  outcome.reason = "no_proof";
  return outcome;
}

MessageEnd end_of(const MessageKey& key) {
  MessageEnd end;
  end.key = key;
  end.generation = "g1";
  end.outcome = typed_without_proof();
  return end;
}

}  // namespace

TEST_CASE_FIXTURE(RecordsFixture,
                  "of what had begun, the next broker knows what was typed and what was not") {
  auto& first = next_broker();
  CHECK(still_open().empty());
  const auto waits = accept("waits").key;
  const auto typing = accept("typing").key;
  const auto ended = accept("ended").key;
  begin({waits, typing, ended});
  first.typing(typing);
  first.typing(ended);
  first.typed(ended, typed_without_proof());
  for (int start = 0; start < 2; ++start) {
    next_broker();
    const auto open = still_open();
    REQUIRE(open.size() == 3);
    CHECK_FALSE(open[0].begun);
    CHECK(open[1].begun);
    CHECK_FALSE(open[1].outcome);
    REQUIRE(open[2].outcome);
    CHECK(open[2].outcome->end == pty::InjectionEnd::typed);
    CHECK(open[2].outcome->reason == "no_proof");
    CHECK(open[2].generation == "g1");
  }
  // Its end is written down: it is not open any more, and its mark is gone.
  auto& last = next_broker();
  (void)still_open();
  REQUIRE(did(last.end({end_of(ended)})));
  CHECK(still_open().size() == 2);
}

TEST_CASE_FIXTURE(
    RecordsFixture,
    "after another start of the machine all that had begun is in doubt, and stays so") {
  next_broker();
  (void)still_open();
  const auto key = accept("begun").key;
  begin({key});
  for (int start = 0; start < 2; ++start) {
    next_broker("boot-2");
    const auto open = still_open();
    REQUIRE(open.size() == 1);
    CHECK(open[0].begun);
  }
}

TEST_CASE_FIXTURE(RecordsFixture, "an end that the journal does not know takes no others with it") {
  auto& records = next_broker();
  (void)still_open();
  const auto key = accept("known").key;
  begin({key});
  REQUIRE(did(records.end({end_of(MessageKey("ada", "never", 0)), end_of(key)})));
  CHECK(still_open().empty());
}

}  // namespace relay::broker
