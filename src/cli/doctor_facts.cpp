#include "cli/doctor_facts.hpp"

#include "cli/config.hpp"
#include "cli/engine_place.hpp"
#include "cli/held_locks.hpp"
#include "cli/serve_note.hpp"
#include <algorithm>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <map>
#include <set>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/instance.hpp"
#include "broker/journal_check.hpp"
#include "net/http_client.hpp"
#include "net/network_settings.hpp"
#include "os/fd.hpp"
#include "os/posix_files.hpp"
#include "os/processes.hpp"
#include "os/system_random.hpp"
#include "os/terminal.hpp"
#include "pty/injection/profile_file.hpp"
#include "pty/keeper/fence.hpp"
#include "pty/keeper/marks.hpp"
#include "pty/session/user_profiles.hpp"
#include "token_cache/http_engine_access.hpp"

namespace relay::cli {
namespace {

constexpr Duration kJournalWithin = std::chrono::seconds(5);
constexpr Duration kEngineWithin = std::chrono::seconds(5);
constexpr Duration kBrokerWithin = std::chrono::seconds(3);
/// The files of /proc that are read are far smaller, or of no use.
constexpr std::size_t kProcMost = std::size_t{4} << 20U;

/// Where the looking happens; one per run.
class Look {
 public:
  Look(os::Surroundings around, os::UserPaths paths, NodeSetup& setup)
      : around_(std::move(around)), paths_(std::move(paths)), setup_(setup) {}

  DoctorFacts everything(const DoctorScope& scope) {
    DoctorFacts facts;
    facts.user = ::geteuid();
    facts.state = paths_.state;
    see_home(facts);
    see_instances(scope, facts);
    see_private_files(facts);
    see_tokens(scope, facts);
    see_engines(facts);
    see_clis(facts);
    facts.config_error = scope.config_error;
    see_config(facts);
    see_limits(facts);
    see_screen(facts);
    see_group(facts);
    see_disk(facts);
    see_memory(facts);
    return facts;
  }

 private:
  // Instances

  [[nodiscard]] std::set<std::string> instance_names() {
    std::set<std::string> names;
    for (const os::Path& directory : {paths_.state, paths_.runtime}) {
      const auto list = files_.list(directory);
      if (!list) continue;
      for (const std::string& name : *list) {
        const auto info = files_.stat(directory / name);
        const bool is_directory = info && info->kind == os::FileKind::directory;
        if (is_directory && os::check_instance_name(name)) names.insert(name);
      }
    }
    return names;
  }

  [[nodiscard]] std::string instance_here(const DoctorScope& scope,
                                          const std::set<std::string>& names) const {
    if (!scope.instance.empty()) return scope.instance;
    if (auto named = around_.environment.get("RELAY_BROKER_INSTANCE")) return *named;
    for (auto& name : os::instance_candidates(around_.working_directory)) {
      if (names.count(name) != 0) return name;
    }
    return {};
  }

  /// The process that listens at a socket; connecting costs it an accept.
  static std::optional<pid_t> listener_of(const os::Path& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string& path = socket.native();
    if (path.size() >= sizeof(address.sun_path)) return std::nullopt;
    std::copy(path.begin(), path.end(), std::begin(address.sun_path));
    const os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    if (!fd || ::connect(fd.get(), where, sizeof(address)) != 0) return std::nullopt;
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    return peer.pid;
  }

  void see_instances(const DoctorScope& scope, DoctorFacts& facts) {
    locks_ = read_proc_locks(files_).value_or("");
    sockets_ = files_.read("/proc/net/unix", kProcMost).value_or("");
    const auto names = instance_names();
    const std::string here = instance_here(scope, names);
    const auto programs = programs_of_keepers();
    for (const std::string& name : names) {
      const broker::Instance place = instance_as_noted(files_, paths_, name);
      DoctorFacts::Instance seen;
      seen.name = name;
      seen.here = name == here;
      seen.lock = place.lock();
      seen.again =
          serve_again(read_serve_note(files_, paths_, name), name, around_.working_directory);
      seen.lock_holder = holder_of(seen.lock, locks_);
      seen.api_socket = place.api_socket;
      seen.api_owner = listener_of(place.api_socket);
      if (seen.api_owner) see_room(*seen.api_owner, seen);
      seen.keeper_listens = is_listening(sockets_, place.keeper_socket.native());
      for (const os::Path& socket : {place.api_socket, place.keeper_socket}) {
        const bool there = files_.stat(socket).has_value();
        if (there && !is_listening(sockets_, socket.native())) seen.dead_sockets.push_back(socket);
      }
      const auto mine = programs.find(pty::keeper::place_name(place.runtime.native()));
      if (mine != programs.end()) seen.programs = mine->second;
      seen.connection = place.connection();
      const auto connection = broker::read_api_connection(files_, seen.connection);
      if (connection) seen.connection_pid = connection->pid;
      seen.connection_damaged = !connection && connection.error().code == Code::invalid_json;
      seen.journal_in_use = seen.lock_holder.has_value();
      if (seen.here && !seen.journal_in_use) see_journal(place, seen);
      add_private(place.state, facts);
      add_private(place.runtime, facts);
      if (place.api_socket.parent_path() != place.runtime) {
        add_private(place.api_socket.parent_path(), facts);
      }
      facts.instances.push_back(std::move(seen));
    }
  }

