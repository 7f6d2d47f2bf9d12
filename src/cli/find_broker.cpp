#include "cli/find_broker.hpp"

#include "cli/held_locks.hpp"
#include "cli/serve_note.hpp"
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <set>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

#include "base/clock.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "os/fd.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "pty/keeper/question.hpp"

namespace relay::cli {
namespace {

constexpr std::size_t kMostListed = 10;
/// It answers at once, or it is stuck; the error is worth no more.
constexpr Duration kKeeperWithin = std::chrono::milliseconds(500);

struct Places {
  os::Surroundings around;
  os::UserPaths paths;
};

Result<Places> places_of_user() {
  auto around = os::Surroundings::of_process();
  if (!around) return fail(std::move(around).error());
  auto paths = os::user_paths(*around);
  if (!paths) return fail(std::move(paths).error());
  return Places{*std::move(around), *std::move(paths)};
}

/// Somebody accepts connections there. A socket that nobody serves refuses at once.
bool answers(const os::Path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = socket.native();
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  const os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return fd.get() >= 0 &&
         ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

std::vector<broker::Instance> running(const os::UserPaths& paths, os::Files& files) {
  std::set<std::string> names;
  for (const os::Path& directory : {paths.state, paths.runtime}) {
    const auto list = files.list(directory);
    if (list) names.insert(list->begin(), list->end());
  }
  std::vector<broker::Instance> out;
  for (const std::string& name : names) {
    if (!os::check_instance_name(name)) continue;
    broker::Instance instance = instance_as_noted(files, paths, name);
    if (answers(instance.api_socket)) out.push_back(std::move(instance));
  }
  return out;
}

/// How it was started last; kept beside its journal, or where that usually is.
os::Path note_of_start(const broker::Instance& instance) {
  return instance.state / "serve.json";
}

/// `--state-dir` has put it elsewhere.
os::Path lock_of(const broker::Instance& instance, const std::optional<ServeNote>& last) {
  if (!last) return instance.lock();
  const auto& words = last->arguments;
  const auto option = std::find(words.begin(), words.end(), "--state-dir");
  if (option == words.end() || option + 1 == words.end()) return instance.lock();
  broker::Instance moved = instance;
  moved.state = last->directory / *(option + 1);
  return moved.lock();
}

/// Who holds the lock of a broker is that broker.
std::optional<pid_t> process_of(const broker::Instance& instance,
                                const std::optional<ServeNote>& last, os::Files& files) {
  const auto locks = read_proc_locks(files);
  if (!locks) return std::nullopt;
  return holder_of(lock_of(instance, last), *locks);
}

std::string names_text(const std::vector<broker::Instance>& instances) {
  std::string out;
  for (std::size_t i = 0; i < std::min(instances.size(), kMostListed); ++i) {
    out += (i == 0 ? "" : ", ") + instances[i].name;
  }
  return out + (instances.size() > kMostListed ? ", …" : "");
}

/// "; its agents ada and bert live on"; empty when there are none.
std::string agents_alive(const broker::Instance& instance) {
  const auto sessions = pty::keeper::ask_sessions(instance.keeper_socket, kKeeperWithin);
  if (!sessions) return "";
  std::vector<std::string> names;
  for (const auto& session : *sessions) {
    if (!session.gone && session.ended.empty()) names.push_back(session.agent);
  }
  if (names.empty()) return "";
  std::sort(names.begin(), names.end());
  const std::size_t count = names.size();
  if (count > kMostListed) names.resize(kMostListed);
  return fmt::format("; {} of its agents {}: {}{}", count, count == 1 ? "lives on" : "live on",
                     printable(join(names, ", ")), count > kMostListed ? ", …" : "");
}

/// "; 2 wrapped programs wait for it"; empty when there are none.
std::string wraps_alive(const broker::Instance& instance, const os::UserPaths& paths,
                        os::Files& files) {
  std::size_t count = 0;
  const os::Path any = os::socket_path(paths, instance.runtime, "wrap-0000000.sock");
  const auto names = files.list(any.parent_path());
  if (!names) return "";
  for (const std::string& name : *names) {
    const bool ours = name.starts_with("wrap-") && name.ends_with(".sock");
    if (ours && answers(any.parent_path() / name)) ++count;
  }
  if (count == 0) return "";
  return fmt::format("; {} for it", count == 1 ? "a wrapped program waits"
                                               : fmt::format("{} wrapped programs wait", count));
}

Error nobody(const BrokerPlace& searched, const Places& places, os::Files& files) {
  const auto all = running(places.paths, files);
  const std::string here = places.around.working_directory.string();
  std::string others;
  if (!all.empty()) {
    others = fmt::format("; {}: {}, chosen with --instance",
                         all.size() == 1 ? "another one runs" : "others run", names_text(all));
  }
  if (!searched.dead) {
    if (all.empty()) {
      return {Code::broker_not_running, "no broker runs for " + here,
              "relay-broker serve starts one"};
    }
    return {Code::broker_not_running, "no broker runs for this directory",
            "relay-broker serve starts one" + others};
  }
  const broker::Instance& dead = *searched.dead;
  if (!was_ever_served(dead)) {
    return {Code::broker_not_running, "there never was a broker of the instance " + dead.name,
            all.empty()
                ? "relay-broker serve starts the broker of this directory"
                : fmt::format("{}: {}; without --instance that of this directory is meant",
                              all.size() == 1 ? "one runs" : "others run", names_text(all))};
  }
  const auto last = read_serve_note(files, places.paths, dead.name);
  const std::string whose = last ? last->directory.string() : "this directory";
  if (const auto pid = process_of(dead, last, files)) {
    Error not_yet(Code::node_not_ready,
                  fmt::format("the broker of {} is starting or ending (pid {}, instance {})", whose,
                              *pid, dead.name),
                  "try again in a moment; relay-broker doctor tells more if it stays so");
    not_yet.detail = kBrokerNotReady;
    not_yet.retry_after = std::chrono::seconds(1);
    return not_yet;
  }
  const std::string alive = agents_alive(dead);
  return {Code::broker_not_running,
          fmt::format("the broker of {} does not run (instance {}){}{}", whose, dead.name, alive,
                      wraps_alive(dead, places.paths, files)),
          fmt::format("{} starts it again{}{}",
                      serve_again(last, dead.name, places.around.working_directory),
                      alive.empty() ? "" : " and takes them over", others)};
}

}  // namespace

void add_broker_options(Command& command, BrokerOptions& options,
                        std::vector<std::string> variables) {
  variables.emplace_back("RELAY_BROKER_INSTANCE");
  command.options.push_back(
      Option("--instance", "Which broker, if not that of this directory", &options.instance)
          .value_name("NAME")
          .setting(std::move(variables))
          .looked_up(running_broker_names));
}

bool is_served(const broker::Instance& instance) {
  return answers(instance.api_socket);
}

Result<BrokerPlace> locate_broker(const std::string& named_here, Lone lone) {
  const auto places = places_of_user();
  if (!places) return fail(places.error());
  os::SystemRandom random;
  os::PosixFiles files(random);
  BrokerPlace out;
  const auto take = [&out](broker::Instance instance) {
    (is_served(instance) ? out.found : out.dead) = std::move(instance);
    return std::move(out);
  };
  std::string named = named_here;
  if (named.empty()) named = places->around.environment.get("RELAY_BROKER_INSTANCE").value_or("");
  if (!named.empty()) {
    auto fine = os::check_instance_name(named);
    if (!fine) return fail(std::move(fine).error());
    return take(instance_as_noted(files, places->paths, named));
  }
  for (const std::string& name : os::instance_candidates(places->around.working_directory)) {
    broker::Instance instance = instance_as_noted(files, places->paths, name);
    if (was_ever_served(instance)) return take(std::move(instance));
  }
  if (lone == Lone::ignored) return out;
  auto all = running(places->paths, files);
  if (all.size() == 1) {
    out.found = std::move(all.front());
    out.only_one = true;
  }
  return out;
}

Error no_broker(const BrokerPlace& place) {
  const auto places = places_of_user();
  if (!places) return places.error();
  os::SystemRandom random;
  os::PosixFiles files(random);
  return nobody(place, *places, files);
}

bool was_ever_served(const broker::Instance& instance) {
  std::error_code ignored;
  return std::filesystem::exists(instance.lock(), ignored) ||
         std::filesystem::exists(instance.api_socket, ignored) ||
         std::filesystem::exists(note_of_start(instance), ignored);
}

std::optional<pid_t> starting_or_ending(const broker::Instance& instance) {
  const auto places = places_of_user();
  if (!places || is_served(instance)) return std::nullopt;
  os::SystemRandom random;
  os::PosixFiles files(random);
  return process_of(instance, read_serve_note(files, places->paths, instance.name), files);
}

Result<broker::Instance> find_broker(const BrokerOptions& options, bool* only_one) {
  auto place = locate_broker(options.instance, Lone::taken);
  if (!place) return fail(std::move(place).error());
  if (!place->found) return fail(no_broker(*place));
  if (only_one != nullptr) *only_one = place->only_one;
  return *std::move(place->found);
}

std::optional<broker::Instance> served_broker(const BrokerOptions& options) {
  auto place = locate_broker(options.instance, Lone::taken);
  if (!place) return std::nullopt;
  return std::move(place->found);
}

Result<std::vector<broker::Instance>> running_brokers() {
  auto places = places_of_user();
  if (!places) return fail(std::move(places).error());
  os::SystemRandom random;
  os::PosixFiles files(random);
  return running(places->paths, files);
}

std::vector<std::string> running_broker_names() {
  std::vector<std::string> names;
  const auto all = running_brokers();
  if (!all) return names;
  for (const auto& instance : *all) names.push_back(instance.name);
  return names;
}

}  // namespace relay::cli
