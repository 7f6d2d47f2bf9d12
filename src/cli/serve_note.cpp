#include "cli/serve_note.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <utility>

#include "base/json_writer.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "wire/json.hpp"

namespace relay::cli {
namespace {

constexpr std::size_t kNoteMost = 64 * 1024;

os::Path note_path(const os::UserPaths& paths, const std::string& instance) {
  return os::instance_paths(paths, instance).state / "serve.json";
}

/// As a shell takes it for one word.
std::string shell_word(const std::string& text) {
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("@%+=:,./_-").find(c) != std::string_view::npos;
  });
  if (bare) return text;
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace

ServeNote note_of(const ServeOptions& options, os::Path directory) {
  ServeNote out;
  out.directory = std::move(directory);
  const auto add = [&out](const char* name, const std::string& value) {
    if (value.empty()) return;
    out.arguments.emplace_back(name);
    out.arguments.push_back(value);
  };
  const auto add_secret = [&add](const char* name, const std::string& value) {
    if (value == "-" || value.starts_with('@')) add(name, value);
  };
  add("--engine", options.engine.engine);
  add_secret("--workspace-key", options.engine.workspace_key);
  add("--relay", options.relay);
  add("--role", options.role);
  if (options.own_engine) out.arguments.emplace_back("--own-engine");
  add("--engine-listen", options.engine_listen);
  // The address of a database server may hold a password.
  if (options.store.starts_with("sqlite:")) add("--store", options.store);
  add("--name", options.name);
  add("--instance", options.instance);
  add("--listen", options.listen);
  add("--state-dir", options.state_dir);
  add("--max-agents", options.max_agents);
  add("--harness", options.harness);
  add("--orphan-grace", options.orphan_grace);
  add("--node-id", options.node_id);
  add_secret("--node-token", options.node_token);
  if (options.background) out.arguments.emplace_back("--background");
  return out;
}

Result<void> keep_serve_note(os::Files& files, const os::UserPaths& paths,
                             const std::string& instance, const ServeNote& note) {
  const os::Path path = note_path(paths, instance);
  auto made = files.make_private_directory(path.parent_path());
  if (!made) return made;
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("directory", note.directory.string());
  out.key("arguments");
  out.begin_array();
  for (const std::string& word : note.arguments) out.value(word);
  out.end_array();
  out.field("runtime_dir", note.runtime.string());
  out.end_object();
  out.finish();
  return files.put(path, text + "\n");
}

std::optional<ServeNote> read_serve_note(os::Files& files, const os::UserPaths& paths,
                                         const std::string& instance) {
  const auto text = files.read_private(note_path(paths, instance), kNoteMost);
  if (!text) return std::nullopt;
  const auto document = wire::JsonDocument::parse(*text, wire::kInboundLimits);
  if (!document) return std::nullopt;
  const auto directory = document->root().find("directory");
  const auto arguments = document->root().find("arguments");
  const auto where = directory ? directory->string() : std::nullopt;
  if (!where || !arguments) return std::nullopt;
  ServeNote out;
  out.directory = std::string(*where);
  for (const auto& word : arguments->elements()) {
    out.arguments.emplace_back(word.string().value_or(""));
  }
  const auto runtime = document->root().find("runtime_dir");
  if (runtime) out.runtime = std::string(runtime->string().value_or(""));
  return out;
}

broker::Instance instance_as_noted(os::Files& files, const os::UserPaths& paths, std::string name) {
  const auto note = read_serve_note(files, paths, name);
  if (!note || !note->runtime.is_absolute()) return {paths, std::move(name)};
  const auto there = files.stat(note->runtime);
  // Where it is somebody else's by now, as after a restart, nothing there is believed.
  const bool ours = there && there->kind == os::FileKind::directory && there->owner == paths.user &&
                    (there->mode & 077U) == 0;
  if (!ours) return {paths, std::move(name)};
  return {paths, std::move(name), note->runtime};
}

Result<void> check_instance_directory(const ServeOptions& options) {
  const auto around = os::Surroundings::of_process();
  if (!around) return fail(around.error());
  std::string name = options.instance;
  if (name.empty()) name = around->environment.get("RELAY_BROKER_INSTANCE").value_or("");
  if (name.empty()) return {};
  auto checked = os::check_instance_name(name);
  if (!checked) return checked;
  const auto paths = os::user_paths(*around);
  if (!paths) return fail(paths.error());
  os::SystemRandom random;
  os::PosixFiles files(random);
  const auto last = read_serve_note(files, *paths, name);
  std::error_code error;
  if (!last || last->directory == around->working_directory ||
      !std::filesystem::is_directory(last->directory, error)) {
    return {};
  }
  return fail(Code::already_running,
              fmt::format("the instance {} is the broker of {}", name, last->directory.string()),
              serve_again(last, name, around->working_directory) + " starts that one");
}

std::string serve_again(const std::optional<ServeNote>& note, const std::string& instance,
                        const os::Path& here) {
  if (!note) {
    const bool ours = os::instance_name(here) == instance;
    return "relay-broker serve" + (ours ? "" : " --instance " + instance);
  }
  std::string out;
  if (note->directory != here) out = "cd " + shell_word(note->directory.string()) + " && ";
  out += "relay-broker serve";
  for (const std::string& word : note->arguments) out += " " + shell_word(word);
  const bool named = std::find(note->arguments.begin(), note->arguments.end(), "--instance") !=
                     note->arguments.end();
  if (!named && os::instance_name(note->directory) != instance) out += " --instance " + instance;
  return out;
}

}  // namespace relay::cli
