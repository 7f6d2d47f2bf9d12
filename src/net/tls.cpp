#include "net/tls.hpp"

#include <array>
#include <asio/ip/address.hpp>
#include <cstdlib>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>
#include <utility>

#include "net/openssl.hpp"
#include "net/tls_stream.hpp"

namespace relay::net {

struct TlsContext::Impl {
  struct Free {
    void operator()(SSL_CTX* made) const { SSL_CTX_free(made); }
  };
  std::unique_ptr<SSL_CTX, Free> context;
};

/// Lets the functions of this file into a TlsContext.
class TlsAccess {
 public:
  static SSL_CTX* native(const TlsContext& context) { return context.impl_->context.get(); }
};

namespace {

/// Where distributions keep their bundle, for an OpenSSL that was built for another place.
constexpr std::array kBundles{"/etc/ssl/certs/ca-certificates.crt",
                              "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

/// "http/1.1" as OpenSSL wants a list of protocols.
constexpr std::array<unsigned char, 9> kAlpn{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

Error tls_error(const std::string& what) {
  const unsigned long code = ERR_get_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return {Code::tls_failed, fmt::format("{}: {}", what, reason != nullptr ? reason : "unknown")};
}

bool is_address(const std::string& host) {
  std::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

void trust_system(SSL_CTX* context) {
  SSL_CTX_set_default_verify_paths(context);
  const bool configured = std::getenv(X509_get_default_cert_file_env()) != nullptr ||
                          std::getenv(X509_get_default_cert_dir_env()) != nullptr;
  if (configured || ::access(X509_get_default_cert_file(), R_OK) == 0) return;
  for (const char* bundle : kBundles) {
    if (::access(bundle, R_OK) == 0 && SSL_CTX_load_verify_file(context, bundle) == 1) break;
  }
  ERR_clear_error();
}

void common_rules(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Idle connections give their record buffers back; a write may be cut anywhere.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

asio::awaitable<Result<StreamPtr>> handshake(StreamPtr stream, SslPtr ssl, std::string what) {
  auto tls = std::make_unique<TlsStream>(std::move(stream), std::move(ssl));
  auto reason = co_await tls->handshake();
  if (reason) co_return fail(Code::tls_failed, fmt::format("{}: {}", what, *reason));
  co_return StreamPtr(std::move(tls));
}

}  // namespace

Result<TlsContext> TlsContext::client(const std::string& ca_file, const std::string& ca_directory) {
  auto usable = load_openssl();
  if (!usable) return fail(std::move(usable).error());
  ERR_clear_error();
  auto impl = std::make_shared<Impl>();
  impl->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = impl->context.get();
  if (context == nullptr) return fail(tls_error("cannot set up TLS"));
  common_rules(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(context, kAlpn.data(), kAlpn.size());
  if (ca_file.empty() && ca_directory.empty()) trust_system(context);
  if (!ca_directory.empty() && SSL_CTX_load_verify_dir(context, ca_directory.c_str()) != 1) {
    return fail(tls_error(fmt::format("cannot read certificates from {}", ca_directory)));
  }
  if (!ca_file.empty() && SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    return fail(tls_error(fmt::format("cannot read certificates from {}", ca_file)));
  }
  return TlsContext(std::move(impl));
}

Result<TlsContext> TlsContext::server(const std::string& certificate_file,
                                      const std::string& key_file) {
  auto usable = load_openssl();
  if (!usable) return fail(std::move(usable).error());
  ERR_clear_error();
  auto impl = std::make_shared<Impl>();
  impl->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = impl->context.get();
  if (context == nullptr) return fail(tls_error("cannot set up TLS"));
  common_rules(context);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return fail(tls_error(fmt::format("cannot use the certificate {}", certificate_file)));
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(tls_error(fmt::format("cannot use the key {}", key_file)));
  }
  return TlsContext(std::move(impl));
}

asio::awaitable<Result<StreamPtr>> tls_connect(StreamPtr stream, TlsContext context,
                                               std::string host) {
  SslPtr ssl(SSL_new(TlsAccess::native(context)));
  if (!ssl) co_return fail(tls_error("cannot set up TLS"));
  SSL_set_connect_state(ssl.get());
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
  } else {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl.get(), host.c_str());
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  }
  auto what = fmt::format("TLS with {} failed", host);
  auto work = handshake(std::move(stream), std::move(ssl), std::move(what));
  co_return co_await std::move(work);
}

asio::awaitable<Result<StreamPtr>> tls_accept(StreamPtr stream, TlsContext context) {
  SslPtr ssl(SSL_new(TlsAccess::native(context)));
  if (!ssl) co_return fail(tls_error("cannot set up TLS"));
  SSL_set_accept_state(ssl.get());
  auto what = fmt::format("TLS with {} failed", stream->peer_name());
  auto work = handshake(std::move(stream), std::move(ssl), std::move(what));
  co_return co_await std::move(work);
}

}  // namespace relay::net