  /// How much a broker may still take of what has limits.
  void see_room(pid_t broker, DoctorFacts::Instance& seen) {
    rlimit files{};
    rlimit space{};
    if (::prlimit(broker, RLIMIT_NOFILE, nullptr, &files) != 0) return;
    const std::string proc = "/proc/" + std::to_string(broker);
    const auto open = files_.list(proc + "/fd");
    if (open && files.rlim_cur != RLIM_INFINITY) {
      seen.files_open = open->size();
      seen.files_most = files.rlim_cur;
    }
    if (::prlimit(broker, RLIMIT_AS, nullptr, &space) != 0) return;
    if (space.rlim_cur == RLIM_INFINITY) return;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t taken = number_in((proc + "/statm").c_str()) * page;
    seen.space_left = space.rlim_cur - std::min<std::uint64_t>(space.rlim_cur - 1, taken);
  }

  static void see_journal(const broker::Instance& place, DoctorFacts::Instance& seen) {
    const auto checked = broker::check_journal(place.journal(), kJournalWithin);
    if (checked) {
      seen.journal = checked->verdict;
      seen.journal_long = checked->cut_short;
    } else if (checked.error().code == Code::already_running) {
      seen.journal_in_use = true;
    } else if (checked.error().code != Code::not_found) {
      seen.journal = checked.error().message;
    }
  }

  /// By the name of the keeper's place in their environment.
  [[nodiscard]] std::map<std::string, std::vector<pid_t>> programs_of_keepers() {
    std::map<std::string, std::vector<pid_t>> out;
    const auto list = files_.list("/proc");
    for (const std::string& name : list.value_or(std::vector<std::string>())) {
      pid_t pid = 0;
      const auto read = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (read.ec != std::errc() || read.ptr != name.data() + name.size()) continue;
      auto place = pty::keeper::read_variable(pid, pty::keeper::kKeeperVariable);
      if (place && !place->empty()) out[*std::move(place)].push_back(pid);
    }
    return out;
  }

  // Files

  void see_home(DoctorFacts& facts) {
    facts.home.path = around_.environment.get("HOME").value_or("");
    if (facts.home.path.empty()) facts.home.path = around_.home_of_user;
    const auto info = files_.stat(facts.home.path);
    if (info) facts.home.owner = info->owner;
    for (const os::Path& place : {paths_.state, paths_.data, paths_.runtime}) {
      os::Path there = place;
      std::error_code none;
      while (!std::filesystem::exists(there, none) && there != there.parent_path()) {
        there = there.parent_path();
      }
      const auto& known = facts.home.closed;
      const bool told = std::find(known.begin(), known.end(), there) != known.end();
      if (!told && ::access(there.c_str(), W_OK | X_OK) != 0) facts.home.closed.push_back(there);
    }
  }

  void add_private(const os::Path& path, DoctorFacts& facts) {
    const auto info = files_.stat(path);
    if (!info) return;
    DoctorFacts::Private seen;
    seen.path = path;
    seen.kind = info->kind;
    seen.mode = info->mode;
    seen.owner = info->owner;
    facts.privates.push_back(seen);
    if (info->kind != os::FileKind::directory || info->owner != facts.user) return;
    const auto list = files_.list(path);
    if (!list) return;
    for (const std::string& name : *list) {
      const auto inner = files_.stat(path / name);
      if (!inner || inner->kind == os::FileKind::directory) continue;
      DoctorFacts::Private file;
      file.path = path / name;
      file.kind = inner->kind;
      file.mode = inner->mode;
      file.owner = inner->owner;
      facts.privates.push_back(file);
    }
  }

