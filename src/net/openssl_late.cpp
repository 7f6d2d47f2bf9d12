// The functions of OpenSSL that we call, under their own names: each loads the library when it is
// called first. Loading takes a third of the time in which a command starts and ends, and most
// commands never need it. Only where OpenSSL is a shared library of
// the system.
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <string>

#include "net/openssl.hpp"
#include "os/late_library.hpp"

namespace {

#define RELAY_TEXT(number) #number
#define RELAY_NAME(number) "libssl.so." RELAY_TEXT(number)
/// The one that we were compiled for; libcrypto comes with it.
constexpr const char* kOpensslName = RELAY_NAME(OPENSSL_SHLIB_VERSION);

void* library() {
  // Never unloaded: what it has started may outlive us.
  static void* const loaded = relay::os::open_late(kOpensslName, OPENSSL_DIRECTORY);
  return loaded;
}

template <class Function>
Function* find(const char* name) {
  void* found = library() == nullptr ? nullptr : ::dlsym(library(), name);
  if (found == nullptr) {
    std::fprintf(stderr, "relay-broker: %s of %s is not there\n", name, kOpensslName);
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

}  // namespace

namespace relay::net {

Result<void> load_openssl() {
  if (library() != nullptr) return {};
  return fail(Code::internal_error,
              std::string("OpenSSL cannot be used: there is no ") + kOpensslName,
              "install OpenSSL (Debian: libssl3)");
}

}  // namespace relay::net

// NOLINTBEGIN(bugprone-macro-parentheses): types and lists of parameters.
#define RELAY_LATE(Result, name, parameters, arguments)          \
  Result name parameters {                                       \
    static auto* const function = find<decltype(::name)>(#name); \
    return function arguments;                                   \
  }
// NOLINTEND(bugprone-macro-parentheses)

extern "C" {

RELAY_LATE(long, BIO_ctrl, (BIO * bio, int what, long number, void* data),
           (bio, what, number, data))
RELAY_LATE(size_t, BIO_ctrl_pending, (BIO * bio), (bio))
RELAY_LATE(BIO*, BIO_new, (const BIO_METHOD* method), (method))
RELAY_LATE(int, BIO_read, (BIO * bio, void* data, int size), (bio, data, size))
RELAY_LATE(const BIO_METHOD*, BIO_s_mem, (), ())
RELAY_LATE(int, BIO_write, (BIO * bio, const void* data, int size), (bio, data, size))
RELAY_LATE(int, CRYPTO_memcmp, (const void* left, const void* right, size_t size),
           (left, right, size))
RELAY_LATE(void, ERR_clear_error, (), ())
RELAY_LATE(unsigned long, ERR_get_error, (), ())
RELAY_LATE(const char*, ERR_lib_error_string, (unsigned long code), (code))
RELAY_LATE(const char*, ERR_reason_error_string, (unsigned long code), (code))
RELAY_LATE(int, EVP_EncodeBlock, (unsigned char* to, const unsigned char* from, int size),
           (to, from, size))
RELAY_LATE(const EVP_MD*, EVP_sha256, (), ())
RELAY_LATE(unsigned char*, HMAC,
           (const EVP_MD* digest, const void* key, int key_size, const unsigned char* data,
            size_t size, unsigned char* out, unsigned int* out_size),
           (digest, key, key_size, data, size, out, out_size))
RELAY_LATE(int, RAND_bytes, (unsigned char* to, int size), (to, size))
RELAY_LATE(unsigned char*, SHA256, (const unsigned char* data, size_t size, unsigned char* out),
           (data, size, out))
RELAY_LATE(long, SSL_CTX_ctrl, (SSL_CTX * context, int what, long number, void* data),
           (context, what, number, data))
RELAY_LATE(void, SSL_CTX_free, (SSL_CTX * context), (context))
RELAY_LATE(int, SSL_CTX_load_verify_dir, (SSL_CTX * context, const char* path), (context, path))
RELAY_LATE(int, SSL_CTX_load_verify_file, (SSL_CTX * context, const char* path), (context, path))
RELAY_LATE(SSL_CTX*, SSL_CTX_new, (const SSL_METHOD* method), (method))
RELAY_LATE(int, SSL_CTX_set_alpn_protos,
           (SSL_CTX * context, const unsigned char* names, unsigned int size),
           (context, names, size))
RELAY_LATE(int, SSL_CTX_set_default_verify_paths, (SSL_CTX * context), (context))
RELAY_LATE(uint64_t, SSL_CTX_set_options, (SSL_CTX * context, uint64_t options), (context, options))
RELAY_LATE(void, SSL_CTX_set_verify, (SSL_CTX * context, int mode, SSL_verify_cb callback),
           (context, mode, callback))
RELAY_LATE(int, SSL_CTX_use_PrivateKey_file, (SSL_CTX * context, const char* path, int type),
           (context, path, type))
RELAY_LATE(int, SSL_CTX_use_certificate_chain_file, (SSL_CTX * context, const char* path),
           (context, path))
RELAY_LATE(long, SSL_ctrl, (SSL * ssl, int what, long number, void* data),
           (ssl, what, number, data))
RELAY_LATE(int, SSL_do_handshake, (SSL * ssl), (ssl))
RELAY_LATE(void, SSL_free, (SSL * ssl), (ssl))
RELAY_LATE(X509_VERIFY_PARAM*, SSL_get0_param, (SSL * ssl), (ssl))
RELAY_LATE(int, SSL_get_error, (const SSL* ssl, int outcome), (ssl, outcome))
RELAY_LATE(long, SSL_get_verify_result, (const SSL* ssl), (ssl))
RELAY_LATE(SSL*, SSL_new, (SSL_CTX * context), (context))
RELAY_LATE(int, SSL_pending, (const SSL* ssl), (ssl))
RELAY_LATE(int, SSL_read_ex, (SSL * ssl, void* to, size_t size, size_t* got), (ssl, to, size, got))
RELAY_LATE(int, SSL_set1_host, (SSL * ssl, const char* name), (ssl, name))
RELAY_LATE(void, SSL_set_accept_state, (SSL * ssl), (ssl))
RELAY_LATE(void, SSL_set_bio, (SSL * ssl, BIO* in, BIO* out), (ssl, in, out))
RELAY_LATE(void, SSL_set_connect_state, (SSL * ssl), (ssl))
RELAY_LATE(void, SSL_set_hostflags, (SSL * ssl, unsigned int flags), (ssl, flags))
RELAY_LATE(int, SSL_shutdown, (SSL * ssl), (ssl))
RELAY_LATE(int, SSL_write_ex, (SSL * ssl, const void* from, size_t size, size_t* taken),
           (ssl, from, size, taken))
RELAY_LATE(const SSL_METHOD*, TLS_client_method, (), ())
RELAY_LATE(const SSL_METHOD*, TLS_server_method, (), ())
RELAY_LATE(int, X509_VERIFY_PARAM_set1_ip_asc,
           (X509_VERIFY_PARAM * parameters, const char* address), (parameters, address))
RELAY_LATE(const char*, X509_get_default_cert_dir_env, (), ())
RELAY_LATE(const char*, X509_get_default_cert_file, (), ())
RELAY_LATE(const char*, X509_get_default_cert_file_env, (), ())
RELAY_LATE(const char*, X509_verify_cert_error_string, (long code), (code))

}  // extern "C"
