#include "cli/wrap_control.hpp"

#include <array>
#include <fmt/format.h>
#include <map>
#include <unistd.h>
#include <utility>

#include "base/json_writer.hpp"
#include "net/channel.hpp"
#include "net/listener.hpp"
#include "net/task_group.hpp"
#include "os/posix_files.hpp"
#include "pty/envelope.hpp"
#include "wire/json.hpp"

namespace relay::cli {
namespace {

/// A body as JSON, every byte of it escaped.
constexpr std::size_t kMostLine = 6 * pty::kMostBody + 4096;
constexpr Duration kLook = std::chrono::hours(1);

struct Connection {
  Connection(const asio::any_io_executor& executor, net::StreamPtr stream_in)
      : stream(std::move(stream_in)), answers(executor, WrapControl::kMostMessages) {}
  net::StreamPtr stream;
  net::Channel<std::string> answers;
};

/// A message that has not ended, and who asked for it.
struct Pending {
  std::string id;
  std::weak_ptr<Connection> from;
};

std::string refusal(std::string_view id, const Error& error) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.field("id", id);
  json.key("error");
  json.begin_object();
  json.field("code", name_of(error.code));
  json.field("message", error.message);
  json.end_object();
  json.end_object();
  json.finish();
  return text + "\n";
}

std::string ending(std::string_view id, const pty::InjectionOutcome& outcome) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.field("id", id);
  json.field("outcome", pty::name_of(outcome.end));
  json.field("proof", pty::name_of(outcome.proof));
  json.field("reason", outcome.reason);
  json.end_object();
  json.finish();
  return text + "\n";
}

std::string text_at(const wire::JsonView& root, std::string_view name) {
  const auto member = root.find(name);
  if (!member) return {};
  return std::string(member->string().value_or(std::string_view()));
}

}  // namespace

struct WrapControl::Impl {
  Impl(asio::any_io_executor executor_in, os::Path socket_in, net::Listener listener_in,
       Random& random_in)
      : executor(executor_in),
        socket(std::move(socket_in)),
        listener(std::move(listener_in)),
        random(random_in),
        tasks(std::move(executor_in)) {}

  asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  asio::awaitable<void> answer(std::shared_ptr<Connection> connection);
  void obey(const std::shared_ptr<Connection>& connection, std::string_view line);
  Result<void> offer(const pty::Letter& letter, std::uint64_t number);

  asio::any_io_executor executor;
  os::Path socket;
  net::Listener listener;
  Random& random;
  pty::Session* session = nullptr;
  std::uint64_t last = 0;
  std::map<std::uint64_t, Pending> pending;
  std::size_t connections = 0;
  net::TaskGroup tasks;
};

WrapControl::WrapControl(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WrapControl::~WrapControl() = default;

Result<std::unique_ptr<WrapControl>> WrapControl::open(asio::any_io_executor executor,
                                                       os::Path socket, Random& random) {
  os::PosixFiles files(random);
  auto made = files.make_private_directory(socket.parent_path());
  if (!made) return fail(std::move(made).error());
  auto listener = net::Listener::unix(executor, socket.string());
  if (!listener) return fail(std::move(listener).error());
  return std::unique_ptr<WrapControl>(new WrapControl(std::make_unique<Impl>(
      std::move(executor), std::move(socket), *std::move(listener), random)));
}

asio::awaitable<void> WrapControl::serve(pty::Session* session) {
  impl_->session = session;
  try {
    for (;;) {
      auto stream = co_await impl_->listener.accept();
      if (!stream) break;
      const bool ours = (*stream)->peer_uid() == ::geteuid();
      if (!ours || impl_->connections >= kMostConnections) continue;
      auto connection = std::make_shared<Connection>(impl_->executor, *std::move(stream));
      impl_->tasks.spawn(impl_->serve(connection));
      impl_->tasks.spawn(impl_->answer(std::move(connection)));
    }
  } catch (const std::system_error&) {
    // Our own cancellation.
  }
  co_await net::shielded();
  impl_->listener.close();
  impl_->tasks.cancel();
  co_await impl_->tasks.join();
}

asio::awaitable<void> WrapControl::Impl::serve(std::shared_ptr<Connection> connection) {
  ++connections;
  std::string text;
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const auto got = co_await connection->stream->read_some(buffer);
    if (!got.ok()) break;
    text.append(buffer.data(), got.bytes);
    std::size_t from = 0;
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
      obey(connection, std::string_view(text).substr(from, end - from));
      from = end + 1;
    }
    text.erase(0, from);
    if (text.size() > kMostLine) break;
  }
  --connections;
  // What was asked is still answered; a reader that has gone ends that too.
}

asio::awaitable<void> WrapControl::Impl::answer(std::shared_ptr<Connection> connection) {
  for (;;) {
    auto line = co_await connection->answers.receive(kLook);
    if (!line && line.error().code == Code::timeout) continue;
    if (!line) co_return;
    const auto sent = co_await connection->stream->write(*line);
    if (!sent.ok()) co_return;
  }
}

void WrapControl::Impl::obey(const std::shared_ptr<Connection>& connection, std::string_view line) {
  std::string id;
  const auto refuse = [&](const Error& error) {
    std::string text = refusal(id, error);
    (void)connection->answers.try_send(text);
  };
  const auto parsed = wire::JsonDocument::parse(line, {kMostLine, 8});
  if (!parsed) return refuse(parsed.error());
  pty::Letter letter;
  id = text_at(parsed->root(), "id");
  letter.id = id;
  letter.sender = text_at(parsed->root(), "from");
  letter.body = text_at(parsed->root(), "text");
  if (id.empty() || letter.sender.empty()) {
    return refuse(Error(Code::invalid_argument, "a message needs an id and a sender"));
  }
  if (pending.size() >= kMostMessages) {
    return refuse(Error(Code::queue_full, "too many messages wait"));
  }
  const std::uint64_t number = ++last;
  // Before it is offered: its end may come at once.
  pending[number] = Pending{id, connection};
  if (auto offered = offer(letter, number); !offered) {
    pending.erase(number);
    refuse(offered.error());
  }
}

Result<void> WrapControl::Impl::offer(const pty::Letter& letter, std::uint64_t number) {
  const pty::Profile& profile = session->injection().profile();
  pty::EnvelopeRules rules;
  rules.style = profile.envelope;
  rules.inline_bytes = profile.limits.inline_bytes;
  if (profile.reader == pty::Reader::plain && session->mode().canonical) {
    rules.line_bytes = pty::InjectionSettings().canonical_line;
  }
  const os::Path file =
      socket.parent_path() / fmt::format("{}.{}.txt", socket.filename().string(), number);
  auto envelope = pty::make_envelope(letter, rules, random.next(), file.string());
  if (!envelope) return fail(std::move(envelope).error());
  if (envelope->file) {
    auto written = os::PosixFiles(random).replace(file, *envelope->file);
    if (!written) return written;
  }
  pty::InjectionItem item;
  item.id = number;
  item.text = std::move(envelope->text);
  return session->offer(std::move(item));
}

void WrapControl::on_step(const pty::InjectionStep& step) {
  if (step.act != pty::InjectionAct::ended) return;
  const auto message = impl_->pending.extract(step.item);
  if (!message) return;
  const auto connection = message.mapped().from.lock();
  if (!connection) return;
  std::string text = ending(message.mapped().id, step.outcome);
  (void)connection->answers.try_send(text);
}

}  // namespace relay::cli
