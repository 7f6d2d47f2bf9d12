#include "cli/engine_place.hpp"

#include "cli/find_broker.hpp"
#include "cli/held_locks.hpp"
#include "cli/serve_note.hpp"
#include <csignal>
#include <fmt/format.h>
#include <utility>
#include <vector>

#include "os/posix_files.hpp"
#include "os/system_random.hpp"

namespace relay::cli {
namespace {

std::string instance_of(pid_t pid, os::Files& files) {
  const auto all = running_brokers();
  if (!all) return {};
  for (const auto& instance : *all) {
    const auto connection = broker::read_api_connection(files, instance.connection());
    if (connection && connection->pid == pid) return instance.name;
  }
  return {};
}

/// By the lock of its database: the number alone could be another process's by now, or that of one
/// that has ended and that nobody has asked for its status.
bool runs_engine(pid_t pid, const os::Path& database, os::Files& files) {
  const auto locks = read_proc_locks(files);
  if (!locks) return pid > 0 && ::kill(pid, 0) == 0;
  os::Path file = database;
  file += ".lock";
  return holder_of(file, *locks) == pid;
}

}  // namespace

std::optional<EnginePlace> engine_place(os::Files& files, const engine::EngineHome& home) {
  const auto address = home.address();
  if (!address || !*address) return std::nullopt;
  EnginePlace out;
  out.url = (*address)->url;
  out.pid = (*address)->pid;
  out.database = home.database();
  out.alive = runs_engine(out.pid, out.database, files);
  if (out.alive) out.instance = instance_of(out.pid, files);
  return out;
}

std::optional<EnginePlace> engine_place_of(const std::string& url, const os::Path& state,
                                           const std::string& instance) {
  const auto around = os::Surroundings::of_process();
  if (!around) return std::nullopt;
  const auto paths = os::user_paths(*around);
  if (!paths) return std::nullopt;
  os::SystemRandom random;
  os::PosixFiles files(random);
  std::vector<engine::EngineHome> homes{engine::EngineHome(state / "engine", files),
                                        engine::EngineHome(paths->state / "engine", files)};
  const auto note = read_serve_note(files, *paths, instance);
  for (std::size_t i = 1; note && i < note->arguments.size(); ++i) {
    constexpr std::string_view kSqlitePrefix = "sqlite:";
    const std::string& value = note->arguments[i];
    if (note->arguments[i - 1] != "--store" || !value.starts_with(kSqlitePrefix)) continue;
    const os::Path path = note->directory / value.substr(kSqlitePrefix.size());
    homes.push_back(engine::EngineHome::of_database(path, files));
  }
  for (const auto& home : homes) {
    auto place = engine_place(files, home);
    if (place && place->url == url) return place;
  }
  return std::nullopt;
}

std::string engine_place_text(const EnginePlace& place) {
  const std::string database = "database " + place.database.string();
  if (!place.alive) return fmt::format("run by nobody (pid {} has ended), {}", place.pid, database);
  if (place.instance.empty()) return fmt::format("run by pid {}, {}", place.pid, database);
  return fmt::format("run by the broker {} (pid {}), {}", place.instance, place.pid, database);
}

void write_engine_place(JsonWriter& out, const std::optional<EnginePlace>& place) {
  if (!place) return out.null();
  out.begin_object();
  out.field("pid", std::int64_t{place->pid});
  out.field("alive", place->alive);
  out.field("instance", place->instance);
  out.field("database", place->database.string());
  out.end_object();
}

}  // namespace relay::cli
