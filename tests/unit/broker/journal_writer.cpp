// Writes into a journal until it is killed, and says on standard output what is safe there.
// `journal-writer PATH [hold]`: with `hold` it only has it open.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <string>
#include <unistd.h>

#include "broker/journal.hpp"
#include "net/task_group.hpp"

namespace {

using namespace relay;
using broker::Journal;
using broker::MessageKey;

void say(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) ::_exit(1);
}

/// Messages of one agent, one after the other; every third ends.
asio::awaitable<void> write_for(Journal* journal, std::string agent, std::string run) {
  for (std::uint64_t number = 1;; ++number) {
    const std::string id = run + "-" + std::to_string(number);
    auto change = std::make_shared<node_control::BookChange>();
    node_control::Delivery delivery;
    delivery.agent_id = agent;
    delivery.agent_name = agent;
    delivery.delivery_id = id;
    delivery.seq = number;
    delivery.payload = std::string(100 + number % 7 * 900, 'p');
    change->actions.emplace_back(node_control::Surface{std::move(delivery), false});
    auto saving = journal->save(change);
    const auto saved = co_await std::move(saving);
    if (!saved) ::_exit(2);
    say("saved " + agent + " " + id + "\n");
    if (number % 3 != 0) continue;
    std::vector<MessageKey> keys;
    keys.emplace_back(agent, id, number);
    auto beginning = journal->begin_attempt(keys, "g");
    const auto begun = co_await std::move(beginning);
    if (!begun) ::_exit(2);
    auto ending = journal->finish(keys, "g", broker::Outcome::typed());
    const auto ended = co_await std::move(ending);
    if (!ended) ::_exit(2);
    say("ended " + agent + " " + id + "\n");
  }
}

asio::awaitable<void> work(std::string path, bool hold, std::string run) {
  const auto executor = co_await asio::this_coro::executor;
  static const SystemClock clock;
  auto opening = Journal::open(executor, path, clock);
  auto journal = co_await std::move(opening);
  if (!journal) {
    say("failed: " + journal.error().message + "\n");
    ::_exit(3);
  }
  for (const auto& note : (*journal)->report()) say("report: " + note + "\n");
  say("open\n");
  net::TaskGroup group(executor);
  if (hold) {
    group.spawn((*journal)->keep_open());
  } else {
    for (const auto* agent : {"a1", "a2", "a3"}) {
      group.spawn(write_for(journal->get(), agent, run));
    }
  }
  co_await group.join();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  const std::string mode = argc > 2 ? argv[2] : "0";
  asio::io_context io;
  asio::co_spawn(io, work(argv[1], mode == "hold", mode), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  io.run();
  return 0;
}
