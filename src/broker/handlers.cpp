#include "broker/handlers.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/printable.hpp"
#include "wire/node_frames.hpp"

namespace relay::broker {
namespace {

/// `release` is the broker's; "relay:" is what nodes and engines tell each other.
Result<void> check_handler_name(const std::string& name) {
  const bool ours = name == "release" || name.starts_with("relay:");
  if (!ours && !name.empty() && name.size() <= Handlers::kMostNameBytes) return {};
  return fail(Code::invalid_argument,
              fmt::format("'{}' cannot be an action of yours", printable(name.substr(0, 64))),
              fmt::format("1 to {} bytes, not 'release' or 'relay:…'", Handlers::kMostNameBytes));
}

Error too_many_names() {
  return {Code::invalid_argument,
          fmt::format("more than {} actions of one program", Handlers::kMostNames)};
}

std::size_t metadata_bytes(const std::vector<wire::Capability>& capabilities) {
  std::size_t bytes = 0;
  for (const auto& one : capabilities) {
    bytes += one.kind ? one.kind->size() : 0;
    bytes += one.metadata ? one.metadata->text().size() : 0;
  }
  return bytes;
}

}  // namespace

Handlers::Client Handlers::join(Ask ask) {
  programs_[++last_].ask = std::move(ask);
  return last_;
}

void Handlers::leave(Client client) {
  const auto program = programs_.find(client);
  if (program == programs_.end()) return;
  programs_.erase(program);
  std::erase_if(by_name_, [client](const auto& one) { return one.second == client; });
  // First the engine hears that the actions are not here any more, so none comes back at once.
  offer_changed();
  for (auto one = running_.begin(); one != running_.end();) {
    const auto next = std::next(one);
    if (one->second.client == client) end(one, std::string(wire::kHandlerUnavailable));
    one = next;
  }
}

Result<void> Handlers::declare(Client client, std::vector<wire::Capability> capabilities) {
  if (capabilities.size() > kMostNames) return fail(too_many_names());
  for (const auto& capability : capabilities) {
    // Programs that describe a whole node name what the broker does as well.
    if (capability.name == "release") continue;
    auto good = check_handler_name(capability.name);
    if (!good) return good;
  }
  std::size_t metadata = metadata_bytes(capabilities);
  for (const auto& [other, program] : programs_) {
    if (other != client) metadata += metadata_bytes(program.declared);
  }
  if (metadata > kMostMetadata) {
    return fail(Code::too_large,
                fmt::format("all actions of this machine may have {} bytes of metadata and kind",
                            kMostMetadata));
  }
  programs_.at(client).declared = std::move(capabilities);
  offer_changed();
  return {};
}

Result<void> Handlers::serve(Client client, std::vector<std::string> names) {
  if (names.size() > kMostNames) return fail(too_many_names());
  for (const std::string& name : names) {
    auto good = check_handler_name(name);
    if (!good) return good;
  }
  Program& program = programs_.at(client);
  for (const std::string& name : program.names) by_name_.erase(name);
  program.names.clear();
  for (std::string& name : names) {
    const auto before = by_name_.find(name);
    if (before != by_name_.end()) programs_.at(before->second).names.erase(name);
    by_name_[name] = client;
    program.names.insert(std::move(name));
  }
  offer_changed();
  return {};
}

Result<void> Handlers::finish(Client client, const std::string& invocation_id,
                              ActionOutcome outcome) {
  const auto one = running_.find(invocation_id);
  if (one == running_.end() || one->second.client != client) {
    return fail(Code::not_found,
                "there is no action " + printable(invocation_id) + " under way here");
  }
  end(one, std::move(outcome));
  return {};
}

void Handlers::invoke(Monotonic now, std::string invocation_id, const std::string& name,
                      const wire::Json& input) {
  Program& program = programs_.at(by_name_.at(name));
  if (program.running >= kMostUnderWay || !program.ask(invocation_id, name, input)) {
    owner_.on_outcome(std::move(invocation_id), std::string(wire::kHandlerUnavailable));
    return;
  }
  ++program.running;
  running_[std::move(invocation_id)] = {by_name_.at(name), name, now + within_};
  if (owner_.on_deadline) owner_.on_deadline();
}

void Handlers::end(std::map<std::string, Running>::iterator one, ActionOutcome outcome) {
  const auto program = programs_.find(one->second.client);
  if (program != programs_.end()) --program->second.running;
  const std::string id = one->first;
  running_.erase(one);
  owner_.on_outcome(id, std::move(outcome));
}

void Handlers::on_time(Monotonic now) {
  for (auto one = running_.begin(); one != running_.end();) {
    const auto next = std::next(one);
    if (one->second.until <= now) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(within_).count();
      end(one,
          fmt::format("handler_timeout: {} gave no result within {} s", one->second.name, seconds));
    }
    one = next;
  }
}

std::optional<Monotonic> Handlers::next_deadline() const {
  std::optional<Monotonic> first;
  for (const auto& [id, one] : running_) {
    if (!first || one.until < *first) first = one.until;
  }
  return first;
}

std::vector<wire::Capability> Handlers::offered() const {
  std::vector<wire::Capability> out;
  std::set<std::string> named;
  for (const auto& [client, program] : programs_) {
    for (const auto& capability : program.declared) {
      if (named.insert(capability.name).second) out.push_back(capability);
    }
  }
  for (const auto& [name, client] : by_name_) {
    if (!named.insert(name).second) continue;
    wire::Capability capability;
    capability.name = name;
    out.push_back(std::move(capability));
  }
  return out;
}

}  // namespace relay::broker
