#include "token_cache/resolver.hpp"

#include <fmt/format.h>
#include <utility>

#include "net/timeout.hpp"
#include "token_cache/node_identity.hpp"

namespace relay::token_cache {
namespace {

using namespace std::chrono_literals;

/// Another process holds the lock for its questions to the engine, each of which has a deadline of
/// 30 s; how often we look whether it has finished.
constexpr Duration kLockMost = 90s;
constexpr Duration kLockEvery = 50ms;

constexpr std::string_view kLost =
    "an earlier enrolment was cut off: the engine may have minted a token that was never saved";

/// Whether a failure says nothing about us: the engine is away or busy, and a cached token may
/// still be good.
bool passes(Code code) {
  switch (code) {
    case Code::engine_unreachable:
    case Code::connection_closed:
    case Code::engine_error:
    case Code::protocol_error:
    case Code::rate_limited:
    case Code::timeout: return true;
    default: return false;
  }
}

NodeCredentials credentials_of(CacheEntry entry, std::string_view engine) {
  NodeCredentials out;
  out.node_id = std::move(entry.file->node_id);
  out.node_name = std::move(entry.file->node_name);
  out.workspace_id = std::move(entry.file->workspace_id);
  out.engine = engine.empty() ? std::move(entry.file->engine) : std::string(engine);
  out.token = std::move(entry.file->token);
  out.source = TokenSource::cache;
  out.token_path = std::move(entry.path);
  return out;
}

Error not_enrolled(const os::Path& directory) {
  return {Code::not_enrolled, fmt::format("{} is not enrolled with an engine", directory.native()),
          "relay-broker enroll --engine URL --workspace-key @FILE"};
}

}  // namespace

/// One node, as far as it is known before its lock is taken.
struct Resolver::Wanted {
  Wanted() = default;

  ResolveRequest request;
  std::string node_id;
  std::string workspace_id;
  /// An id that was given, not derived.
  bool pinned = false;
  /// agent-relay-broker makes the same id.
  bool shared = false;
  /// The id that an old agent-relay-broker uses here; may be empty.
  std::string peer_id;
};

Resolver::Resolver(os::Files& files, CachePlaces places, Random& random, EngineAccess& engine,
                   std::string version)
    : files_(files),
      places_(places),
      random_(random),
      engine_(engine),
      version_(std::move(version)),
      store_(files, std::move(places)) {}

asio::awaitable<Result<NodeCredentials>> Resolver::resolve(ResolveRequest request) {
  if (request.node_token) co_return given(request);
  if (!request.workspace_key) co_return co_await enrolled(std::move(request));
  if (request.engine.empty()) {
    co_return fail(Code::invalid_argument, "no engine is given", "name it with --engine URL");
  }
  co_return co_await keyed(std::move(request));
}

Result<NodeCredentials> Resolver::given(const ResolveRequest& request) {
  NodeCredentials out;
  if (request.node_id) {
    out.node_id = *request.node_id;
  } else {
    auto pinned = pinned_seed(files_, places_);
    if (!pinned) return fail(std::move(pinned).error());
    if (!*pinned) {
      return fail(Code::invalid_argument, "there is a node token, but nothing says for which node",
                  "set RELAY_NODE_ID to the id that came with the token");
    }
    out.node_id = **std::move(pinned);
  }
  out.node_name = request.node_name;
  out.engine = request.engine;
  out.token = *request.node_token;
  out.source = TokenSource::environment;
  return out;
}

asio::awaitable<Result<NodeCredentials>> Resolver::enrolled(ResolveRequest request) {
  auto entries = store_.list();
  if (!entries) co_return fail(std::move(entries).error());
  const auto seed = find_machine_seed(files_, places_);
  if (!seed) co_return fail(seed.error());
  auto here = of_directory(*entries, *seed, request.directory, request.engine);
  if (request.node_id) {
    std::erase_if(here,
                  [&](const CacheEntry& entry) { return entry.file->node_id != *request.node_id; });
  }
  if (here.empty()) co_return fail(not_enrolled(request.directory));
  if (here.size() > 1) {
    std::string known;
    for (const CacheEntry& entry : here) {
      known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", entry.file->engine,
                           entry.file->node_id);
    }
    co_return fail(
        Code::invalid_argument,
        fmt::format("{} is enrolled several times: {}", request.directory.native(), known),
        "say which with --engine, or with the workspace key");
  }
  const TokenFile& file = *here.front().file;
  Wanted wanted;
  wanted.node_id = file.node_id;
  wanted.workspace_id = file.workspace_id;
  wanted.pinned = true;
  wanted.shared = here.front().of_peer;
  if (request.engine.empty()) request.engine = file.engine;
  wanted.request = std::move(request);
  co_return co_await settle(std::move(wanted));
}

