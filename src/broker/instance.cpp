#include "broker/instance.hpp"

#include <charconv>
#include <utility>

#include "broker/json_fields.hpp"
#include "wire/json.hpp"

namespace relay::broker {
namespace {

constexpr std::size_t kConnectionMost = 16 * 1024;
constexpr std::string_view kPidMark = "pid ";

}  // namespace

Instance::Instance(const os::UserPaths& paths, std::string name_in)
    : Instance(paths, name_in, os::instance_paths(paths, name_in).runtime) {}

Instance::Instance(const os::UserPaths& paths, std::string name_in, os::Path runtime_in)
    : name(std::move(name_in)),
      state(os::instance_paths(paths, name).state),
      runtime(std::move(runtime_in)) {
  api_socket = os::socket_path(paths, runtime, "broker.sock");
  keeper_socket = os::socket_path(paths, runtime, "keeper.sock");
}

Result<void> Instance::make(os::Files& files) const {
  Result<void> made;
  // What has to last is in the journal, which waits for its directory when it is made.
  for (const os::Path& directory : {state, runtime, api_socket.parent_path()}) {
    if (made) made = files.make_runtime_directory(directory);
  }
  return made;
}

Result<void> keep_api_connection(os::Files& files, const os::Path& path,
                                 const ApiConnection& connection) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("url", connection.url);
  out.field("port", std::uint32_t{connection.port});
  out.field("api_key", connection.key.reveal());
  out.field("pid", std::int64_t{connection.pid});
  out.field("socket", connection.socket);
  out.field("instance", connection.instance);
  out.end_object();
  out.finish();
  text += '\n';
  auto written = files.put(path, text);
  wipe(text);
  return written;
}

Result<ApiConnection> read_api_connection(os::Files& files, const os::Path& path) {
  auto text = files.read_private(path, kConnectionMost);
  if (!text) return fail(std::move(text).error());
  auto document = wire::JsonDocument::parse(*text, wire::kInboundLimits);
  wipe(*text);
  if (!document) return fail(std::move(document).error().within(path.string()));
  const JsonFields fields(document->root());
  ApiConnection out;
  out.url = fields.text({"url"});
  out.port = static_cast<std::uint16_t>(fields.number({"port"}).value_or(0));
  out.key = Secret(fields.text({"api_key"}));
  out.pid = static_cast<pid_t>(fields.number({"pid"}).value_or(0));
  out.socket = fields.text({"socket"});
  out.instance = fields.text({"instance"});
  return out;
}

std::optional<pid_t> pid_of_note(std::string_view text) {
  const auto at = text.find(kPidMark);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + kPidMark.size());
  pid_t pid = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (read.ec != std::errc() || pid <= 0) return std::nullopt;
  return pid;
}

}  // namespace relay::broker
