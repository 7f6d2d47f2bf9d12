#include "cli/engine_choice.hpp"

#include "cli/listen_address.hpp"
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <utility>

#include "os/paths.hpp"

namespace relay::cli {
namespace {

constexpr std::string_view kSqlite = "sqlite:";

Result<os::Path> engine_directory(const ServeOptions& options) {
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  if (options.own_engine) {
    const auto instance = serve_instance(options, *around);
    if (!instance) return fail(instance.error());
    return instance->state / "engine";
  }
  const auto paths = os::user_paths(*around);
  if (!paths) return fail(paths.error());
  return paths->state / "engine";
}

/// A number above 0 from the environment; nothing when it is not set.
Result<std::optional<std::uint32_t>> number_said(const char* name) {
  const auto text = os::Environment::of_process().get(name);
  if (!text || text->empty()) return std::optional<std::uint32_t>();
  std::uint32_t number = 0;
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, number);
  if (read.ec != std::errc() || read.ptr != end || number == 0) {
    return fail(Code::invalid_argument,
                fmt::format("{} is a number above 0, not '{}'", name, *text));
  }
  return std::optional(number);
}

Result<engine::DeliveryStore::Limits> limits_said() {
  engine::DeliveryStore::Limits limits;
  const auto ttl = number_said("RELAYCAST_MAILBOX_TTL_MS");
  if (!ttl) return fail(ttl.error());
  if (*ttl) limits.ttl = std::chrono::milliseconds(**ttl);
  const auto depth = number_said("RELAYCAST_MAILBOX_DEPTH_CAP");
  if (!depth) return fail(depth.error());
  if (*depth) limits.depth = **depth;
  const auto days = number_said("RELAYCAST_MESSAGE_TTL_DAYS");
  if (!days) return fail(days.error());
  if (*days) limits.messages_kept = std::chrono::hours(24) * std::int64_t{**days};
  return limits;
}

}  // namespace

Result<engine::EngineHome> engine_home_of(const ServeOptions& options, os::Files& files) {
  if (options.store.empty()) {
    const auto directory = engine_directory(options);
    if (!directory) return fail(directory.error());
    return engine::EngineHome(*directory, files);
  }
  if (!options.store.starts_with(kSqlite) || options.store.size() == kSqlite.size()) {
    return fail(Code::invalid_argument,
                fmt::format("--store is sqlite:PATH, not '{}'", options.store),
                "--store sqlite:/var/lib/relay-broker/engine.db");
  }
  const auto path = std::filesystem::absolute(options.store.substr(kSqlite.size()));
  return engine::EngineHome::of_database(path.lexically_normal(), files);
}

Result<EngineChoice> choose_engine(const ServeOptions& options, NodeSetup& setup,
                                   const std::optional<engine::EngineAddress>& embedded) {
  if (options.role == "engine") return EngineChoice::embedded;
  if (options.relay == "off") return EngineChoice::none;
  if (options.peer || options.role == "node") return EngineChoice::named;
  const auto engine = setup.engine(options.engine);
  if (!engine) return fail(engine.error());
  if (!engine->empty()) {
    return embedded && embedded->is_or_was(*engine) ? EngineChoice::embedded : EngineChoice::named;
  }
  if (options.own_engine) return EngineChoice::embedded;
  // Who gives a key or a token belongs to some engine, so one without an address is a mistake.
  const auto id = setup.node_id(options.node_id);
  if (!id) return fail(id.error());
  const auto token = setup.node_token(options.node_token);
  if (!token) return fail(token.error());
  const auto key = setup.workspace_key(options.engine, "");
  if (!key) return fail(key.error());
  if (*id || *token || *key) return EngineChoice::named;
  const auto enrolled = setup.entries("", "");
  if (!enrolled) return EngineChoice::embedded;
  const bool elsewhere = std::any_of(
      enrolled->begin(), enrolled->end(),
      [&embedded](const auto& one) { return !embedded || !embedded->is_or_was(one.file->engine); });
  return elsewhere ? EngineChoice::named : EngineChoice::embedded;
}

Result<SharedEngineSettings> shared_engine_settings(const ServeOptions& options) {
  SharedEngineSettings out;
  out.version = RELAY_BROKER_VERSION;
  if (!options.engine_listen.empty()) {
    auto listen = parse_listen_address(options.engine_listen, "--engine-listen");
    if (!listen) return fail(std::move(listen).error());
    out.address = std::move(listen->address);
    out.port = listen->port;
  }
  auto limits = limits_said();
  if (!limits) return fail(std::move(limits).error());
  out.limits = *limits;
  return out;
}

}  // namespace relay::cli
