#include "cli/doctor_checks.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/text.hpp"

namespace relay::cli {
namespace {

using Instance = DoctorFacts::Instance;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
/// Less than that: the journal cannot go on for long; a busy day may not end well.
constexpr std::uint64_t kLeastFree = 64 * kMiB;
constexpr std::uint64_t kFewFree = 512 * kMiB;
/// An engine drops nodes by its own clock: half a minute is seen, five are fatal.
constexpr std::int64_t kClockAway = 30;
constexpr std::int64_t kClockWrong = 300;
/// A broker with a few agents, and one with many.
constexpr std::uint64_t kLeastFiles = 256;
constexpr std::uint64_t kFewFiles = 1024;
/// What a few agents more need: a terminal and a connection each.
constexpr std::uint64_t kSpareFiles = 32;
/// Below it a spawn is refused.
constexpr std::uint64_t kLeastSpace = 64 * kMiB;
/// No agent CLI starts in that; the next one may be the last.
constexpr std::uint64_t kLeastMemory = 64 * kMiB;
constexpr std::uint64_t kFewMemory = 512 * kMiB;
constexpr std::uint64_t kLeastTerminals = 4;
constexpr std::uint64_t kFewTerminals = 64;
/// Marks of sessions are limits of more than 2^60 microseconds.
constexpr std::uint64_t kLeastMark = std::uint64_t{1} << 60U;
constexpr std::size_t kMostNamed = 5;

std::string list_of(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kMostNamed);
  std::vector<std::string> first = names;
  first.resize(shown);
  std::string out = join(first, ", ");
  if (names.size() > shown) out += fmt::format(" and {} more", names.size() - shown);
  return out;
}

Finding finding(std::string id, Verdict verdict, std::string what, std::string mend = {}) {
  Finding out;
  out.id = std::move(id);
  out.verdict = verdict;
  out.what = std::move(what);
  out.mend = std::move(mend);
  return out;
}

/// A check of every instance: fine, or a list of what is wrong.
class OfInstances {
 public:
  OfInstances(std::string id, Verdict verdict) : id_(std::move(id)), verdict_(verdict) {}
  void add(std::string what) { wrong_.push_back(std::move(what)); }
  void remove(const os::Path& path, const os::Path& lock) {
    repairs_.push_back({Repair::Kind::remove, path, lock});
  }
  Finding done(std::string fine, std::string mend) && {
    if (wrong_.empty()) return finding(id_, Verdict::ok, std::move(fine));
    Finding out = finding(id_, verdict_, list_of(wrong_), std::move(mend));
    out.repairs = std::move(repairs_);
    return out;
  }