  void see_private_files(DoctorFacts& facts) {
    for (const os::Path& path : {paths_.data, paths_.data / "nodes", paths_.state}) {
      add_private(path, facts);
    }
    if (paths_.runtime != paths_.state) add_private(paths_.runtime, facts);
    // Directories first: what is in them is only safe to change then.
    std::sort(facts.privates.begin(), facts.privates.end(), [](auto& a, auto& b) {
      const bool first = a.kind == os::FileKind::directory;
      const bool second = b.kind == os::FileKind::directory;
      return first == second ? a.path < b.path : first;
    });
  }

  // Tokens

  void see_tokens(const DoctorScope& scope, DoctorFacts& facts) {
    const auto url = setup_.engine(scope.engine);
    if (url) facts.engine.url = *url;
    if (!url) facts.engine.error = url.error();
    const auto entries = setup_.entries("", "");
    if (!entries) {
      const Code code = entries.error().code;
      const bool none = code == Code::not_enrolled || code == Code::token_not_found;
      if (!none) facts.token_error = entries.error();
      return;
    }
    for (const auto& entry : *entries) {
      DoctorFacts::Token seen;
      seen.problem = entry.problem;
      if (entry.file) {
        seen.node = entry.file->node_id;
        seen.engine = entry.file->engine;
        seen.workspace = entry.file->workspace_id;
        for (const char* kind : {"nt", "at", "rk", "ot", "br"}) {
          if (entry.file->token.reveal().starts_with(std::string(kind) + "_")) seen.kind = kind;
        }
        seen.mint_pending = setup_.store().mint_pending(seen.node).value_or(false);
        if (url && facts.engine.url.empty()) facts.engine.url = seen.engine;
      }
      facts.tokens.push_back(std::move(seen));
    }
  }

  void see_engines(DoctorFacts& facts) {
    std::vector<os::Path> homes{paths_.state / "engine"};
    for (const auto& instance : facts.instances) {
      homes.push_back(broker::Instance(paths_, instance.name).state / "engine");
    }
    for (const os::Path& home : homes) {
      const auto place = engine_place(files_, engine::EngineHome(home, files_));
      if (!place) continue;
      if (!place->alive && place->url == facts.engine.url) facts.engine.idle = true;
      auto& list = place->alive ? facts.own_engines : facts.dead_engines;
      list.push_back(place->url + ", " + engine_place_text(*place));
    }
  }

  // The machine

  void see_config(DoctorFacts& facts) {
    // Its mode may have been mended since the start.
    const bool unsafe = facts.config_error && facts.config_error->code == Code::unsafe_file;
    if (unsafe && read_config(files_, around_.environment, paths_, "")) facts.config_error.reset();
    DoctorFacts::Private seen;
    seen.path = config_path(around_.environment, paths_, "");
    const auto info = files_.stat(seen.path);
    if (!info) return;
    seen.kind = info->kind;
    seen.mode = info->mode;
    seen.owner = info->owner;
    facts.config = std::move(seen);
  }

  void see_clis(DoctorFacts& facts) {
    auto profiles = pty::load_profiles(files_, paths_.config / "profiles");
    if (!profiles) {
      facts.profile_error = profiles.error();
      profiles = pty::builtin_profiles();
    }
    facts.profiles = profiles->size();
    const std::string path = around_.environment.get("PATH").value_or("");
    std::set<std::string> seen;
    for (const auto& profile : *profiles) {
      for (const std::string& program : profile.match) {
        const bool is_shell = profile.envelope == pty::EnvelopeStyle::shell_note;
        if (is_shell || program.find('*') != std::string::npos) continue;
        auto found = os::find_program(program, path, around_.working_directory);
        if (!found || !seen.insert(program).second) continue;
        DoctorFacts::Cli cli;
        cli.profile = profile.name;
        cli.program = program;
        cli.path = *std::move(found);
        facts.clis.push_back(std::move(cli));
      }
    }
  }

  std::uint64_t number_in(const char* path) {
    const std::string text = files_.read(path, kProcMost).value_or("");
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }

  void see_limits(DoctorFacts& facts) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
      facts.limits.files = limit.rlim_cur;
      facts.limits.files_most = limit.rlim_max;
    }
    if (::getrlimit(RLIMIT_RTTIME, &limit) == 0) facts.limits.real_time = limit.rlim_max;
    facts.limits.terminals = number_in("/proc/sys/kernel/pty/nr");
    facts.limits.terminals_most = number_in("/proc/sys/kernel/pty/max");
  }

