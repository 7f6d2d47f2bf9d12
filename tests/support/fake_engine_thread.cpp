#include "support/fake_engine_thread.hpp"

#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>

namespace relay::test {

FakeEngineThread::FakeEngineThread() : thread_([this] { io_.run(); }) {}

FakeEngineThread::~FakeEngineThread() {
  asio::co_spawn(io_, engine_.stop(), asio::use_future).get();
  busy_.reset();
  thread_.join();
}

Record FakeEngineThread::next_request(std::string pattern, Duration at_most) {
  auto work = engine_.next_request(std::move(pattern), at_most);
  return asio::co_spawn(io_, std::move(work), asio::use_future).get();
}

Record FakeEngineThread::next_frame(std::string type, Duration at_most) {
  auto work = engine_.next_frame(std::move(type), at_most);
  return asio::co_spawn(io_, std::move(work), asio::use_future).get();
}

Record FakeEngineThread::next_sent(std::string type, Duration at_most) {
  auto work = engine_.next_sent(std::move(type), at_most);
  return asio::co_spawn(io_, std::move(work), asio::use_future).get();
}

Record FakeEngineThread::next_note(std::string what, Duration at_most) {
  auto work = engine_.next_note(std::move(what), at_most);
  return asio::co_spawn(io_, std::move(work), asio::use_future).get();
}

void FakeEngineThread::settle(std::string node) {
  asio::co_spawn(io_, engine_.settle(std::move(node)), asio::use_future).get();
}

}  // namespace relay::test
