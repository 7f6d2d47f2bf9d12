#include "engine/subscribers.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <openssl/hmac.h>

#include "engine/names.hpp"
#include "wire/stream_events.hpp"

namespace relay::engine {
namespace {

const wire::StreamEvent& common_of(const wire::StreamMessageToClient& event) {
  return std::visit([](const auto& each) -> const wire::StreamEvent& { return each; }, event);
}

/// What somebody has said, as far as the event is about that.
std::string said_in(const wire::StreamMessageToClient& event) {
  if (const auto* message = std::get_if<wire::StreamMessage>(&event)) return message->message.text;
  if (const auto* dm = std::get_if<wire::StreamDm>(&event)) return dm->message.text;
  return {};
}

std::string filter_text(const wire::JsonView& filter, std::string_view key) {
  const auto found = filter.find(key);
  return std::string(found ? found->string().value_or("") : "");
}

bool passes(const Store& store, const Subscription& subscription, const StreamNews& news) {
  if (subscription.filter.empty()) return true;
  auto document = wire::JsonDocument::parse(subscription.filter, wire::kInboundLimits);
  if (!document) return false;
  const auto channel = filter_text(document->root(), "channel");
  if (!channel.empty()) {
    auto wanted = store.find_channel(subscription.workspace, std::string(without_hash(channel)));
    if (!wanted || wanted->id != news.channel) return false;
  }
  std::string mention = filter_text(document->root(), "mentions");
  if (mention.starts_with('@')) mention.erase(0, 1);
  if (mention.empty()) return true;
  const auto mentions = mentions_in(said_in(news.event));
  return std::find(mentions.begin(), mentions.end(), mention) != mentions.end();
}

}  // namespace

Result<QueuedOutbound> queue_for_subscribers(Store& store, const Happenings& happened) {
  QueuedOutbound queued;
  if (happened.stream.empty() || happened.workspace == 0) return queued;
  auto subscriptions = store.subscriptions(happened.workspace);
  if (!subscriptions) return fail(std::move(subscriptions).error());
  for (const auto& subscription : *subscriptions) {
    const auto& wanted = subscription.events;
    for (const auto& news : happened.stream) {
      const auto& type = common_of(news.event).type;
      if (std::find(wanted.begin(), wanted.end(), type) == wanted.end()) continue;
      if (!passes(store, subscription, news)) continue;
      auto added = store.add_outbound(subscription.id, wire::encode(news.event));
      if (!added) return fail(std::move(added).error());
      queued.any = true;
      if (*added == OutboxStore::kMostWaiting) queued.full.push_back(subscription.id);
    }
  }
  return queued;
}

std::string full_outbox_note(Id subscription) {
  return "subscription " + std::to_string(subscription) + ": " +
         std::to_string(OutboxStore::kMostWaiting) +
         " events wait for its address; more are dropped until some are taken";
}

bool is_header_of_sender(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames{"host",   "content-length", "connection",
                                                   "expect", "upgrade",        "transfer-encoding"};
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::find(kNames.begin(), kNames.end(), lower) != kNames.end();
}

std::string signature_of(const std::string& secret, const std::string& body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &size);
  std::string text = "sha256=";
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace relay::engine
