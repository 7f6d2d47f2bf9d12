#include "support/fake_engine.hpp"

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <stdexcept>

#include "support/fake_engine_core.hpp"
#include "support/fake_engine_http.hpp"
#include "support/loop.hpp"

namespace relay::test {
namespace {

asio::awaitable<void> accept_all(FakeEngineCore* core) {
  for (;;) {
    std::error_code error;
    auto socket =
        co_await core->acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    core->group.spawn(serve_fake_connection(core, std::move(socket)));
  }
}

wire::Json json_of(std::string_view text) {
  auto json = wire::Json::parse(text);
  if (!json) throw std::invalid_argument(json.error().message);
  return std::move(*json);
}

}  // namespace

FakeEngineCore::FakeEngineCore(asio::io_context& io_in)
    : io(io_in),
      acceptor(io_in),
      transcript(io_in.get_executor()),
      state([this](const std::string& node_id, std::string key, std::string text) {
        if (auto* socket = socket_of(node_id)) socket->send(std::move(key), std::move(text));
      }),
      released(io_in.get_executor()),
      group(io_in.get_executor()) {}

void FakeEngineCore::listen() {
  const asio::ip::tcp::endpoint where(asio::ip::address_v4::loopback(), port);
  acceptor.open(where.protocol());
  acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true));
  acceptor.bind(where);
  acceptor.listen();
  port = acceptor.local_endpoint().port();
  group.spawn(accept_all(this));
}

void FakeEngineCore::down() {
  acceptor.close();
  for (FakeNodeSocket* socket : sockets) socket->reset();
  for (FakeConnection* connection : connections) connection->reset();
}

FakeNodeSocket* FakeEngineCore::socket_of(std::string_view node_id) {
  for (auto it = sockets.rbegin(); it != sockets.rend(); ++it) {
    if ((*it)->node_id() == node_id) return *it;
  }
  return nullptr;
}

FakeEngine::FakeEngine(asio::io_context& io) : core_(std::make_unique<FakeEngineCore>(io)) {
  core_->listen();
}

FakeEngine::~FakeEngine() {
  if (!stopped_) run(core_->io, stop());
}

asio::awaitable<void> FakeEngine::stop() {
  stopped_ = true;
  co_await net::shielded();
  core_->down();
  core_->group.cancel();
  co_await core_->group.join();
}

std::uint16_t FakeEngine::port() const {
  return core_->port;
}

std::string FakeEngine::url() const {
  return fmt::format("http://127.0.0.1:{}", core_->port);
}

std::string FakeEngine::dm(const std::string& from, std::string_view to, const std::string& text,
                           wire::InjectionMode mode) {
  FakeState& state = core_->state;
  FakeAgent& recipient = state.agent(to);
  return state.dm(state.agent_or_new(from), recipient, text, mode);
}

void FakeEngine::notify(std::string_view to, std::string msg_id, std::string_view payload) {
  core_->state.notify(core_->state.agent(to), std::move(msg_id), json_of(payload));
}

std::string FakeEngine::invoke(std::string_view node, std::string action, std::string_view input) {
  FakeState& state = core_->state;
  return state.invoke(state.node(node), std::move(action), json_of(input), {}).id;
}

FakeState& FakeEngine::state() {
  return core_->state;
}

Transcript& FakeEngine::transcript() {
  return core_->transcript;
}

void FakeEngine::answer(std::string pattern, HttpScript script, std::size_t times,
                        std::size_t skip) {
  core_->answers.add(std::move(pattern), std::move(script), times, skip);
}

void FakeEngine::outgoing(std::string type, FrameScript script, std::size_t times,
                          std::size_t skip) {
  core_->outgoing.add(std::move(type), std::move(script), times, skip);
}

void FakeEngine::incoming(std::string type, FrameScript script, std::size_t times,
                          std::size_t skip) {
  core_->incoming.add(std::move(type), std::move(script), times, skip);
}

void FakeEngine::clear_scripts() {
  core_->answers.clear();
  core_->outgoing.clear();
  core_->incoming.clear();
}

void FakeEngine::release_answers() {
  core_->released.notify();
}

void FakeEngine::release_frames() {
  for (auto& held : std::exchange(core_->held, {})) {
    auto* socket = core_->socket_of(held.node_id);
    auto* node = core_->state.node_with_id(held.node_id);
    if (held.is_out && socket != nullptr) {
      socket->send_unscripted(std::move(held.key), std::move(held.text));
    } else if (!held.is_out && node != nullptr) {
      core_->state.take(*node, held.text);
    }
  }
}

FakeNodeSocket& FakeEngine::socket(std::string_view node) {
  for (auto it = core_->sockets.rbegin(); it != core_->sockets.rend(); ++it) {
    const FakeNode* owner = core_->state.node_with_id((*it)->node_id());
    if (node.empty() || (owner != nullptr && owner->name == node)) return **it;
  }
  throw NotSeen(fmt::format("node '{}' is not connected; the engine saw:\n{}", node,
                            core_->transcript.text()));
}

std::size_t FakeEngine::open_sockets() const {
  return core_->sockets.size();
}

void FakeEngine::down() {
  core_->down();
}

void FakeEngine::up() {
  core_->listen();
}

asio::awaitable<Record> FakeEngine::next_request(std::string pattern, Duration at_most) {
  return core_->transcript.next(Record::Kind::request, std::move(pattern), at_most);
}

asio::awaitable<Record> FakeEngine::next_frame(std::string type, Duration at_most) {
  return core_->transcript.next(Record::Kind::frame_in, std::move(type), at_most);
}

asio::awaitable<Record> FakeEngine::next_sent(std::string type, Duration at_most) {
  return core_->transcript.next(Record::Kind::frame_out, std::move(type), at_most);
}

asio::awaitable<Record> FakeEngine::next_note(std::string what, Duration at_most) {
  return core_->transcript.next(Record::Kind::note, std::move(what), at_most);
}

std::vector<Record> FakeEngine::requests_of(std::string_view pattern) const {
  return core_->transcript.all(Record::Kind::request, pattern);
}

std::vector<Record> FakeEngine::frames_of(std::string_view type) const {
  return core_->transcript.all(Record::Kind::frame_in, type);
}

std::vector<Record> FakeEngine::sent_of(std::string_view type) const {
  return core_->transcript.all(Record::Kind::frame_out, type);
}

asio::awaitable<void> FakeEngine::settle(std::string node) {
  const std::string mark = fmt::format("settle-{}", ++settled_);
  socket(node).ping(mark);
  co_await next_note("pong:" + mark);
}

}  // namespace relay::test
