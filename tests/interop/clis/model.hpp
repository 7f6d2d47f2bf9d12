#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/event.hpp"

namespace relay::interop {

/// What a model was asked: all user texts of one request, oldest first.
struct ModelRequest {
  ModelRequest(Monotonic at_in, std::vector<std::string> texts_in)
      : at(at_in), texts(std::move(texts_in)) {}
  Monotonic at;
  std::vector<std::string> texts;
};

/// model_server.mjs as a child of ours: answers on loopback and tells what it was asked. It ends
/// with this.
class Model {
 public:
  static asio::awaitable<Result<std::unique_ptr<Model>>> start(asio::any_io_executor executor,
                                                               Duration answer_after, int tools);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// Reads what the server tells, until it has ended or this is cancelled. In a task group of the
  /// owner.
  asio::awaitable<void> run();

  [[nodiscard]] std::uint16_t port() const;
  /// The requests of conversations (those for titles and the like are left out).
  [[nodiscard]] const std::vector<ModelRequest>& requests() const;
  /// How many of them have been answered.
  [[nodiscard]] std::size_t answered() const;
  /// Hosts beyond loopback that somebody wanted a tunnel to; it was refused.
  [[nodiscard]] const std::vector<std::string>& ways_out() const;
  /// Notified after each line of the server.
  [[nodiscard]] net::Event& changed();

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay::interop
