#include "engine/service/engine_home.hpp"

#include <algorithm>
#include <utility>

#include "base/json_writer.hpp"
#include "engine/digest.hpp"
#include "wire/json.hpp"

namespace relay::engine {
namespace {

constexpr std::size_t kHomeFileMost = 16 * 1024;

}  // namespace

bool EngineAddress::is_or_was(std::string_view other) const {
  return other == url || std::find(former.begin(), former.end(), other) != former.end();
}

EngineHome EngineHome::of_database(const os::Path& database, os::Files& files) {
  const auto beside = [&database](const char* ending) { return os::Path(database) += ending; };
  return EngineHome(database, beside(".key"), beside(".json"), files);
}

Result<Secret> EngineHome::workspace_key(Random& random) {
  auto kept = files_.read_private(key_, kHomeFileMost);
  if (!kept && kept.error().code == Code::not_found) {
    auto made = files_.make_private_directory(database_.parent_path());
    const Secret fresh = new_token(TokenKind::workspace, random);
    std::string text = fresh.reveal() + "\n";
    if (made) made = files_.create(key_, text);
    wipe(text);
    if (!made && made.error().code != Code::conflict) return fail(std::move(made).error());
    kept = files_.read_private(key_, kHomeFileMost);
  }
  if (!kept) return fail(std::move(kept).error());
  while (kept->ends_with('\n')) kept->pop_back();
  if (!kept->starts_with("rk_")) {
    return fail(Code::invalid_argument, key_.string() + " holds no key of a workspace",
                "put the key back, or move it and the database away to begin anew");
  }
  return Secret(*std::move(kept));
}

Result<std::optional<EngineAddress>> EngineHome::address() const {
  const auto text = files_.read_private(address_, kHomeFileMost);
  if (!text && text.error().code == Code::not_found) return std::optional<EngineAddress>();
  if (!text) return fail(text.error());
  const auto document = wire::JsonDocument::parse(*text, wire::kInboundLimits);
  // Nobody's loss: the next engine writes it anew.
  if (!document) return std::optional<EngineAddress>();
  EngineAddress out;
  const auto url = document->root().at("/url");
  const auto port = document->root().at("/port");
  if (url) out.url = std::string(url->string().value_or(""));
  const auto number = port ? port->unsigned_integer().value_or(0) : 0;
  if (out.url.empty() || number == 0 || number > 65535) return std::optional<EngineAddress>();
  out.port = static_cast<std::uint16_t>(number);
  if (const auto pid = document->root().at("/pid")) {
    out.pid = static_cast<pid_t>(pid->unsigned_integer().value_or(0));
  }
  if (const auto former = document->root().at("/former")) {
    for (const auto& one : former->elements()) {
      const auto text_of = one.string();
      if (text_of && out.former.size() < kMostFormer) out.former.emplace_back(*text_of);
    }
  }
  return std::optional(std::move(out));
}

Result<void> EngineHome::keep_address(const std::string& url, std::uint16_t port, pid_t pid) {
  auto known = address();
  std::vector<std::string> former;
  if (known && *known) {
    if ((*known)->url == url && (*known)->pid == pid) return {};
    former = std::move((*known)->former);
    if ((*known)->url != url) former.insert(former.begin(), std::move((*known)->url));
    std::erase(former, url);
    if (former.size() > kMostFormer) former.resize(kMostFormer);
  }
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("url", url);
  out.field("port", std::uint32_t{port});
  out.field("pid", std::int64_t{pid});
  out.key("former");
  out.begin_array();
  for (const std::string& one : former) out.value(one);
  out.end_array();
  out.end_object();
  out.finish();
  text += '\n';
  return files_.replace(address_, text);
}

}  // namespace relay::engine