  void see_screen(DoctorFacts& facts) const {
    auto& screen = facts.screen;
    screen.is_terminal = os::is_terminal(STDOUT_FILENO);
    screen.term = around_.environment.get("TERM").value_or("");
    if (const auto size = os::window_size(STDOUT_FILENO)) {
      screen.columns = size->columns;
      screen.rows = size->rows;
    }
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
      screen.locale = around_.environment.get(name).value_or("");
      if (!screen.locale.empty()) return;
    }
  }

  static void see_group(DoctorFacts& facts) {
    facts.group = pty::keeper::Fence::possible_in().value_or(os::Path());
  }

  void see_memory(DoctorFacts& facts) {
    constexpr std::string_view kAvailable = "MemAvailable:";
    const std::string text = files_.read("/proc/meminfo", kProcMost).value_or("");
    const auto at = text.find(kAvailable);
    if (at == std::string::npos) return;
    const auto from = text.find_first_not_of(' ', at + kAvailable.size());
    std::uint64_t kib = 0;
    const auto read = std::from_chars(text.data() + from, text.data() + text.size(), kib);
    if (read.ec == std::errc()) facts.free_memory = kib * 1024;
  }

  void see_disk(DoctorFacts& facts) const {
    for (os::Path path = paths_.state;; path = path.parent_path()) {
      struct statvfs info{};
      if (::statvfs(path.c_str(), &info) == 0) {
        facts.free_bytes = std::uint64_t{info.f_bavail} * info.f_frsize;
        return;
      }
      if (path == path.parent_path()) return;
    }
  }

  os::Surroundings around_;
  os::UserPaths paths_;
  NodeSetup& setup_;
  os::SystemRandom random_;
  os::PosixFiles files_{random_};
  std::string locks_;
  std::string sockets_;
};

/// Our clock minus that of a Date field, in seconds.
std::optional<std::int64_t> seconds_ahead(const std::string& date) {
  std::tm parts{};
  if (::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) return std::nullopt;
  return std::int64_t{std::time(nullptr)} - std::int64_t{::timegm(&parts)};
}

}  // namespace

Result<DoctorFacts> local_facts(const DoctorScope& scope, NodeSetup& setup) {
  auto around = os::Surroundings::of_process();
  if (!around) return fail(std::move(around).error());
  auto paths = os::user_paths(*around);
  if (!paths) return fail(std::move(paths).error());
  Look look(*std::move(around), *std::move(paths), setup);
  return look.everything(scope);
}

asio::awaitable<void> ask_brokers(asio::any_io_executor executor, DoctorFacts* facts) {
  os::SystemRandom random;
  net::HttpClient client(std::move(executor), net::HttpClientOptions(), random);
  for (auto& instance : facts->instances) {
    if (!instance.api_owner) continue;
    net::HttpCall call("GET", "http://localhost/healthz");
    call.unix_socket = instance.api_socket.string();
    call.deadline = kBrokerWithin;
    const auto reply = co_await client.call(std::move(call));
    // One that is just ending answers nobody either, and has nothing wrong with it.
    instance.silent = !reply && reply.error().code == Code::timeout;
  }
}

asio::awaitable<void> ask_engine(asio::any_io_executor executor, NodeSetup* setup,
                                 DoctorFacts* facts) {
  // Somebody else may have the address of an engine that does not run.
  const bool nobody = facts->engine.url.empty() || facts->engine.idle;
  if (nobody || facts->engine.error) co_return;
  os::SystemRandom random;
  const auto network = net::NetworkSettings::from(os::Environment::of_process());
  const net::Redact redact_all = [](std::string_view text) { return redact(text); };
  net::HttpClientOptions options;
  options.network = network;
  options.redact = redact_all;
  net::HttpClient client(std::move(executor), std::move(options), random);
  net::HttpCall call("GET", facts->engine.url + "/");
  call.deadline = kEngineWithin;
  const auto reply = co_await client.call(std::move(call));
  if (!reply) {
    facts->engine.error = reply.error();
    co_return;
  }
  if (const auto date = reply->headers.get("Date")) {
    facts->engine.ahead = seconds_ahead(std::string(*date));
  }
  token_cache::HttpEngineAccess engine(client, network, random, redact_all);
  for (auto& token : facts->tokens) {
    if (token.kind != "nt" || token.mint_pending || !token.problem.empty()) continue;
    if (!token.engine.empty() && token.engine != facts->engine.url) continue;
    const auto entry = setup->entry(token.node, token.engine);
    if (!entry || !entry->file) continue;
    Secret secret = entry->file->token;
    const auto accepted = co_await engine.verify(facts->engine.url, std::move(secret));
    if (accepted) token.accepted = *accepted;
  }
}

}  // namespace relay::cli
