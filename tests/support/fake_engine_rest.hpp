#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/fake_engine_state.hpp"
#include "wire/envelope.hpp"
#include "wire/rest_agents.hpp"

// Internal to the fake engine: what its REST handlers share.
namespace relay::test {

/// One authorized request.
struct FakeState::Call {
  explicit Call(const net::HttpRequest& request_in) : request(request_in) {}
  /// The n-th segment in braces of the pattern.
  [[nodiscard]] const std::string& parameter(std::size_t n) const { return parameters.at(n); }

  const net::HttpRequest& request;
  std::vector<std::string> parameters;
  FakeWorkspace* workspace = nullptr;
  /// Who asks, when the token was an agent's.
  FakeAgent* agent = nullptr;
};

/// Ends a handler with an error answer.
struct FakeRefusal {
  int status;
  std::string code;
};

struct FakeState::Endpoint {
  enum class Needs { nothing, workspace, agent, any };
  std::string pattern;
  Needs needs;
  net::HttpResponse (FakeState::*handler)(Call& call);
};

template <class T>
net::HttpResponse fake_answer(int status, const T& data) {
  return {status, "application/json", wire::encode_answer(data)};
}

/// The typed body of a request; a bad one is refused as a v5 engine does.
template <class T>
T fake_body(const net::HttpRequest& request) {
  auto body = wire::decode_body<T>(request.body.empty() ? "{}" : request.body);
  if (body) return std::move(*body);
  throw FakeRefusal{400,
                    body.error().code == Code::invalid_json ? "invalid_json" : "invalid_request"};
}

/// Every time in the fake's answers.
inline constexpr const char* kFakeTime = "2026-01-01T00:00:00.000Z";

}  // namespace relay::test
