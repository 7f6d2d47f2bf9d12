#include "cli/broker_client.hpp"

#include "cli/node_setup.hpp"
#include "cli/plain_words.hpp"
#include "cli/serve_note.hpp"
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "net/ws_client.hpp"
#include "os/fd.hpp"
#include "pty/keeper/question.hpp"

namespace relay::cli {
namespace {

constexpr std::size_t kReplyMost = std::size_t{64} << 20;
/// The socket's path says where; this is only for the Host field.
constexpr std::string_view kHost = "http://localhost";
constexpr std::size_t kMostListed = 10;
/// It answers at once, or it is stuck; the error is worth no more.
constexpr Duration kKeeperWithin = std::chrono::milliseconds(500);
constexpr Duration kCompletesWithin = std::chrono::milliseconds(150);

struct Places {
  os::Surroundings around;
  os::UserPaths paths;
};

Result<Places> places_of_user() {
  auto around = os::Surroundings::of_process();
  if (!around) return fail(std::move(around).error());
  auto paths = os::user_paths(*around);
  if (!paths) return fail(std::move(paths).error());
  return Places{*std::move(around), *std::move(paths)};
}

/// Somebody accepts connections there. A socket that nobody serves refuses at once.
bool answers(const os::Path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = socket.native();
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  const os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return fd.get() >= 0 &&
         ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

std::vector<broker::Instance> running(const os::UserPaths& paths, os::Files& files) {
  std::vector<broker::Instance> out;
  const auto names = files.list(paths.runtime);
  if (!names) return out;
  for (const std::string& name : *names) {
    if (!os::check_instance_name(name)) continue;
    broker::Instance instance(paths, name);
    if (answers(instance.api_socket)) out.push_back(std::move(instance));
  }
  return out;
}

asio::awaitable<Result<void>> ask_broker(asio::any_io_executor executor, broker::Instance place,
                                         Progress* progress, const BrokerWork* work) {
  BrokerClient client(std::move(executor), std::move(place));
  auto asked = (*work)(&client, progress);
  co_return co_await std::move(asked);
}

/// A list in an answer of the broker: where it is, what it is called, and which field of its
/// members is their name.
struct NamedList {
  const char* path;
  const char* list;
  const char* field;
};

asio::awaitable<Result<void>> list_names(BrokerClient* client, const NamedList* from,
                                         std::vector<std::string>* into) {
  const auto reply = co_await client->call("GET", from->path, "", kCompletesWithin);
  if (!reply) co_return fail(reply.error());
  const auto document = wire::JsonDocument::parse(reply->text(), wire::kEngineLimits);
  const auto members = document ? document->root().find(from->list) : std::nullopt;
  if (!members) co_return Result<void>();
  for (const auto& member : members->elements()) {
    const auto name = member.find(from->field);
    if (name) into->emplace_back(name->string().value_or(name->json().text()));
  }
  co_return Result<void>();
}

/// Where a command may turn to.
struct Search {
  std::optional<broker::Instance> found;
  /// It is none of the directory's: it is the only one that runs.
  bool only_one = false;
  /// The one that is meant, and that nobody serves.
  std::optional<broker::Instance> dead;
};

/// A broker was here once, and may come back.
bool was_here(const broker::Instance& instance) {
  std::error_code ignored;
  return std::filesystem::exists(instance.lock(), ignored) ||
         std::filesystem::exists(instance.api_socket, ignored);
}

Result<Search> search(const BrokerOptions& options, const Places& places, os::Files& files) {
  Search out;
  const auto take = [&out](broker::Instance instance) {
    (is_served(instance) ? out.found : out.dead) = std::move(instance);
    return std::move(out);
  };
  std::string named = options.instance;
  if (named.empty()) named = places.around.environment.get("RELAY_BROKER_INSTANCE").value_or("");
  if (!named.empty()) {
    auto fine = os::check_instance_name(named);
    if (!fine) return fail(std::move(fine).error());
    return take(broker::Instance(places.paths, named));
  }
  for (const std::string& name : os::instance_candidates(places.around.working_directory)) {
    broker::Instance instance(places.paths, name);
    if (was_here(instance)) return take(std::move(instance));
  }
  auto all = running(places.paths, files);
  if (all.size() == 1) {
    out.found = std::move(all.front());
    out.only_one = true;
  }
  return out;
}

std::string names_text(const std::vector<broker::Instance>& instances) {
  std::string out;
  for (std::size_t i = 0; i < std::min(instances.size(), kMostListed); ++i) {
    out += (i == 0 ? "" : ", ") + instances[i].name;
  }
  return out + (instances.size() > kMostListed ? ", …" : "");
}

/// "; its agents ada and bert live on"; empty when there are none.
std::string agents_alive(const broker::Instance& instance) {
  const auto sessions = pty::keeper::ask_sessions(instance.keeper_socket, kKeeperWithin);
  if (!sessions) return "";
  std::vector<std::string> names;
  for (const auto& session : *sessions) {
    if (!session.gone && session.ended.empty()) names.push_back(session.agent);
  }
  if (names.empty()) return "";
  std::sort(names.begin(), names.end());
  const std::size_t count = names.size();
  if (count > kMostListed) names.resize(kMostListed);
  return fmt::format("; {} of its agents {}: {}{}", count, count == 1 ? "lives on" : "live on",
                     printable(join(names, ", ")), count > kMostListed ? ", …" : "");
}

/// "; 2 wrapped programs wait for it"; empty when there are none.
std::string wraps_alive(const broker::Instance& instance, const os::UserPaths& paths,
                        os::Files& files) {
  std::size_t count = 0;
  const os::Path any = os::socket_path(paths, instance.runtime, "wrap-0000000.sock");
  const auto names = files.list(any.parent_path());
  if (!names) return "";
  for (const std::string& name : *names) {
    const bool ours = name.starts_with("wrap-") && name.ends_with(".sock");
    if (ours && answers(any.parent_path() / name)) ++count;
  }
  if (count == 0) return "";
  return fmt::format("; {} for it", count == 1 ? "a wrapped program waits"
                                               : fmt::format("{} wrapped programs wait", count));
}

/// Why there is no broker to ask, and what to do.
Error nobody(const Search& searched, const Places& places, os::Files& files) {
  const auto all = running(places.paths, files);
  const std::string here = places.around.working_directory.string();
  std::string others;
  if (!all.empty()) {
    others = fmt::format("; {}: {}, chosen with --instance",
                         all.size() == 1 ? "another one runs" : "others run", names_text(all));
  }
  if (!searched.dead) {
    if (all.empty()) {
      return {Code::broker_not_running, "no broker runs for " + here,
              "relay-broker serve starts one"};
    }
    return {Code::broker_not_running, "no broker runs for this directory",
            "relay-broker serve starts one" + others};
  }
  const broker::Instance& dead = *searched.dead;
  if (!was_here(dead)) {
    return {Code::broker_not_running, "no broker runs for the instance " + dead.name,
            "relay-broker serve --instance " + dead.name + " starts one" + others};
  }
  const auto last = read_serve_note(files, places.paths, dead.name);
  const std::string alive = agents_alive(dead);
  const std::string whose = last ? last->directory.string() : "this directory";
  return {Code::broker_not_running,
          fmt::format("the broker of {} does not run (instance {}){}{}", whose, dead.name, alive,
                      wraps_alive(dead, places.paths, files)),
          fmt::format("{} starts it again{}{}",
                      serve_again(last, dead.name, places.around.working_directory),
                      alive.empty() ? "" : " and takes them over", others)};
}

}  // namespace

void add_broker_options(Command& command, BrokerOptions& options,
                        std::vector<std::string> variables) {
  variables.emplace_back("RELAY_BROKER_INSTANCE");
  command.options.push_back(
      Option("--instance", "Which broker, if not that of this directory", &options.instance)
          .value_name("NAME")
          .setting(std::move(variables))
          .looked_up(running_broker_names));
}

bool is_served(const broker::Instance& instance) {
  return answers(instance.api_socket);
}

Result<broker::Instance> find_broker(const BrokerOptions& options, bool* only_one) {
  auto places = places_of_user();
  if (!places) return fail(std::move(places).error());
  os::SystemRandom random;
  os::PosixFiles files(random);
  auto searched = search(options, *places, files);
  if (!searched) return fail(std::move(searched).error());
  if (!searched->found) return fail(nobody(*searched, *places, files));
  if (only_one != nullptr) *only_one = searched->only_one;
  return *std::move(searched->found);
}

Result<std::vector<broker::Instance>> running_brokers() {
  auto places = places_of_user();
  if (!places) return fail(std::move(places).error());
  os::SystemRandom random;
  os::PosixFiles files(random);
  return running(places->paths, files);
}

std::vector<std::string> running_broker_names() {
  std::vector<std::string> names;
  const auto all = running_brokers();
  if (!all) return names;
  for (const auto& instance : *all) names.push_back(instance.name);
  return names;
}

BrokerClient::BrokerClient(asio::any_io_executor executor, broker::Instance instance)
    : instance_(std::move(instance)),
      client_(std::move(executor), net::HttpClientOptions(), random_) {}

asio::awaitable<Result<net::HttpReply>> BrokerClient::ask(std::string method, std::string path,
                                                          std::string body, Duration within) {
  net::HttpCall call(std::move(method), std::string(kHost) + path);
  call.unix_socket = instance_.api_socket.string();
  call.deadline = within;
  call.reply_most = kReplyMost;
  if (!body.empty()) call.headers.set("Content-Type", "application/json");
  call.body = std::move(body);
  auto reply = co_await client_.call(std::move(call));
  if (!reply) co_return fail(std::move(reply).error());
  if (!reply->ok()) co_return fail(broker_refusal(*reply));
  co_return reply;
}

asio::awaitable<Result<wire::Json>> BrokerClient::call(std::string method, std::string path,
                                                       std::string body, Duration within) {
  const auto reply = co_await ask(std::move(method), std::move(path), std::move(body), within);
  if (!reply) co_return fail(reply.error());
  co_return wire::Json::parse(reply->body);
}

asio::awaitable<Result<std::string>> BrokerClient::text(std::string path, Duration within) {
  auto reply = co_await ask("GET", std::move(path), "", within);
  if (!reply) co_return fail(std::move(reply).error());
  co_return std::move(reply->body);
}

asio::awaitable<Result<net::WebSocket>> BrokerClient::stream(std::string path, Duration within,
                                                             Random* random) {
  net::WsClientOptions options("ws://localhost" + path);
  options.unix_socket = instance_.api_socket.string();
  options.within = within;
  // It is on this machine: an end of it is short.
  options.socket.close_within = std::chrono::seconds(1);
  options.socket.linger = std::chrono::milliseconds(100);
  auto outcome = co_await net::ws_connect(std::move(options), random);
  if (outcome.connected) co_return std::move(outcome.connected->socket);
  if (!outcome.refusal) co_return fail(std::move(outcome.connected).error());
  net::HttpReply reply;
  reply.status = outcome.refusal->status;
  reply.body = std::move(outcome.refusal->body);
  reply.call = "GET " + path.substr(0, path.find('?'));
  co_return fail(broker_refusal(reply));
}

Error broker_refusal(const net::HttpReply& reply) {
  Error error = net::error_of(reply, [](std::string_view text) { return std::string(text); });
  const auto document = wire::JsonDocument::parse(reply.body, wire::kInboundLimits);
  if (!document) return error;
  wire::JsonView about = document->root();
  const auto nested = about.find("error");
  if (nested && nested->kind() == wire::JsonView::Kind::object) about = *nested;
  if (const auto code = code_named(text_field(about, "code"))) error.code = *code;
  std::string words = text_field(about, "message");
  if (words.empty()) words = text_field(about, "error");
  if (!words.empty()) error.message = printable(plain_words(words), Lines::many);
  error.hint = printable(text_field(about, "hint"), Lines::many);
  return error;
}

Result<void> with_broker(Context& context, const BrokerOptions& options, const BrokerWork& work,
                         Harm harm) {
  bool only_one = false;
  auto instance = find_broker(options, &only_one);
  if (!instance) return fail(std::move(instance).error());
  if (only_one && harm == Harm::destroys) {
    note("this directory has no broker: acting on " + instance->name + ", the only one that runs");
  }
  return run_loop(context, [&](asio::any_io_executor executor, Progress* progress) {
    return ask_broker(std::move(executor), *instance, progress, &work);
  });
}

namespace {

std::vector<std::string> live_names(const BrokerOptions& options, NamedList from) {
  std::vector<std::string> names;
  // Without the questions that an error message needs.
  const auto places = places_of_user();
  if (!places) return names;
  os::SystemRandom random;
  os::PosixFiles files(random);
  const auto searched = search(options, *places, files);
  if (!searched || !searched->found) return names;
  const broker::Instance& instance = *searched->found;
  const BrokerWork work = [&names, &from](BrokerClient* client, Progress*) {
    return list_names(client, &from, &names);
  };
  (void)serve_loop([&](asio::any_io_executor executor, Progress* progress) {
    return ask_broker(std::move(executor), instance, progress, &work);
  });
  return names;
}

}  // namespace

std::function<std::vector<std::string>()> live_agent_names(const BrokerOptions& options) {
  return [&options] { return live_names(options, NamedList{"/api/spawned", "agents", "name"}); };
}

std::function<std::vector<std::string>()> live_letter_ids(const BrokerOptions& options) {
  return [&options] {
    return live_names(options, NamedList{"/api/dead-letters?limit=100", "dead_letters", "id"});
  };
}

std::string text_field(const wire::JsonView& object, std::string_view key) {
  const auto found = object.find(key);
  const auto text = found ? found->string() : std::nullopt;
  return text ? std::string(*text) : std::string();
}

}  // namespace relay::cli