 private:
  std::string id_;
  Verdict verdict_;
  std::vector<std::string> wrong_;
  std::vector<Repair> repairs_;
};

Finding check_broker(const DoctorFacts& facts) {
  for (const Instance& instance : facts.instances) {
    if (!instance.api_owner || !instance.silent) continue;
    const pid_t pid = *instance.api_owner;
    return finding(
        "broker", instance.here ? Verdict::fail : Verdict::warn,
        fmt::format("{} does not answer (pid {})", instance.name, pid),
        fmt::format("kill -CONT {} where somebody has stopped it; kill -9 {} ends it, and "
                    "the next relay-broker serve there has its agents",
                    pid, pid));
  }
  for (const Instance& instance : facts.instances) {
    if (!instance.here || !instance.api_owner) continue;
    return finding("broker", Verdict::ok,
                   fmt::format("{} runs, pid {}", instance.name, *instance.api_owner));
  }
  return finding("broker", Verdict::skipped, "no broker runs for this directory",
                 "relay-broker serve starts one");
}

Finding check_second(const DoctorFacts& facts) {
  OfInstances check("second-broker", Verdict::fail);
  for (const Instance& instance : facts.instances) {
    if (!instance.api_owner || !instance.lock_holder) continue;
    if (*instance.api_owner == *instance.lock_holder) continue;
    check.add(fmt::format("{} has two brokers: pid {} answers, pid {} holds the lock",
                          instance.name, *instance.api_owner, *instance.lock_holder));
  }
  return std::move(check).done("no instance has two brokers", "end the one that answers: kill PID");
}

Finding check_locks(const DoctorFacts& facts) {
  OfInstances check("locks", Verdict::fail);
  for (const Instance& instance : facts.instances) {
    if (instance.api_owner || !instance.lock_holder) continue;
    check.add(fmt::format("pid {} holds the lock of {} and answers nobody", *instance.lock_holder,
                          instance.name));
  }
  return std::move(check).done("every lock that is held has a broker that answers",
                               "wait if it has just started, else kill -9 PID; its agents live on");
}

Finding check_orphans(const DoctorFacts& facts) {
  OfInstances check("orphans", Verdict::warn);
  std::vector<std::string> serve;
  for (const Instance& instance : facts.instances) {
    if (instance.api_owner || instance.lock_holder) continue;
    if (instance.keeper_listens || !instance.programs.empty()) {
      serve.push_back(instance.again);
    }
    if (instance.keeper_listens) {
      check.add(fmt::format("the keeper of {} holds {} programs without a broker", instance.name,
                            instance.programs.size()));
    } else if (!instance.programs.empty()) {
      check.add(fmt::format("pid {} and {} others of {} have outlived broker and keeper",
                            instance.programs.front(), instance.programs.size() - 1,
                            instance.name));
    }
  }
  return std::move(check).done(
      "no agent is without a broker",
      join(serve, ", ") +
          (serve.size() == 1 ? " takes them over; else they" : " take them over; else they") +
          " end by themselves after the --orphan-grace");
}

Finding check_sockets(const DoctorFacts& facts) {
  OfInstances check("sockets", Verdict::warn);
  for (const Instance& instance : facts.instances) {
    // Who holds the lock may be just making them.
    if (instance.lock_holder) continue;
    for (const os::Path& socket : instance.dead_sockets) {
      check.add("nobody listens at " + socket.string());
      check.remove(socket, instance.lock);
    }
  }
  return std::move(check).done("every socket has a listener", "relay-broker doctor --fix");
}

Finding check_connection(const DoctorFacts& facts) {
  OfInstances check("connection", Verdict::warn);
  for (const Instance& instance : facts.instances) {
    if (instance.lock_holder) continue;
    const bool stale = instance.connection_pid && instance.connection_pid != instance.api_owner;
    if (!stale && !instance.connection_damaged) continue;
    check.add(instance.connection.string() +
              (stale ? fmt::format(" names pid {}, which is no broker", *instance.connection_pid)
                     : " is damaged"));
    check.remove(instance.connection, instance.lock);
  }
  return std::move(check).done("every connection.json names a running broker",
                               "relay-broker doctor --fix");
}

Finding check_home(const DoctorFacts& facts) {
  const auto& home = facts.home;
  const std::string mend =
      "set HOME, or XDG_STATE_HOME and XDG_DATA_HOME, to a place of yours (with sudo: sudo -H)";
  if (!home.closed.empty()) {
    std::vector<std::string> names;
    for (const os::Path& path : home.closed) names.push_back(path.string());
    return finding("home", Verdict::fail, "nothing may be written in " + list_of(names), mend);
  }
  if (home.owner && *home.owner != facts.user) {
    return finding("home", Verdict::warn, home.path.string() + " belongs to another user", mend);
  }
  return finding("home", Verdict::ok, "files go to " + facts.state.string());
}

Finding check_modes(const DoctorFacts& facts) {
  std::vector<std::string> wrong;
  std::vector<Repair> repairs;
  bool others = false;
  for (const auto& file : facts.privates) {
    if (file.kind == os::FileKind::link || file.owner != facts.user) {
      others = true;
      wrong.push_back(file.path.string() + (file.kind == os::FileKind::link
                                                ? " is a symbolic link"
                                                : " belongs to another user"));
    } else if ((file.mode & 077U) != 0) {
      wrong.push_back(fmt::format("{} is {:04o}", file.path.string(), file.mode));
      repairs.push_back({Repair::Kind::restrict_mode, file.path, {}});
    }
  }
  if (wrong.empty()) return finding("modes", Verdict::ok, "our files are ours alone");
  Finding out = finding("modes", Verdict::fail, list_of(wrong),
                        others ? "find out who put it there, and remove it; relay-broker doctor "
                                 "--fix mends the modes of the rest"
                               : "relay-broker doctor --fix");
  out.repairs = std::move(repairs);
  return out;
}

Finding check_journal(const DoctorFacts& facts) {
  OfInstances check("journal", Verdict::fail);
  std::size_t read = 0;
  bool all = true;
  for (const Instance& instance : facts.instances) {
    if (!instance.journal) continue;
    ++read;
    all = all && !instance.journal_long;
    if (*instance.journal != "ok") check.add(instance.name + ": " + *instance.journal);
  }
  const bool in_use = std::any_of(facts.instances.begin(), facts.instances.end(),
                                  [](auto& each) { return each.here && each.journal_in_use; });
  if (in_use) {
    return finding("journal", Verdict::skipped, "its broker has it, and read it when it started");
  }
  if (read == 0) return finding("journal", Verdict::skipped, "there is none yet");
  return std::move(check).done(
      fmt::format("{} read without a fault{}", read, all ? "" : ", not all to the end"),
      "relay-broker serve puts a damaged journal aside, says so and saves what can be read");
}

std::string scope_of(const std::string& kind) {
  if (kind == "nt") return "node token";
  if (kind == "at") return "agent token";
  if (kind == "rk") return "workspace key";
  return kind.empty() ? "token of no known kind" : kind + " token";
}

Finding check_token(const DoctorFacts& facts) {
  if (facts.token_error) {
    return finding("token", Verdict::fail, facts.token_error->message, facts.token_error->hint);
  }
  if (facts.tokens.empty()) {
    return finding("token", Verdict::skipped, "this directory is not enrolled",
                   "relay-broker enroll --engine URL --workspace-key @FILE");
  }
  std::vector<std::string> all;
  for (const auto& token : facts.tokens) {
    const std::string whose = fmt::format("{} of {} at {}", scope_of(token.kind), token.node,
                                          token.engine.empty() ? "any engine" : token.engine);
    if (!token.problem.empty()) {
      return finding("token", Verdict::fail, token.problem, "relay-broker enroll makes another");
    }
    if (token.mint_pending) {
      return finding("token", Verdict::warn, "a new token for " + token.node + " may be lost",
                     "relay-broker enroll asks the engine and settles it");
    }
    if (token.kind != "nt") {
      return finding("token", Verdict::fail, "the cache has a " + whose + ", which may do too much",
                     "relay-broker token clear, then relay-broker enroll");
    }
    if (token.accepted == false) {
      return finding("token", Verdict::fail, "the engine refuses the " + whose,
                     "relay-broker enroll --rotate");
    }
    all.push_back(whose + (token.accepted ? ", accepted" : ""));
  }
  return finding("token", Verdict::ok, list_of(all));
}

Finding check_engine(const DoctorFacts& facts) {
  if (facts.engine.url.empty()) {
    return finding("engine", Verdict::skipped, "no engine is known here",
                   "--engine URL or RELAY_BROKER_ENGINE names one");
  }
  if (facts.engine.idle) {
    return finding("engine", Verdict::skipped, facts.engine.url + " is our own, and does not run",
                   "relay-broker serve runs it again");
  }
  if (facts.engine.error) {
    return finding("engine", Verdict::fail, facts.engine.error->message,
                   facts.engine.error->hint.empty() ? "check the address and the network"
                                                    : facts.engine.error->hint);
  }
  return finding("engine", Verdict::ok, facts.engine.url + " answers");
}

Finding check_own_engine(const DoctorFacts& facts) {
  if (!facts.own_engines.empty()) {
    return finding("own-engine", Verdict::ok, list_of(facts.own_engines));
  }
  if (facts.dead_engines.empty()) {
    return finding("own-engine", Verdict::skipped, "no engine was run here yet",
                   "relay-broker serve runs one when none is named");
  }
  return finding("own-engine", Verdict::skipped, list_of(facts.dead_engines),
                 "relay-broker serve runs it again");
}

Finding check_clock(const DoctorFacts& facts) {
  if (!facts.engine.ahead) {
    return finding("clock", Verdict::skipped, "no engine has told the time");
  }
  const std::int64_t ahead = *facts.engine.ahead;
  const std::int64_t away = ahead < 0 ? -ahead : ahead;
  const std::string what =
      fmt::format("{} s {} the engine's", away, ahead < 0 ? "behind" : "ahead of");
  const std::string mend = "set the clock: timedatectl set-ntp true";
  if (away >= kClockWrong) return finding("clock", Verdict::fail, what, mend);
  if (away >= kClockAway) return finding("clock", Verdict::warn, what, mend);
  return finding("clock", Verdict::ok, "as the engine's");
}

Finding check_limits(const DoctorFacts& facts) {
  const auto& limits = facts.limits;
  const std::string mend = "ulimit -n 65536, or LimitNOFILE= of the service";
  if (limits.files_most < kLeastFiles) {
    return finding("limits", Verdict::fail,
                   fmt::format("only {} files may be open", limits.files_most), mend);
  }
  if (limits.real_time < kLeastMark) {
    return finding("limits", Verdict::warn,
                   "RLIMIT_RTTIME is set, so sessions cannot be marked by it",
                   "start it where ulimit -R is unlimited");
  }
  if (limits.files < kFewFiles) {
    return finding("limits", Verdict::warn, fmt::format("only {} files may be open", limits.files),
                   mend);
  }
  return finding("limits", Verdict::ok, fmt::format("{} files may be open", limits.files));
}

/// Of the brokers that run: who has too few opens no terminal and takes no connection.
Finding check_descriptors(const DoctorFacts& facts) {
  OfInstances check("descriptors", Verdict::warn);
  for (const Instance& instance : facts.instances) {
    if (instance.files_most == 0) continue;
    if (instance.files_most - std::min(instance.files_most, instance.files_open) >= kSpareFiles) {
      continue;
    }
    check.add(fmt::format("the broker of {} has {} of {} files open", instance.name,
                          instance.files_open, instance.files_most));
  }
  return std::move(check).done(
      "each broker has files to spare",
      "start it with a higher limit (ulimit -n, LimitNOFILE= of the service), or release agents");
}

Finding check_memory(const DoctorFacts& facts) {
  for (const Instance& instance : facts.instances) {
    if (instance.space_left == 0 || instance.space_left >= kLeastSpace) continue;
    return finding("memory", Verdict::fail,
                   fmt::format("the broker of {} may take only {} more", instance.name,
                               human_bytes(instance.space_left)),
                   "start it with a higher limit (ulimit -v, LimitAS= of the service)");
  }
  if (!facts.free_memory) return finding("memory", Verdict::skipped, "the system does not tell");
  const std::string what = human_bytes(*facts.free_memory) + " of memory are free";
  const std::string mend = "release agents, or end other programs";
  if (*facts.free_memory < kLeastMemory) return finding("memory", Verdict::fail, what, mend);
  if (*facts.free_memory < kFewMemory) return finding("memory", Verdict::warn, what, mend);
  return finding("memory", Verdict::ok, what);
}

Finding check_terminals(const DoctorFacts& facts) {
  const auto& limits = facts.limits;
  if (limits.terminals_most == 0) {
    return finding("terminals", Verdict::skipped, "the system does not tell");
  }
  const std::uint64_t left =
      limits.terminals_most - std::min(limits.terminals, limits.terminals_most);
  const std::string what = fmt::format("{} pseudo terminals are left", left);
  const std::string mend = "sysctl kernel.pty.max=4096";
  if (left < kLeastTerminals) return finding("terminals", Verdict::fail, what, mend);
  if (left < kFewTerminals) return finding("terminals", Verdict::warn, what, mend);
  return finding("terminals", Verdict::ok, what);
}

Finding check_clis(const DoctorFacts& facts) {
  if (facts.clis.empty()) {
    return finding("clis", Verdict::warn, "no agent CLI that has a profile is in PATH",
                   "install one (claude, codex …), or spawn any other program");
  }
  std::vector<std::string> names;
  for (const auto& cli : facts.clis) {
    names.push_back(cli.program == cli.profile
                        ? cli.program
                        : fmt::format("{} (profile {})", cli.program, cli.profile));
  }
  return finding("clis", Verdict::ok, list_of(names));
}

Finding check_config(const DoctorFacts& facts) {
  const bool others_write = facts.config && (facts.config->mode & 022U) != 0;
  if (facts.config_error && !others_write) {
    return finding("config", Verdict::fail, facts.config_error->message,
                   facts.config_error->hint.empty() ? "mend the file, or move it away"
                                                    : facts.config_error->hint);
  }
  if (!facts.config) return finding("config", Verdict::ok, "no configuration file");
  const std::string path = facts.config->path.string();
  if (!others_write) return finding("config", Verdict::ok, path + " read");
  Finding out =
      finding("config", Verdict::fail, path + " may be written by others", "chmod go-w " + path);
  if (facts.config->owner == facts.user) {
    out.repairs.push_back({Repair::Kind::restrict_mode, facts.config->path, {}});
  }
  return out;
}

Finding check_profiles(const DoctorFacts& facts) {
  if (facts.profile_error) {
    return finding("profiles", Verdict::fail, facts.profile_error->message,
                   facts.profile_error->hint.empty() ? "mend the file, or move it away"
                                                     : facts.profile_error->hint);
  }
  return finding("profiles", Verdict::ok, fmt::format("{} read", facts.profiles));
}

Finding check_group(const DoctorFacts& facts) {
  if (facts.group.empty()) {
    return finding("cgroup", Verdict::warn,
                   "no control group is ours, so only marks tell which processes are an agent's",
                   "let systemd run it: systemctl --user enable --now relay-broker (Delegate=yes)");
  }
  return finding("cgroup", Verdict::ok, facts.group.string() + " is ours");
}

Finding check_disk(const DoctorFacts& facts) {
  if (!facts.free_bytes) return finding("disk", Verdict::skipped, "the system does not tell");
  const std::string what =
      fmt::format("{} MiB free for {}", *facts.free_bytes / kMiB, facts.state.string());
  const std::string mend = "make room: without it no message can be accepted";
  if (*facts.free_bytes < kLeastFree) return finding("disk", Verdict::fail, what, mend);
  if (*facts.free_bytes < kFewFree) return finding("disk", Verdict::warn, what, mend);
  return finding("disk", Verdict::ok, what);
}

Finding check_terminal(const DoctorFacts& facts) {
  const auto& screen = facts.screen;
  if (!screen.is_terminal) {
    return finding("terminal", Verdict::skipped, "standard output is no terminal");
  }
  if (screen.term.empty() || screen.term == "dumb") {
    return finding("terminal", Verdict::warn,
                   screen.term.empty() ? "TERM is not set" : "TERM is dumb",
                   "export TERM=xterm-256color");
  }
  if (screen.columns == 0 || screen.rows == 0) {
    return finding("terminal", Verdict::warn, "the terminal does not know its size",
                   "stty rows 24 cols 80");
  }
  std::string locale = screen.locale;
  std::transform(locale.begin(), locale.end(), locale.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (locale.find("utf-8") == std::string::npos && locale.find("utf8") == std::string::npos) {
    return finding("terminal", Verdict::warn,
                   screen.locale.empty() ? "no locale is set"
                                         : "the locale " + screen.locale + " is not of UTF-8",
                   "export LC_CTYPE=C.UTF-8");
  }
  return finding("terminal", Verdict::ok,
                 fmt::format("{}, {}x{}", screen.term, screen.columns, screen.rows));
}

/// The words of a line, however many blanks stand between.
}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::warn: return "warn";
    case Verdict::fail: return "fail";
    case Verdict::skipped: break;
  }
  return "skipped";
}

std::vector<Finding> examine(const DoctorFacts& facts) {
  std::vector<Finding> out;
  for (const auto check :
       {check_broker,     check_second,   check_locks,      check_orphans,     check_sockets,
        check_connection, check_home,     check_modes,      check_journal,     check_disk,
        check_token,      check_engine,   check_own_engine, check_clock,       check_clis,
        check_config,     check_profiles, check_limits,     check_descriptors, check_memory,
        check_terminals,  check_group,    check_terminal}) {
    out.push_back(check(facts));
  }
  return out;
}

bool is_listening(std::string_view proc_net_unix, std::string_view path) {
  // "0000…: 00000002 00000000 00010000 0001 01 12345 /path": the flag says that it listens.
  for (const auto line : split(proc_net_unix, '\n')) {
    const auto words = split_words(line);
    if (words.size() < 8 || words[3] != "00010000") continue;
    const auto at = line.find('/');
    if (at != std::string_view::npos && line.substr(at) == path) return true;
  }
  return false;
}

}  // namespace relay::cli
