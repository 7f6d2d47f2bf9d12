#include "cli/engine_choice.hpp"

#include "cli/listen_address.hpp"
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <utility>

#include "os/paths.hpp"
#include "token_cache/token_file.hpp"

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

/// The engines of this program that a token can be of.
class OurEngines {
 public:
  static Result<OurEngines> of(const ServeOptions& options, os::Files& files) {
    ServeOptions plain = options;
    plain.store.clear();
    plain.own_engine = false;
    OurEngines out;
    auto read = read_home(plain, files, out.database_, out.shared_);
    plain.own_engine = true;
    os::Path ignored;
    if (read) read = read_home(plain, files, ignored, out.own_);
    if (!read) return fail(std::move(read).error());
    return out;
  }
  [[nodiscard]] bool is_shared(std::string_view url) const {
    return shared_ && shared_->is_or_was(url);
  }
  [[nodiscard]] EnrolledEngine of_token(const token_cache::TokenFile& token) const {
    EnrolledEngine out;
    out.url = token.engine;
    out.node_id = token.node_id;
    const std::string& database = token.engine_database;
    if (database.empty() ? is_shared(token.engine) : database == database_.native()) {
      out.whose = EnrolledEngine::Whose::shared;
      // It may have moved since.
      if (shared_) out.url = shared_->url;
    } else if (!database.empty() || (own_ && own_->is_or_was(token.engine))) {
      out.whose = EnrolledEngine::Whose::own;
    }
    return out;
  }

 private:
  static Result<void> read_home(const ServeOptions& options, os::Files& files, os::Path& database,
                                std::optional<engine::EngineAddress>& address) {
    const auto home = engine_home_of(options, files);
    if (!home) return fail(home.error());
    database = home->database();
    auto known = home->address();
    if (!known) return fail(std::move(known).error());
    address = *std::move(known);
    return {};
  }

  os::Path database_;
  std::optional<engine::EngineAddress> shared_;
  std::optional<engine::EngineAddress> own_;
};

/// What a directory is enrolled with, as far as it counts.
class Enrolments {
 public:
  explicit Enrolments(const EngineQuestion& question) {
    for (const EnrolledEngine& one : question.enrolled) {
      if (one.whose == EnrolledEngine::Whose::shared) {
        shared = one.url;
      } else if (counts(question, one) &&
                 std::find(strangers.begin(), strangers.end(), one.url) == strangers.end()) {
        strangers.push_back(one.url);
      }
    }
  }
  /// Whoever names a node means its engine.
  static bool counts(const EngineQuestion& question, const EnrolledEngine& one) {
    return one.whose != EnrolledEngine::Whose::own || question.node_named;
  }

  /// Each address once.
  std::vector<std::string> strangers;
  std::optional<std::string> shared;
};

EngineAnswer embedded_engine() {
  EngineAnswer out;
  out.choice = EngineChoice::embedded;
  return out;
}

EngineAnswer engine_at(std::string url) {
  EngineAnswer out;
  out.choice = EngineChoice::named;
  out.url = std::move(url);
  return out;
}

Error several(const EngineQuestion& question, bool shared_counts) {
  std::string known;
  for (const EnrolledEngine& one : question.enrolled) {
    const bool shared = one.whose == EnrolledEngine::Whose::shared;
    if (!Enrolments::counts(question, one) || (shared && !shared_counts)) continue;
    known += fmt::format("{}{}{} ({})", known.empty() ? "" : ", ",
                         shared ? "the one of this user, " : "",
                         one.url.empty() ? "one without an address" : one.url, one.node_id);
  }
  return {Code::invalid_argument, "this directory is enrolled with several engines: " + known,
          "serve --engine URL says which; relay-broker token clear --engine URL forgets one"};
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

Result<EngineAnswer> decide_engine(const EngineQuestion& question) {
  if (question.role == "engine") return embedded_engine();
  if (question.relay_off) return EngineAnswer();
  if (question.own) return embedded_engine();
  const bool node = question.role == "node";
  if (!question.named.empty()) {
    const bool runs_it = question.named_is_shared && !question.peer && !node;
    return runs_it ? embedded_engine() : engine_at(question.named);
  }
  const Enrolments known(question);
  if (question.peer) {
    return engine_at(known.strangers.size() == 1 ? known.strangers.front() : "");
  }
  // A key or a token came with the name of an engine; nobody names the shared one.
  const bool shared = known.shared && (!question.secret_given || known.strangers.empty());
  if (known.strangers.size() + (shared ? 1 : 0) > 1) return fail(several(question, shared));
  const bool joins = node || question.secret_given;
  std::string url;
  if (!known.strangers.empty()) {
    url = known.strangers.front();
  } else if (!joins && (shared || !question.node_named)) {
    return embedded_engine();
  } else if (shared) {
    url = *known.shared;
  }
  if (!url.empty()) return engine_at(std::move(url));
  return fail(Code::not_enrolled, "no engine is given, and this directory is not enrolled",
              "relay-broker enroll --engine URL --workspace-key @FILE, or serve --relay off for "
              "agents of this machine only");
}

Result<EngineAnswer> choose_engine(const ServeOptions& options, NodeSetup& setup,
                                   os::Files& files) {
  EngineQuestion question;
  question.role = options.role;
  question.relay_off = options.relay == "off";
  question.peer = options.peer;
  question.own = options.asks_for_own_engine();
  // Nothing on disk is to say no to what needs nothing of it.
  if (question.role == "engine" || question.relay_off || question.own) {
    return decide_engine(question);
  }
  auto named = setup.engine(options.engine);
  if (!named) return fail(std::move(named).error());
  question.named = *std::move(named);
  const auto ours = OurEngines::of(options, files);
  if (!ours) return fail(ours.error());
  question.named_is_shared = ours->is_shared(question.named);
  const auto id = setup.node_id(options.node_id);
  if (!id) return fail(id.error());
  question.node_named = id->has_value();
  const auto token = setup.node_token(options.node_token);
  if (!token) return fail(token.error());
  const auto key = setup.workspace_key(options.engine, "");
  if (!key) return fail(key.error());
  question.secret_given = *token || *key || !options.key_in_hand.empty();
  const auto enrolled = setup.entries(id->value_or(""), "");
  if (enrolled) {
    for (const auto& entry : *enrolled) question.enrolled.push_back(ours->of_token(*entry.file));
  }
  return decide_engine(question);
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
