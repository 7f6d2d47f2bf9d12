#include "engine/hub/mail.hpp"

#include <unordered_map>
#include <utility>

#include "engine/refusal.hpp"
#include "engine/views.hpp"
#include "wire/engine_frames.hpp"

namespace relay::engine {
namespace {

using Payload = std::shared_ptr<const wire::Json>;

/// Reads each message and each channel once.
class PayloadReader {
 public:
  explicit PayloadReader(const Store& store) : store_(store) {}

  /// Null for a message that is not there any more.
  Result<Payload> read(Id message, Id agent) {
    const auto known = same_for_all_.find(message);
    if (known != same_for_all_.end()) return known->second;
    auto text = store_.message(message);
    if (!text) return absent(std::move(text).error());
    auto channel = channel_of(text->channel);
    if (!channel) return absent(std::move(channel).error());
    const bool names_reader = text->thread == 0 && channel->kind == ChannelKind::direct;
    std::string to;
    if (names_reader) {
      auto reader = store_.agent(agent);
      if (!reader) return absent(std::move(reader).error());
      to = std::move(reader->name);
    }
    auto payload = std::make_shared<const wire::Json>(
        wire::encode_payload(deliver_event(*text, *channel, to)));
    if (!names_reader) same_for_all_.emplace(message, payload);
    return payload;
  }

 private:
  /// A refusal: it is gone. Anything else is an error of the disk.
  static Result<Payload> absent(Error error) {
    if (!error.detail.empty()) return Payload();
    return fail(std::move(error));
  }
  Result<Channel> channel_of(Id id) {
    const auto known = channels_.find(id);
    if (known != channels_.end()) return known->second;
    auto channel = store_.channel(id);
    if (channel) channels_.emplace(id, *channel);
    return channel;
  }

  const Store& store_;
  std::unordered_map<Id, Payload> same_for_all_;
  std::unordered_map<Id, Channel> channels_;
};

}  // namespace

Result<std::vector<Mail>> read_mail(const Store& store, const std::vector<MailRoom::Look>& looks,
                                    MailBudget budget) {
  PayloadReader payloads(store);
  std::vector<Mail> all;
  all.reserve(looks.size());
  std::size_t rows = 0;
  std::size_t bytes = 0;
  const auto is_spent = [&] { return rows > 0 && (rows >= budget.rows || bytes >= budget.bytes); };
  for (const auto& look : looks) {
    Mail& mail = all.emplace_back();
    mail.look = look;
    if (is_spent()) continue;
    auto open = store.backlog(look.agent, look.after, MailRoom::kRows);
    if (!open) return fail(std::move(open).error());
    mail.whole = open->size() < MailRoom::kRows;
    for (const auto& row : *open) {
      if (is_spent()) {
        mail.whole = false;
        break;
      }
      auto payload = payloads.read(row.message, row.agent);
      if (!payload) return fail(std::move(payload).error());
      if (*payload == nullptr) continue;
      ++rows;
      bytes += (*payload)->text().size();
      Letter& letter = mail.letters.emplace_back();
      letter.seq = row.seq;
      letter.message = row.message;
      letter.delivery = delivery_id(row);
      letter.steer = row.steer;
      letter.payload = *std::move(payload);
    }
  }
  return all;
}

std::string deliver_frame(const Letter& letter, Id agent, const std::string& agent_name,
                          std::uint64_t number) {
  wire::Deliver frame;
  frame.delivery_id = letter.delivery;
  frame.agent_id = std::to_string(agent);
  frame.agent = agent_name;
  frame.msg_id = std::to_string(letter.message);
  frame.seq = number;
  frame.mode = letter.steer ? wire::InjectionMode::steer : wire::InjectionMode::wait;
  frame.payload = *letter.payload;
  return wire::encode(wire::EngineFrame(std::move(frame)));
}

}  // namespace relay::engine
