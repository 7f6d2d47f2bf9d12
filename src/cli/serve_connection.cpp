#include "cli/serve_connection.hpp"

#include "cli/find_broker.hpp"
#include "cli/output.hpp"
#include <utility>

#include "base/json_writer.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"

namespace relay::cli {

Result<void> print_connection(Context& context, const std::string& instance) {
  BrokerOptions options;
  options.instance = instance;
  const auto place = find_broker(options);
  if (!place) return fail(place.error());
  os::SystemRandom random;
  os::PosixFiles files(random);
  const auto connection = broker::read_api_connection(files, place->connection());
  if (!connection) {
    return fail(Error(connection.error()).within("the connection of " + place->name));
  }
  if (!context.json) {
    context.out.line(place->connection().string());
    context.out.line(connection->url);
    context.out.line(place->api_socket.string());
    return {};
  }
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("path", place->connection().string());
  out.field("url", connection->url);
  out.field("socket", place->api_socket.string());
  out.field("instance", place->name);
  out.field("pid", std::int64_t{connection->pid});
  out.end_object();
  out.finish();
  context.out.line(text);
  return {};
}

}  // namespace relay::cli
