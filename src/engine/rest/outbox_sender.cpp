#include "engine/rest/outbox_sender.hpp"

#include <utility>
#include <vector>

#include "engine/subscribers.hpp"
#include "net/event.hpp"
#include "net/http_client.hpp"
#include "net/task_group.hpp"

namespace relay::engine {
namespace {

using OutboundList = std::vector<Outbound>;

/// Headers of its own win.
void add_own_headers(const std::string& json, net::Headers& headers) {
  auto document = wire::JsonDocument::parse(json, wire::kInboundLimits);
  if (json.empty() || !document) return;
  const auto members = document->root().members();
  for (const auto& member : members) {
    if (is_header_of_sender(member.key)) continue;
    headers.set(std::string(member.key), std::string(member.value.string().value_or("")));
  }
}

net::HttpCall call_for(const Outbound& outbound) {
  net::HttpCall call("POST", outbound.url);
  call.body = outbound.body;
  // An address that was allowed says nothing about where it points to.
  call.follow_redirects = false;
  call.deadline = OutboxSender::kAnswerTime;
  call.connect_time = OutboxSender::kAnswerTime;
  call.reply_most = std::size_t{64} << 10U;
  call.headers.add("Content-Type", "application/json");
  if (outbound.secret) {
    call.headers.add("X-Relay-Signature", signature_of(*outbound.secret, outbound.body));
  }
  add_own_headers(outbound.headers, call.headers);
  return call;
}

std::function<Result<OutboundList>(Store&)> taking(std::size_t most, OutboxStore::UnderWay of_each,
                                                   Id last) {
  return [most, of_each = std::move(of_each), last](Store& store) {
    return store.take_outbound(static_cast<std::uint32_t>(most), of_each, last);
  };
}

std::function<Result<OutboundList>(Store&)> forgetting(Id id) {
  return [id](Store& store) -> Result<OutboundList> {
    auto sent = store.outbound_sent(id);
    if (!sent) return fail(std::move(sent).error());
    return OutboundList();
  };
}

}  // namespace

struct OutboxSender::Impl {
  Impl(asio::any_io_executor executor, StoreThread& store_in, Random& random)
      : store(store_in),
        client(executor, net::HttpClientOptions(), random),
        changed(executor),
        group(executor) {}

  asio::awaitable<void> send(std::shared_ptr<Outbound> outbound) {
    auto call = call_for(*outbound);
    const auto reply = co_await client.call(std::move(call));
    if (reply && reply->ok()) {
      auto work = forgetting(outbound->id);
      const auto forgotten = co_await store.write<OutboundList>(std::move(work));
      (void)forgotten;  // at worst it is sent twice
    }
    --under_way;
    const auto mine = of_each.find(outbound->subscription);
    if (--mine->second == 0) of_each.erase(mine);
    changed.notify();
  }

  asio::awaitable<void> run() {
    while (true) {
      const std::size_t room = kMostUnderWay - under_way;
      std::size_t taken = 0;
      woken = false;
      if (room > 0) {
        auto work = taking(room, of_each, last);
        auto due = co_await store.write<OutboundList>(std::move(work));
        if (due) {
          for (auto& each : *due) {
            ++under_way;
            ++of_each[each.subscription];
            last = each.subscription;
            ++taken;
            auto outbound = std::make_shared<Outbound>(std::move(each));
            group.spawn(send(std::move(outbound)));
          }
        }
      }
      const bool again = woken || (taken > 0 && under_way < kMostUnderWay);
      if (!again) (void)co_await changed.wait(kLookEvery);
    }
  }

  StoreThread& store;
  net::HttpClient client;
  net::Event changed;
  net::TaskGroup group;
  std::size_t under_way = 0;
  OutboxStore::UnderWay of_each;
  Id last = 0;
  bool woken = false;
};

OutboxSender::OutboxSender(asio::any_io_executor executor, StoreThread& store, Random& random)
    : impl_(std::make_unique<Impl>(std::move(executor), store, random)) {}

OutboxSender::~OutboxSender() = default;

void OutboxSender::start() {
  impl_->group.spawn(impl_->run());
}

void OutboxSender::wake() {
  impl_->woken = true;
  impl_->changed.notify();
}

asio::awaitable<void> OutboxSender::stop() {
  impl_->group.cancel();
  co_await impl_->group.join();
}

}  // namespace relay::engine
