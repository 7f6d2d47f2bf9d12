#include "cli/version.hpp"

#include "base/json_writer.hpp"

namespace relay::cli {

std::string version_line() {
  return "relay-broker " RELAY_BROKER_VERSION;
}

std::string version_json() {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.field("name", "relay-broker");
  json.field("version", RELAY_BROKER_VERSION);
  json.field("system", RELAY_BROKER_SYSTEM);
  json.field("compiler", __VERSION__);
  json.end_object();
  json.finish();
  return text;
}

}  // namespace relay::cli
