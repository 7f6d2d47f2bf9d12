// A token file that is accepted names a node and a token, and its written form is read back as the
// same; an engine address that is accepted is its own normal form.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.hpp"
#include "token_cache/node_identity.hpp"
#include "token_cache/token_file.hpp"

namespace relay::fuzz::token_file {

namespace {

void check_file(std::string_view input) {
  namespace cache = relay::token_cache;
  const auto file = cache::parse_token_file(input);
  if (!file) return;
  if (file->node_id.empty() || file->token.empty()) std::abort();
  const auto again = cache::parse_token_file(cache::token_file_text(*file));
  if (!again || again->node_id != file->node_id || !(again->token == file->token) ||
      again->workspace_id != file->workspace_id || again->engine != file->engine ||
      again->node_name != file->node_name || again->directory != file->directory) {
    std::abort();
  }
}

void check_address(std::string_view input) {
  const auto address = relay::token_cache::engine_address(input);
  if (!address) return;
  const auto again = relay::token_cache::engine_address(*address);
  if (!again || *again != *address) std::abort();
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_file(input);
  check_address(input);
  return 0;
}

}  // namespace relay::fuzz::token_file
