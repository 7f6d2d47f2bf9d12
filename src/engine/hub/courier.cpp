#include "engine/hub/courier.hpp"

#include <algorithm>
#include <utility>

#include "engine/events.hpp"
#include "engine/refusal.hpp"
#include "net/timeout.hpp"

namespace relay::engine {
namespace {

constexpr Duration kLongest = std::chrono::hours(1);

const Letter* letter_of(const Mail& mail, std::uint64_t seq) {
  const auto found =
      std::lower_bound(mail.letters.begin(), mail.letters.end(), seq,
                       [](const Letter& letter, std::uint64_t of) { return letter.seq < of; });
  return found != mail.letters.end() && found->seq == seq ? &*found : nullptr;
}

using Reading = std::function<Result<std::vector<Mail>>(const Store&)>;

Reading reading_of(std::vector<MailRoom::Look> looks) {
  return [looks = std::move(looks)](const Store& store) {
    return read_mail(store, looks, MailBudget());
  };
}

using Writing = std::function<Result<Outcome>(Store&)>;

Writing writing_of(std::shared_ptr<const MailBook> book, bool watched) {
  return with_subscribers([book = std::move(book), watched](Store& store) {
    return write_book(store, *book, watched);
  });
}

}  // namespace

void MailBook::note_ack(Id agent, const Ack& ack) {
  Ack& known = acks[agent];
  const auto up_to = known.node == ack.node ? std::max(known.up_to, ack.up_to) : ack.up_to;
  const bool was_doubted = known.was_doubted || ack.was_doubted;
  known = ack;
  known.up_to = up_to;
  known.was_doubted = was_doubted;
}

namespace {

/// The agent has answered through its node, which is there.
Result<void> wake(Store& store, Id agent, const MailBook::Ack& ack, Outcome& outcome) {
  auto known = store.agent(agent);
  if (!known) return fail(std::move(known).error());
  auto node = store.node(ack.node);
  if (!node) return fail(std::move(node).error());
  if (known->node != ack.node || !node->online) return {};
  auto woken = store.touch_agent(agent);
  if (!woken) return fail(std::move(woken).error());
  if (!*woken) return {};
  known->status = AgentStatus::active;
  Happenings& happenings = outcome.happenings.emplace_back();
  happenings.workspace = ack.workspace;
  tell_status(*known, happenings);
  return {};
}

}  // namespace

/// Whether anybody is told of what arrives there.
Result<bool> is_heard(const Store& store, Id workspace, bool watched) {
  if (watched) return true;
  auto log = store.event_log(workspace);
  if (!log) return fail(std::move(log).error());
  if (*log) return true;
  auto subscriptions = store.subscriptions(workspace);
  if (!subscriptions) return fail(std::move(subscriptions).error());
  return std::any_of(subscriptions->begin(), subscriptions->end(), [](const auto& each) {
    return std::find(each.events.begin(), each.events.end(), "delivery.delivered") !=
           each.events.end();
  });
}

Result<Outcome> write_book(Store& store, const MailBook& book, bool watched) {
  Outcome outcome;
  outcome.at = store.now();
  std::map<Id, bool> heard;
  for (const auto& [agent, seqs] : book.sent) {
    auto marked = store.mark_sent(agent, seqs);
    if (!marked) return fail(std::move(marked).error());
  }
  for (const auto& [agent, ack] : book.acks) {
    auto acked = store.ack_up_to(agent, ack.node, ack.up_to);
    // Who is not there any more has no mailbox.
    if (!acked && refusal_of(acked.error()) == Refusal::agent_not_found) continue;
    if (!acked) return fail(std::move(acked).error());
    if (ack.was_doubted) {
      auto woken = wake(store, agent, ack, outcome);
      if (!woken) return fail(std::move(woken).error());
    }
    if (acked->settled.empty()) continue;
    auto [known, is_new] = heard.try_emplace(ack.workspace);
    if (is_new) {
      auto asked = is_heard(store, ack.workspace, watched);
      if (!asked) return fail(std::move(asked).error());
      known->second = *asked;
    }
    if (!known->second) continue;
    Happenings& happenings = outcome.happenings.emplace_back();
    happenings.workspace = ack.workspace;
    tell_acked(acked->settled, happenings);
  }
  return outcome;
}

void Courier::acknowledge(const NodeLink& link, const std::string& agent, std::uint64_t up_to) {
  const auto ack = parts_.room.acked(link.caller.node, agent, up_to, parts_.clock.now());
  parts_.mail.notify();
  if (!ack) return;
  MailBook::Ack entry;
  entry.node = link.caller.node;
  entry.workspace = link.workspace;
  entry.up_to = ack->up_to;
  entry.was_doubted = ack->was_doubted;
  book_.note_ack(ack->agent, entry);
  booking_.notify();
}

asio::awaitable<void> Courier::deliver() {
  for (;;) {
    let_read_on();
    auto looks = parts_.room.due(parts_.clock.now(), kMailboxesAtOnce);
    if (looks.empty()) {
      const auto at_most = time_to_wait();
      co_await parts_.mail.wait(at_most);
      continue;
    }
    auto read = parts_.store.read<std::vector<Mail>>(reading_of(looks));
    const auto mail = co_await std::move(read);
    if (mail) {
      for (const auto& each : *mail) send(each);
      booking_.notify();
      continue;
    }
    parts_.note("mailboxes cannot be read", mail.error());
    for (const auto& look : looks) parts_.room.news(look.agent);
    co_await net::pause(kAfterFailure);
  }
}

void Courier::let_read_on() {
  const std::vector<Id> resting(parts_.room.resting().begin(), parts_.room.resting().end());
  for (const Id node : resting) {
    const auto link = parts_.links.find(node);
    if (!link || link->socket.queued() <= parts_.settings.node_queue / 2) {
      parts_.room.reads_on(node);
    }
  }
}

Duration Courier::time_to_wait() const {
  auto wait = kLongest;
  if (!parts_.room.resting().empty()) wait = kLookAtResting;
  const auto next = parts_.room.next();
  if (next) wait = std::min<Duration>(wait, *next - parts_.clock.now());
  return std::max(wait, Duration(0));
}

void Courier::send(const Mail& mail) {
  std::vector<std::uint64_t> seqs;
  seqs.reserve(mail.letters.size());
  for (const auto& letter : mail.letters) seqs.push_back(letter.seq);
  auto frames = parts_.room.take(mail.look, seqs, mail.whole, parts_.clock.now());
  if (frames.empty()) return;
  const auto place = *parts_.room.find(mail.look.agent);
  const auto link = parts_.links.find(place.node);
  bool rests = false;
  std::size_t done = 0;
  for (; done < frames.size(); ++done) {
    const auto& frame = frames[done];
    const Letter* letter = letter_of(mail, frame.seq);
    // The time for it has come while the rows were read: they are read again.
    if (letter == nullptr) break;
    rests = !link || link->socket.queued() > parts_.settings.node_queue;
    if (rests) break;
    const auto text = deliver_frame(*letter, mail.look.agent, place.agent_name, frame.number);
    rests = !link->socket.try_send(text).has_value();
    if (rests) break;
    if (frame.question) continue;
    ++parts_.counts.deliveries;
    book_.sent[mail.look.agent].push_back(frame.seq);
  }
  frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(done));
  parts_.room.not_sent(mail.look.agent, frames, rests);
}

