#include "net/tls_stream.hpp"

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <utility>

#include "base/clock.hpp"

namespace relay::net {
namespace {

/// How much is encrypted ahead of the socket: more only costs memory.
constexpr std::size_t kAheadMost = std::size_t{64} << 10U;
/// A record of TLS with its overhead fits, so that one is read in one call.
constexpr std::size_t kRecordMost = 17000;
/// How long the peer has to take what was written before our close_notify.
constexpr std::chrono::seconds kShutdownWithin{2};
/// A wait that only the socket or a cancellation ends.
constexpr std::chrono::hours kLong{24};

std::error_code broken() {
  return {static_cast<int>(std::errc::connection_aborted), asio::error::get_system_category()};
}

std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  const char* text = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return text != nullptr ? text : "connection closed";
}

}  // namespace

class TlsStream::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(StreamPtr below_in, SslPtr ssl_in)
      : below(std::move(below_in)),
        ssl(std::move(ssl_in)),
        in(BIO_new(BIO_s_mem())),
        out(BIO_new(BIO_s_mem())),
        changed(below->executor()) {
    // An empty buffer means "later", not the end.
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(ssl.get(), in, out);
  }

  [[nodiscard]] bool has_output() const { return BIO_ctrl_pending(out) != 0; }

  /// Hands records down as far as the stream takes them.
  std::error_code pump_out() {
    while (has_output()) {
      char* bytes = nullptr;
      const long size = BIO_get_mem_data(out, &bytes);
      const auto sent =
          below->try_write(std::span<const char>(bytes, static_cast<std::size_t>(size)));
      if (!sent.ok()) return sent.error;
      skip(sent.bytes);
    }
    return {};
  }

  /// Takes bytes from below; `would_block` when none are there.
  std::error_code fill_in() {
    std::array<char, kRecordMost> bytes;
    const auto got = below->try_read(bytes);
    if (!got.ok()) return got.error;
    BIO_write(in, bytes.data(), static_cast<int>(got.bytes));
    return {};
  }

  /// Goes on writing by itself what did not fit.
  void drain() {
    if (draining || closed || !has_output()) return;
    draining = true;
    below->on_writable([weak = weak_from_this()](const std::error_code& error) {
      if (const auto self = weak.lock()) self->drained(error);
    });
  }

  void drained(std::error_code error) {
    draining = false;
    if (closed) error = asio::error::operation_aborted;
    const bool interrupted = error == asio::error::operation_aborted;
    if (!error) error = pump_out();
    if (would_block(error) || interrupted) drain();
    if (would_block(error)) return;
    if (error && !interrupted) failure = error;
    changed.notify();
    if (auto call = std::exchange(writable, nullptr)) call(error);
  }

  StreamPtr below;
  SslPtr ssl;
  /// Owned by `ssl`.
  BIO* in;
  BIO* out;
  /// `drain` waits for the stream below.
  bool draining = false;
  bool closed = false;
  std::error_code failure;
  std::function<void(std::error_code)> writable;
  Event changed;

 private:
  void skip(std::size_t bytes) {
    std::array<char, 4096> sink;
    while (bytes != 0) {
      const int n = BIO_read(out, sink.data(), static_cast<int>(std::min(bytes, sink.size())));
      if (n <= 0) return;
      bytes -= static_cast<std::size_t>(n);
    }
  }
};

TlsStream::TlsStream(StreamPtr below, SslPtr ssl)
    : core_(std::make_shared<Core>(std::move(below), std::move(ssl))) {}

TlsStream::~TlsStream() {
  close();
}

asio::awaitable<std::optional<std::string>> TlsStream::handshake() {
  Core& core = *core_;
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(core.ssl.get());
    const int why = SSL_get_error(core.ssl.get(), done);
    std::string reason;
    if (done != 1 && why != SSL_ERROR_WANT_READ) {
      reason = openssl_reason();
      const long verified = SSL_get_verify_result(core.ssl.get());
      if (verified != X509_V_OK) {
        reason += ": ";
        reason += X509_verify_cert_error_string(verified);
      }
    }
    // Also after a failure: the alert tells the peer why.
    auto error = core.pump_out();
    while (would_block(error)) {
      core.drain();
      co_await core.changed.wait(kLong);
      error = core.failure ? core.failure : core.pump_out();
    }
    if (done == 1) co_return std::nullopt;
    if (!reason.empty()) co_return reason;
    if (error) co_return error.message();
    error = co_await core.below->wait_readable();
    if (!error) error = core.fill_in();
    if (error == asio::error::eof) co_return "the peer ended the connection in the handshake";
    if (error && !would_block(error)) co_return error.message();
  }
}

