#include "cli/serve_engine.hpp"

#include "cli/listen_address.hpp"
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <utility>

#include "os/paths.hpp"

namespace relay::cli {
namespace {

constexpr std::string_view kSqlite = "sqlite:";

Result<os::Path> own_engine_directory(const ServeOptions& options) {
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

}  // namespace

Result<engine::EngineHome> own_engine_home(const ServeOptions& options, os::Files& files) {
  if (options.store.empty()) {
    const auto directory = own_engine_directory(options);
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
                                   const std::optional<engine::EngineAddress>& own) {
  if (options.role == "engine") return EngineChoice::own;
  if (options.relay == "off") return EngineChoice::none;
  if (options.peer || options.role == "node") return EngineChoice::named;
  const auto engine = setup.engine(options.engine);
  if (!engine) return fail(engine.error());
  if (!engine->empty()) {
    return own && own->is_or_was(*engine) ? EngineChoice::own : EngineChoice::named;
  }
  if (options.own_engine) return EngineChoice::own;
  // Who gives a key or a token belongs to some engine, so one without an address is a mistake.
  const auto id = setup.node_id(options.node_id);
  if (!id) return fail(id.error());
  const auto token = setup.node_token(options.node_token);
  if (!token) return fail(token.error());
  const auto key = setup.workspace_key(options.engine, "");
  if (!key) return fail(key.error());
  if (*id || *token || *key) return EngineChoice::named;
  const auto enrolled = setup.entries("", "");
  if (!enrolled) return EngineChoice::own;
  const bool elsewhere = std::any_of(enrolled->begin(), enrolled->end(), [&own](const auto& one) {
    return !own || !own->is_or_was(one.file->engine);
  });
  return elsewhere ? EngineChoice::named : EngineChoice::own;
}

Result<OwnEngineSettings> own_engine_settings(const ServeOptions& options) {
  OwnEngineSettings out;
  out.version = RELAY_BROKER_VERSION;
  if (!options.engine_listen.empty()) {
    auto listen = parse_listen_address(options.engine_listen, "--engine-listen");
    if (!listen) return fail(std::move(listen).error());
    out.address = std::move(listen->address);
    out.port = listen->port;
  }
  return out;
}

}  // namespace relay::cli