asio::awaitable<void> Courier::keep_book() {
  for (;;) {
    if (book_.empty()) {
      co_await booking_.wait(kLongest);
      continue;
    }
    const bool written = co_await write_once();
    if (!written) co_await net::pause(kAfterFailure);
  }
}

void Courier::pass_on(Outcome& written) {
  // Their rows are settled in the outboxes already.
  for (auto& happenings : written.happenings) happenings.settled.clear();
  apply_(std::move(written));
}

asio::awaitable<bool> Courier::write_once() {
  const auto book = std::make_shared<const MailBook>(std::exchange(book_, MailBook()));
  std::function<void(Outcome&)> late = [this](Outcome& done) { pass_on(done); };
  auto write = parts_.store.write<Outcome>(writing_of(book, parts_.watched), std::move(late));
  auto written = co_await std::move(write);
  if (written) {
    pass_on(*written);
    co_return true;
  }
  parts_.note("acknowledgements cannot be written", written.error());
  // What was sent is only said to people; what has arrived must not come again.
  for (const auto& [agent, ack] : book->acks) {
    if (!book_.acks.contains(agent)) book_.note_ack(agent, ack);
  }
  co_return false;
}

asio::awaitable<void> Courier::close_book() {
  if (book_.empty()) co_return;
  (void)co_await write_once();
}

}  // namespace relay::engine
