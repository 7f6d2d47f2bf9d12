#include "clis/model.hpp"

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>

#include "net/timeout.hpp"
#include "os/errno_error.hpp"
#include "os/fd.hpp"
#include "os/posix_processes.hpp"
#include "wire/json.hpp"

namespace relay::interop {
namespace {

using namespace std::chrono_literals;

constexpr Duration kListenWithin = 10s;
/// A conversation of a hundred long messages, escaped.
constexpr wire::JsonLimits kLineLimits{std::size_t{256} << 20, 16};

Result<std::pair<os::Fd, os::Fd>> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(os::errno_error(errno, "cannot make a pipe"));
  return std::pair(os::Fd(ends[0]), os::Fd(ends[1]));
}

}  // namespace

struct Model::Impl {
  Impl(const asio::any_io_executor& executor, int output)
      : told(executor, output), changed(executor) {}

  void take(std::string_view line);
  asio::awaitable<bool> read_more();

  std::unique_ptr<os::Process> process;
  /// The server ends when this is closed.
  os::Fd input;
  asio::posix::stream_descriptor told;
  std::string text;
  std::uint16_t port = 0;
  std::vector<ModelRequest> requests;
  std::size_t answered = 0;
  std::vector<std::string> ways_out;
  net::Event changed;
};

void Model::Impl::take(std::string_view line) {
  const auto parsed = wire::JsonDocument::parse(line, kLineLimits);
  if (!parsed) return;
  const auto root = parsed->root();
  if (const auto value = root.find("port")) {
    port = static_cast<std::uint16_t>(value->unsigned_integer().value_or(0));
  }
  if (const auto value = root.find("left")) ways_out.emplace_back(value->string().value_or(""));
  if (root.find("answered")) ++answered;
  if (const auto texts = root.find("texts")) {
    std::vector<std::string> all;
    for (const auto& text_view : texts->elements())
      all.emplace_back(text_view.string().value_or(""));
    requests.emplace_back(SystemClock().now(), std::move(all));
  }
  changed.notify();
}

asio::awaitable<bool> Model::Impl::read_more() {
  std::array<char, 64 * 1024> piece;
  std::error_code error;
  const std::size_t got = co_await told.async_read_some(
      asio::buffer(piece), asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return false;
  std::size_t from = text.size();
  text.append(piece.data(), got);
  std::size_t begin = 0;
  for (auto end = text.find('\n', from); end != std::string::npos; end = text.find('\n', begin)) {
    take(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  text.erase(0, begin);
  co_return true;
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Model::~Model() {
  impl_->input.reset();
  (void)impl_->process->wait(5s);
}

asio::awaitable<Result<std::unique_ptr<Model>>> Model::start(asio::any_io_executor executor,
                                                             Duration answer_after, int tools) {
  auto input = make_pipe();
  if (!input) co_return fail(std::move(input).error());
  auto output = make_pipe();
  if (!output) co_return fail(std::move(output).error());
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(answer_after).count();
  std::vector<std::string> argv{"node", INTEROP_DIR "/clis/model_server.mjs", "--answer-ms"};
  argv.push_back(fmt::format("{}", ms));
  argv.emplace_back("--tools");
  argv.push_back(fmt::format("{}", tools));
  os::Command command(std::move(argv), os::Environment::of_process());
  command.input = input->first.get();
  command.output = output->second.get();
  command.error = STDERR_FILENO;
  command.new_session = true;
  auto process = os::PosixProcesses().start(command);
  if (!process) co_return fail(std::move(process).error());
  auto impl = std::make_unique<Impl>(executor, output->first.release());
  impl->process = *std::move(process);
  impl->input = std::move(input->second);
  std::unique_ptr<Model> model(new Model(std::move(impl)));
  output->second.reset();
  const Monotonic deadline = SystemClock().now() + kListenWithin;
  while (model->port() == 0) {
    const bool more = co_await model->impl_->read_more();
    if (!more || SystemClock().now() > deadline) {
      co_return fail(Code::spawn_failed, "the model server does not listen");
    }
  }
  co_return model;
}

asio::awaitable<void> Model::run() {
  for (;;) {
    const bool more = co_await impl_->read_more();
    if (!more) co_return;
  }
}

std::uint16_t Model::port() const {
  return impl_->port;
}

const std::vector<ModelRequest>& Model::requests() const {
  return impl_->requests;
}

std::size_t Model::answered() const {
  return impl_->answered;
}

const std::vector<std::string>& Model::ways_out() const {
  return impl_->ways_out;
}

net::Event& Model::changed() {
  return impl_->changed;
}

}  // namespace relay::interop