asio::awaitable<Result<NodeCredentials>> Resolver::keyed(ResolveRequest request) {
  auto workspace = co_await engine_.workspace(request.engine, *request.workspace_key);
  if (!workspace) {
    if (request.verify || request.rotate || !passes(workspace.error().code)) {
      co_return fail(std::move(workspace).error());
    }
    // The engine is away. What is cached for this directory is most likely still good.
    request.workspace_key.reset();
    auto cached = co_await enrolled(std::move(request));
    if (!cached) co_return fail(std::move(workspace).error());
    cached->notices.push_back("the cached token is used unchecked: " + workspace.error().message);
    co_return cached;
  }
  Wanted wanted;
  wanted.workspace_id = workspace->id;
  if (request.node_id) {
    wanted.node_id = *request.node_id;
    wanted.pinned = true;
  } else {
    const auto seed = machine_seed(files_, places_, random_);
    if (!seed) co_return fail(seed.error());
    wanted.node_id = derived_node_id(seed->text, request.directory, workspace->id);
    wanted.shared = seed->of_peer;
    if (seed->of_peer) wanted.peer_id = peer_node_id(seed->text, request.directory);
  }
  wanted.request = std::move(request);
  co_return co_await settle(std::move(wanted));
}

asio::awaitable<Result<std::unique_ptr<os::FileLock>>> Resolver::lock(std::string node_id) {
  for (Duration waited{}; waited < kLockMost; waited += kLockEvery) {
    auto held = store_.lock(node_id);
    if (held || held.error().code != Code::already_running) co_return held;
    co_await net::pause(kLockEvery);
  }
  co_return store_.lock(node_id);
}

asio::awaitable<Result<NodeCredentials>> Resolver::settle(Wanted wanted) {
  auto held = co_await lock(wanted.node_id);
  if (!held) co_return fail(std::move(held).error());
  co_return co_await settle_locked(std::move(wanted));
}

Result<std::optional<CacheEntry>> Resolver::cached(const Wanted& wanted) {
  auto found = store_.find(wanted.node_id);
  if (!found) return found;
  if (*found) {
    const TokenFile& file = *(*found)->file;
    const bool any_workspace = wanted.pinned && file.workspace_id.empty();
    if (fits(file, wanted.node_id, any_workspace ? "" : wanted.workspace_id,
             wanted.request.engine)) {
      return found;
    }
  }
  if (wanted.peer_id.empty()) return std::optional<CacheEntry>();
  found = store_.find(wanted.peer_id);
  if (!found) return found;
  if (*found && !wanted.workspace_id.empty() &&
      fits(*(*found)->file, wanted.peer_id, wanted.workspace_id, wanted.request.engine)) {
    return found;
  }
  return std::optional<CacheEntry>();
}

asio::awaitable<Result<NodeCredentials>> Resolver::settle_locked(Wanted wanted) {
  const auto pending = store_.mint_pending(wanted.node_id);
  if (!pending) co_return fail(pending.error());
  auto entry = cached(wanted);
  if (!entry) co_return fail(std::move(entry).error());
  std::vector<std::string> notices;
  if (*pending) notices.emplace_back(kLost);

  if (*entry && !wanted.request.rotate) {
    auto tightened = store_.tighten(**entry);
    if (!tightened) co_return fail(std::move(tightened).error());
    auto known = credentials_of(**std::move(entry), wanted.request.engine);
    if (known.workspace_id.empty()) known.workspace_id = wanted.workspace_id;
    if (!wanted.request.verify && !*pending) co_return known;

    const auto taken = co_await engine_.verify(known.engine, known.token);
    if (!taken) {
      if (wanted.request.verify || !passes(taken.error().code)) co_return fail(taken.error());
      notices.push_back("the cached token is used unchecked: " + taken.error().message);
      known.notices = std::move(notices);
      co_return known;
    }
    if (*taken) {
      auto ended = store_.end_mint(wanted.node_id);
      if (!ended) co_return fail(std::move(ended).error());
      co_return known;
    }
    if (!wanted.request.workspace_key) {
      co_return fail(Code::token_rejected,
                     fmt::format("{} refuses the token of node {}", known.engine, known.node_id),
                     "relay-broker enroll --workspace-key @FILE gets a new one");
    }
    notices.push_back("the engine refused the cached token");
  }
  if (!wanted.request.workspace_key) {
    if (!wanted.request.rotate) co_return fail(not_enrolled(wanted.request.directory));
    co_return fail(Code::invalid_argument, "a new token needs the workspace key",
                   "give it with --workspace-key @FILE");
  }
  co_return co_await mint(std::move(wanted), std::move(notices));
}

