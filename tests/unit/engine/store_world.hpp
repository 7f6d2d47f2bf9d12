#pragma once

#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/refusal.hpp"
#include "engine/store/store.hpp"

namespace relay::engine {

/// A store of a test's own, whatever it stands on.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  /// One operation: all of it is durable afterwards, or nothing when `work` fails.
  virtual Result<void> operation(const std::function<Result<void>(Store&)>& work) = 0;
  virtual Result<void> reading(const std::function<Result<void>(const Store&)>& work) = 0;
  /// Ends it, and opens what is left.
  virtual void restart() = 0;
};

using StoreFactory =
    std::function<std::unique_ptr<StoreUnderTest>(const Clock&, DeliveryStore::Limits)>;

/// Every store that there is. Each test of the contract runs on each of them.
[[nodiscard]] const std::vector<StoreFactory>& store_factories();

/// A workspace, and words for what tests do with it.
class StoreWorld {
 public:
  StoreWorld(const StoreFactory& factory, DeliveryStore::Limits limits);

  /// What `work(store)` returns, as one operation.
  template <class Work>
  auto write(Work work) {
    std::optional<decltype(work(std::declval<Store&>()))> answer;
    auto done = store->operation([&](Store& of) -> Result<void> {
      answer.emplace(work(of));
      if (!*answer) return fail(answer->error());
      return {};
    });
    if (*answer && !done) throw std::runtime_error(done.error().message);
    return *std::move(answer);
  }
  template <class Work>
  auto read(Work work) {
    std::optional<decltype(work(std::declval<const Store&>()))> answer;
    auto done = store->reading([&](const Store& of) -> Result<void> {
      answer.emplace(work(of));
      return {};
    });
    if (!done) throw std::runtime_error(done.error().message);
    return *std::move(answer);
  }
  /// The value, or the test ends with the error.
  template <class T>
  static T get(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<T>) return *std::move(result);
  }
  template <class T>
  static std::string refusal(const Result<T>& result) {
    return result ? "none" : std::string(name_of(refusal_of(result.error())));
  }

  Agent agent(const std::string& name);
  Channel channel(const std::string& name, const std::vector<Agent>& members);
  Posted post(const Channel& channel, const Agent& author, const std::string& text);
  Posted dm(const Agent& from, const Agent& to, const std::string& text);
  Node broker(const std::string& name, const std::vector<std::string>& capabilities = {},
              std::uint32_t max_agents = 0);
  /// On that node, with a token of its own.
  Result<Agent> claim(const Node& node, const std::string& name);
  std::vector<std::uint64_t> open_seqs(const Agent& agent);
  Delivery delivery(const Posted& posted, const Agent& to);

  FakeClock clock;
  std::unique_ptr<StoreUnderTest> store;
  Workspace workspace;

 private:
  int tokens_ = 0;
};

void on_each_store(const std::function<void(StoreWorld&)>& test,
                   DeliveryStore::Limits limits = DeliveryStore::Limits());

}  // namespace relay::engine
