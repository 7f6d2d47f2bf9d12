#include "net/openssl.hpp"

// Where OpenSSL is a part of the program.
namespace relay::net {

Result<void> load_openssl() {
  return {};
}

}  // namespace relay::net