asio::awaitable<Result<NodeCredentials>> Resolver::mint(Wanted wanted,
                                                        std::vector<std::string> notices) {
  const std::string engine = wanted.request.engine;
  const Secret key = *wanted.request.workspace_key;
  const std::string name = wanted.request.node_name;
  const auto holder = co_await engine_.node_named(engine, key, name);
  if (!holder) co_return fail(holder.error());
  if (*holder && **holder != wanted.node_id) {
    co_return fail(Code::name_conflict,
                   fmt::format("the name {} belongs to another node, {}", name, **holder),
                   "choose another with --name");
  }
  auto noted = store_.begin_mint(wanted.node_id, engine);
  if (!noted) co_return fail(std::move(noted).error());

  MintRequest request;
  request.node_id = wanted.node_id;
  request.node_name = name;
  request.version = version_;
  auto answer = co_await engine_.mint(engine, key, std::move(request));
  if (answer.result) co_return keep(wanted, *std::move(answer.result), std::move(notices));

  Error error = std::move(answer.result).error();
  if (answer.may_have_minted) {
    error.message +=
        "; a token may have been minted that did not arrive, and then an older one of "
        "this node no longer works";
    error.hint = "relay-broker enroll again: it asks the engine about the old token first";
  } else if (auto ended = store_.end_mint(wanted.node_id); !ended) {
    co_return fail(std::move(ended).error());
  }
  co_return fail(std::move(error));
}

Result<NodeCredentials> Resolver::keep(const Wanted& wanted, MintedNode minted,
                                       std::vector<std::string> notices) {
  if (minted.node_id != wanted.node_id) {
    auto ended = store_.end_mint(wanted.node_id);
    if (!ended) return fail(std::move(ended).error());
    return fail(Code::name_conflict,
                fmt::format("the engine took {} for its node {}, whose token it has replaced",
                            wanted.request.node_name, minted.node_id),
                "choose another --name, and enroll that node again");
  }
  TokenFile file;
  file.node_id = minted.node_id;
  file.workspace_id = wanted.workspace_id;
  file.engine = wanted.request.engine;
  file.token = minted.token;
  file.node_name = minted.node_name;
  file.directory = wanted.request.directory.native();
  file.engine_database = wanted.request.engine_database;
  auto path = store_.save(file, wanted.shared);
  if (!path) {
    Error error = std::move(path).error().within(
        fmt::format("the engine minted a new token for node {}, which is lost", file.node_id));
    error.message += "; an older one no longer works";
    return fail(std::move(error));
  }
  auto ended = store_.end_mint(wanted.node_id);
  if (!ended) return fail(std::move(ended).error());

  NodeCredentials out;
  out.node_id = std::move(minted.node_id);
  out.node_name = std::move(minted.node_name);
  out.workspace_id = wanted.workspace_id;
  out.engine = wanted.request.engine;
  out.token = std::move(minted.token);
  out.source = TokenSource::mint;
  out.token_path = *std::move(path);
  out.notices = std::move(notices);
  return out;
}

Result<void> Resolver::discard(std::string_view node_id, const Secret& rejected) {
  auto found = store_.find(node_id);
  if (!found) return fail(std::move(found).error());
  if (!*found || !((*found)->file->token == rejected)) return {};
  auto gone = store_.remove(node_id);
  if (!gone) return fail(std::move(gone).error());
  return {};
}

}  // namespace relay::token_cache