asio::any_io_executor TlsStream::executor() {
  return core_->below->executor();
}

IoResult TlsStream::try_read(std::span<char> into) {
  Core& core = *core_;
  for (;;) {
    ERR_clear_error();
    std::size_t got = 0;
    const int done = SSL_read_ex(core.ssl.get(), into.data(), into.size(), &got);
    if (done == 1) return {std::error_code(), got};
    switch (SSL_get_error(core.ssl.get(), done)) {
      case SSL_ERROR_ZERO_RETURN: return {asio::error::eof, 0};
      case SSL_ERROR_WANT_READ: break;
      case SSL_ERROR_SSL:
        return {std::error_code(static_cast<int>(ERR_get_error()), asio::error::get_ssl_category()),
                0};
      default: return {broken(), 0};
    }
    // Key updates are answered in passing.
    if (core.has_output() && !core.draining && would_block(core.pump_out())) core.drain();
    const auto error = core.fill_in();
    // Without close_notify the end may have been forged.
    if (error == asio::error::eof) return {broken(), 0};
    if (error) return {error, 0};
  }
}

IoResult TlsStream::try_write(std::span<const char> from) {
  Core& core = *core_;
  if (core.failure) return {core.failure, 0};
  if (auto error = core.pump_out()) {
    if (would_block(error)) core.drain();
    return {error, 0};
  }
  if (from.empty()) return {std::error_code(), 0};
  ERR_clear_error();
  std::size_t taken = 0;
  const std::size_t size = std::min(from.size(), kAheadMost);
  if (SSL_write_ex(core.ssl.get(), from.data(), size, &taken) != 1) return {broken(), 0};
  if (auto error = core.pump_out()) {
    if (!would_block(error)) return {error, 0};
    core.drain();
  }
  return {std::error_code(), taken};
}

void TlsStream::on_writable(std::function<void(std::error_code)> call) {
  Core& core = *core_;
  if (core.has_output() && !core.closed && !core.failure) {
    core.writable = std::move(call);
    core.drain();
    return;
  }
  const std::error_code error = core.closed ? asio::error::operation_aborted : core.failure;
  asio::post(executor(), [call = std::move(call), error] { call(error); });
}

asio::awaitable<std::error_code> TlsStream::wait_readable() {
  Core& core = *core_;
  // Half a record does not count: SSL_pending is what can be read at once.
  if (SSL_pending(core.ssl.get()) > 0 || BIO_ctrl_pending(core.in) > 0) co_return std::error_code();
  co_return co_await core.below->wait_readable();
}

asio::awaitable<IoResult> TlsStream::read_some(std::span<char> into) {
  for (;;) {
    const auto got = try_read(into);
    if (!would_block(got.error)) co_return got;
    const auto error = co_await core_->below->wait_readable();
    if (error) co_return IoResult(error, 0);
  }
}

asio::awaitable<IoResult> TlsStream::write(std::span<const char> from) {
  Core& core = *core_;
  std::size_t done = 0;
  for (;;) {
    const auto sent = try_write(from.subspan(done));
    done += sent.bytes;
    if (sent.error && !would_block(sent.error)) co_return IoResult(sent.error, done);
    if (core.has_output()) {
      core.drain();
      co_await core.changed.wait(kLong);
      if (core.failure) co_return IoResult(core.failure, done);
      if (core.closed) co_return IoResult(asio::error::operation_aborted, done);
    } else if (done == from.size()) {
      co_return IoResult(std::error_code(), done);
    }
  }
}

void TlsStream::cancel() noexcept {
  core_->below->cancel();
  core_->changed.notify();
}

asio::awaitable<void> TlsStream::shutdown_send() {
  Core& core = *core_;
  ERR_clear_error();
  SSL_shutdown(core.ssl.get());
  const auto by = SystemClock().now() + kShutdownWithin;
  while (would_block(core.pump_out())) {
    core.drain();
    if (!co_await core.changed.wait(by - SystemClock().now())) break;
    if (core.failure || core.closed) break;
  }
  co_await core.below->shutdown_send();
}

void TlsStream::close() noexcept {
  if (core_->closed) return;
  core_->closed = true;
  core_->below->close();
  core_->changed.notify();
}

std::optional<uid_t> TlsStream::peer_uid() const {
  return core_->below->peer_uid();
}

std::string TlsStream::peer_name() const {
  return core_->below->peer_name();
}

}  // namespace relay::net
