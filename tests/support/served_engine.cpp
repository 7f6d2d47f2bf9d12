#include "support/served_engine.hpp"

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace relay::test {
namespace {

os::Command serve_engine(const TempDir& home, const os::Environment& environment) {
  os::Command command = binary_command({"serve", "--role", "engine", "--json"}, environment);
  command.working_directory = home.path();
  return command;
}

}  // namespace

ServedEngine::ServedEngine(const TempDir& home, const os::Environment& environment)
    : program_(serve_engine(home, environment)) {
  program_.wait_for("}");
  Reply facts;
  facts.body = program_.out();
  const auto url = facts.at("/engine");
  port_ = static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
  std::ifstream(home / "state" / "relay-broker" / "engine" / "workspace.key") >> key_;
}

void ServedEngine::kill() {
  program_.signal(SIGKILL);
  (void)program_.wait_end();
}

Reply ServedEngine::ask(const std::string& method, const std::string& target,
                        const std::string& token, const std::string& body,
                        const std::string& idempotency_key) const {
  std::vector<std::string> lines{"Host: 127.0.0.1:" + std::to_string(port_),
                                 "Authorization: Bearer " + token};
  if (!body.empty()) lines.emplace_back("Content-Type: application/json");
  if (!idempotency_key.empty()) lines.push_back("Idempotency-Key: " + idempotency_key);
  return http_ask(port_, method, target, lines, body);
}

std::string ServedEngine::add_agent(const std::string& name) const {
  const auto made = ask("POST", "/v1/agents", key_, "{\"name\":\"" + name + "\"}");
  if (made.status != 201) throw std::runtime_error(name + ": " + made.body);
  return made.at("/data/token");
}

}  // namespace relay::test
