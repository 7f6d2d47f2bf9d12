#include "support/fake_engine_node_socket.hpp"

#include <algorithm>
#include <array>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <fmt/format.h>
#include <stdexcept>

#include "net/timeout.hpp"
#include "support/fake_engine_core.hpp"
#include "support/json_edit.hpp"

namespace relay::test {
namespace {

/// Far more than the product may send, so that it is the product's own limit that a test sees.
constexpr std::size_t kFrameMost = std::size_t{64} << 20U;
/// A test that queues more has gone astray.
constexpr std::size_t kQueuedMost = std::size_t{128} << 20U;
/// Waits end by an event or a cancellation, never by this.
constexpr Duration kLongWait = std::chrono::hours(1);

net::WsLimits limits() {
  return {kFrameMost, kFrameMost};
}

}  // namespace

FakeNodeSocket::FakeNodeSocket(FakeEngineCore* core, asio::ip::tcp::socket* socket,
                               std::string connection, std::string node_id,
                               std::string already_read)
    : core_(core),
      socket_(socket),
      connection_(std::move(connection)),
      node_id_(std::move(node_id)),
      input_(std::move(already_read)),
      codec_(net::WsFrameCodec::server(limits())),
      changed_(socket->get_executor()),
      group_(socket->get_executor()) {
  for (FakeNodeSocket* other : core_->sockets) {
    if (other->node_id_ == node_id_) other->close(net::ws_close::kNormal, "superseded");
  }
  core_->sockets.push_back(this);
  note("node connected", node_id_);
}

FakeNodeSocket::~FakeNodeSocket() {
  core_->sockets.remove(this);
}

void FakeNodeSocket::note(std::string what, std::string text) {
  core_->transcript.add(Record::Kind::note, connection_, std::move(what), std::move(text));
}

asio::awaitable<void> FakeNodeSocket::run() {
  group_.spawn(write());
  std::exception_ptr broken;
  try {
    co_await read();
  } catch (...) {
    broken = std::current_exception();
  }
  co_await net::shielded();
  // What was said last goes out before the end.
  while (!over_ && !out_.empty() && mode_ != Mode::black_hole) {
    const bool moved = co_await changed_.wait(std::chrono::seconds(2));
    if (!moved) break;
  }
  over_ = true;
  changed_.notify();
  group_.cancel();
  co_await group_.join();
  note("node gone", end_);
  FakeNode* node = core_->state.node_with_id(node_id_);
  core_->sockets.remove(this);
  if (node != nullptr && core_->socket_of(node_id_) == nullptr) core_->state.disconnected(*node);
  if (broken) std::rethrow_exception(broken);
}

asio::awaitable<void> FakeNodeSocket::read() {
  std::array<char, 65536> buffer{};
  bool alive = on_input();
  while (alive && !over_) {
    if (!reads()) {
      co_await changed_.wait(kLongWait);
      continue;
    }
    std::error_code error;
    // Looks at the mode again between the wait and the read, so that `deaf` is exact.
    co_await socket_->async_wait(asio::ip::tcp::socket::wait_read,
                                 asio::redirect_error(asio::use_awaitable, error));
    if (!error && !reads()) continue;
    std::size_t size = 0;
    if (!error) {
      size = co_await socket_->async_read_some(asio::buffer(buffer),
                                               asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) {
      if (end_.empty()) end_ = error == asio::error::eof ? "eof" : error.message();
      co_return;
    }
    input_.assign(buffer.data(), size);
    alive = on_input();
  }
}

/// False when the node has ended the connection.
bool FakeNodeSocket::on_input() {
  std::span<char> rest(input_);
  while (auto event = codec_.next(rest)) {
    switch (event->kind) {
      case net::WsEvent::Kind::text: on_text(std::move(event->payload)); break;
      case net::WsEvent::Kind::binary: note("binary frame", std::move(event->payload)); break;
      case net::WsEvent::Kind::pong: note("pong:" + event->payload); break;
      case net::WsEvent::Kind::ping: {
        note("ping", event->payload);
        Out pong;
        codec_.put_pong(event->payload, pong.bytes);
        put(std::move(pong));
        break;
      }
      case net::WsEvent::Kind::close: {
        end_ = fmt::format("close {} {}", event->code, event->payload);
        if (!close_sent_) {
          Out answer;
          codec_.put_close(event->code, {}, answer.bytes);
          put(std::move(answer));
        }
        return false;
      }
      case net::WsEvent::Kind::error:
        end_ = fmt::format("protocol error {} {}", event->code, event->payload);
        return false;
    }
  }
  return true;
}

void FakeNodeSocket::on_text(std::string text) {
  const std::string type = json_string_at(text, "/type");
  core_->transcript.add(Record::Kind::frame_in, connection_, type, text);
  if (mode_ == Mode::mute) return;
  if (auto script = core_->incoming.take(type)) {
    if (script->act == FrameScript::Act::drop) return note("dropped " + type);
    if (script->act != FrameScript::Act::hold) {
      throw std::logic_error("an incoming frame can be dropped or held");
    }
    core_->held.push_back({node_id_, type, std::move(text), false});
    return note("held " + type);
  }
  if (FakeNode* node = core_->state.node_with_id(node_id_)) core_->state.take(*node, text);
}

void FakeNodeSocket::send(std::string key, std::string text) {
  auto script = core_->outgoing.take(key);
  if (!script) return send_unscripted(std::move(key), std::move(text));
  switch (script->act) {
    case FrameScript::Act::drop: return note("dropped " + key, text);
    case FrameScript::Act::duplicate:
      send_unscripted(key, text);
      return send_unscripted(std::move(key), std::move(text));
    case FrameScript::Act::swap: {
      Out later;
      codec_.put_text(text, later.bytes);
      later.what = std::move(key);
      later.text = std::move(text);
      swapped_ = std::move(later);
      return;
    }
    case FrameScript::Act::hold:
      note("held " + key, text);
      core_->held.push_back({node_id_, std::move(key), std::move(text), true});
      return;
    case FrameScript::Act::edit:
      return send_unscripted(std::move(key), script->change(std::move(text)));
    case FrameScript::Act::cut: {
      note(fmt::format("cut {} after {} bytes", key, script->cut), text);
      Out part;
      codec_.put_text(text, part.bytes);
      part.bytes.resize(std::min(part.bytes.size(), script->cut));
      part.then = Then::reset;
      return put(std::move(part));
    }
  }
}

void FakeNodeSocket::send_unscripted(std::string what, std::string text) {
  Out out;
  codec_.put_text(text, out.bytes);
  out.what = std::move(what);
  out.text = std::move(text);
  put(std::move(out));
  if (!swapped_) return;
  Out later = std::move(*swapped_);
  swapped_.reset();
  put(std::move(later));
}

void FakeNodeSocket::put(Out out) {
  if (over_) return;
  queued_ += out.bytes.size();
  if (queued_ > kQueuedMost) throw std::length_error("too much for one node socket");
  out_.push_back(std::move(out));
  changed_.notify();
}

asio::awaitable<void> FakeNodeSocket::write() {
  while (!over_) {
    if (out_.empty() || mode_ == Mode::black_hole) {
      co_await changed_.wait(kLongWait);
      continue;
    }
    std::error_code error;
    co_await asio::async_write(*socket_, asio::buffer(out_.front().bytes),
                               asio::redirect_error(asio::use_awaitable, error));
    if (over_ || error) co_return;
    Out out = std::move(out_.front());
    out_.pop_front();
    queued_ -= out.bytes.size();
    if (!out.what.empty()) {
      core_->transcript.add(Record::Kind::frame_out, connection_, out.what, out.text);
    }
    changed_.notify();
    if (out.then == Then::reset) co_return reset();
    if (out.then == Then::cut) {
      std::error_code ignored;
      socket_->shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
      end_ = "cut";
    }
  }
}

void FakeNodeSocket::send_as_is(std::string text) {
  std::string type = json_string_at(text, "/type");
  send_unscripted(type.empty() ? "raw" : std::move(type), std::move(text));
}

void FakeNodeSocket::send_binary(std::string data) {
  Out out;
  codec_.put_binary(data, out.bytes);
  out.what = "binary";
  put(std::move(out));
}

void FakeNodeSocket::send_bytes(std::string bytes) {
  Out out;
  out.bytes = std::move(bytes);
  out.what = "bytes";
  put(std::move(out));
}

void FakeNodeSocket::ping(std::string data) {
  Out out;
  codec_.put_ping(data, out.bytes);
  put(std::move(out));
}

void FakeNodeSocket::set_mode(Mode mode) {
  mode_ = mode;
  changed_.notify();
}

void FakeNodeSocket::close(std::uint16_t code, std::string reason) {
  if (close_sent_) return;
  Out out;
  codec_.put_close(code, reason, out.bytes);
  put(std::move(out));
  close_sent_ = true;
}

void FakeNodeSocket::cut() {
  Out out;
  out.then = Then::cut;
  put(std::move(out));
}

void FakeNodeSocket::reset() {
  if (over_) return;
  over_ = true;
  end_ = "reset";
  reset_socket(*socket_);
  changed_.notify();
}

}  // namespace relay::test
