// Real agent CLIs against a model on loopback: what is sent to them must reach the model exactly
// once and in order, whatever the program is doing.
//   interop-clis [--cli NAME]… [--host wrap|session] [--scenario NAME] [--messages N] [--show]
//                [--record DIR]
// Exits 77 when none of the CLIs is installed, 1 when a row of the table is not clean.
#include "clis/agent_cli.hpp"
#include "clis/judge.hpp"
#include "clis/model.hpp"
#include "clis/scenario.hpp"
#include "clis/stage.hpp"
#include <algorithm>
#include <asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/loop.hpp"
#include "support/run_binary.hpp"
#include "support/temp_dir.hpp"

namespace relay::interop {
namespace {

using namespace std::chrono_literals;

/// Nothing happened for this long: what is still missing does not come.
constexpr Duration kPatience = 30s;
/// A starved machine takes its time for 180 MB of program.
constexpr Duration kBoot = 180s;
/// After everything has arrived, for what should not come any more.
constexpr Duration kAfterwards = 1500ms;
constexpr int kSkipped = 77;

struct Options {
  std::vector<std::string> clis = {};
  std::string host;
  std::string scenario;
  std::size_t messages = 100;
  bool show = false;
  std::string record;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--show") {
      options.show = true;
      continue;
    }
    const std::string value = i + 1 < argc ? argv[++i] : "";
    if (name == "--cli") options.clis.push_back(value);
    if (name == "--host") options.host = value;
    if (name == "--scenario") options.scenario = value;
    if (name == "--messages") options.messages = static_cast<std::size_t>(std::atoi(value.c_str()));
    if (name == "--record") options.record = value;
  }
  return options;
}

/// One scenario with one CLI, in a home of its own.
class Run {
 public:
  Run(asio::any_io_executor executor, AgentCli cli, Host host, Scenario scenario, Options options)
      : executor_(executor),
        cli_(std::move(cli)),
        host_(host),
        scenario_(scenario),
        options_(std::move(options)),
        tasks_(executor) {}

  asio::awaitable<void> run() {
    try {
      co_await play();
    } catch (const std::exception& error) {
      failure_ = error.what();
    }
    co_await net::shielded();
    if (stage_) {
      stage_->signal(SIGCONT);
      if (options_.show) fmt::print("{}\n", stage_->screen());
      record();
      co_await stage_->stop();
    }
    if (keeper_) {
      const auto down = co_await keeper_->shut_down_keeper(1s, 20s);
      if (!down) fmt::print("    keeper: {}\n", down.error().message);
      co_await keeper_->close();
    }
    tasks_.cancel();
    co_await tasks_.join();
  }

  [[nodiscard]] Verdict verdict() const {
    static const std::map<std::string, Ending> none;
    static const std::vector<ModelRequest> silence;
    return judge(scenario_, sent_, stage_ ? stage_->endings() : none,
                 model_ ? model_->requests() : silence);
  }
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] std::vector<std::string> ways_out() const {
    return model_ ? model_->ways_out() : std::vector<std::string>();
  }

 private:
  asio::awaitable<void> play() {
    auto model = co_await Model::start(executor_, scenario_.answer_after, scenario_.tools);
    if (!model) throw std::runtime_error(model.error().message);
    model_ = *std::move(model);
    tasks_.spawn(model_->run());
    tasks_.spawn(listen(&model_->changed()));
    pty::KeeperPlace place(test::relay_broker(), temp_ / "run", temp_ / "run" / "keeper.sock", 60s);
    auto keeper = co_await pty::KeeperClient::open(executor_, std::move(place), 20s);
    if (!keeper) throw std::runtime_error(keeper.error().message);
    keeper_ = *std::move(keeper);
    Launch launch = prepare(cli_, temp_ / "home", model_->port(), scenario_.first_time);
    auto stage =
        co_await Stage::start(executor_, keeper_.get(), host_, std::move(launch), temp_ / "run");
    if (!stage) throw std::runtime_error(stage.error().message);
    stage_ = *std::move(stage);
    tasks_.spawn(listen(&stage_->changed()));
    if (!options_.record.empty()) stage_->film(record_name() + ".film");
    if (!scenario_.during_boot) co_await warm_up();
    if (scenario_.stalls) tasks_.spawn(stall());
    for (std::size_t number = 1; number <= options_.messages; ++number) {
      const std::string id = message_id(number);
      sent_[id] = SystemClock().now();
      stage_->send(id, scenario_.body(number));
      const bool last_of_group = number % scenario_.at_once == 0;
      if (last_of_group) {
        const bool there = co_await all_there();
        if (!there) co_return;
      }
      if (scenario_.apart > Duration::zero()) co_await net::pause(scenario_.apart);
    }
    if (co_await all_there()) co_await net::pause(kAfterwards);
  }

  /// A first message that does not count: then the program has booted.
  asio::awaitable<void> warm_up() {
    stage_->send("warm", "hello");
    for (;;) {
      const auto& ends = stage_->endings();
      const auto end = ends.find("warm");
      const bool over = end != ends.end();
      if (over && model_->answered() > 0) co_return;
      if (over && end->second.outcome != "submitted") {
        throw std::runtime_error("the first message ended as " + end->second.outcome + "/" +
                                 end->second.reason);
      }
      if (stage_->ended()) throw std::runtime_error("the program has ended");
      const bool news = co_await news_.wait(kBoot);
      if (!news) throw std::runtime_error("the program never became ready");
    }
  }

  /// Every message has ended and is known to the model, which has answered. False when nothing
  /// happens any more.
  asio::awaitable<bool> all_there() {
    for (;;) {
      note_seen();
      const bool idle = model_->answered() == model_->requests().size();
      const std::size_t ends = stage_->endings().size() - stage_->endings().count("warm");
      if (idle && seen_.size() == sent_.size() && ends == sent_.size()) co_return true;
      if (stage_->ended()) co_return false;
      const bool news = co_await news_.wait(kPatience);
      if (!news) co_return false;
    }
  }

  asio::awaitable<void> stall() {
    for (;;) {
      co_await net::pause(600ms);
      stage_->signal(SIGSTOP);
      co_await net::pause(400ms);
      stage_->signal(SIGCONT);
    }
  }

  void note_seen() {
    const auto& requests = model_->requests();
    for (; looked_at_ < requests.size(); ++looked_at_) {
      for (const std::string& text : requests[looked_at_].texts) {
        for (const std::string& id : ids_in(text)) seen_.insert({id, true});
      }
    }
  }

  asio::awaitable<void> listen(net::Event* event) {
    for (;;) {
      (void)co_await event->wait(3600s);
      news_.notify();
    }
  }

  [[nodiscard]] std::string record_name() const {
    return fmt::format("{}/{}-{}-{}", options_.record, cli_.name, name_of(host_), scenario_.name);
  }
  void record() const {
    if (options_.record.empty()) return;
    std::ofstream texts(record_name() + ".texts");
    if (model_->requests().empty()) return;
    for (const std::string& text : model_->requests().back().texts) texts << text << "\n----\n";
  }

  asio::any_io_executor executor_;
  AgentCli cli_;
  Host host_;
  Scenario scenario_;
  Options options_;
  test::TempDir temp_;
  net::Event news_{executor_};
  std::unique_ptr<Model> model_;
  std::unique_ptr<pty::KeeperClient> keeper_;
  std::unique_ptr<Stage> stage_;
  std::map<std::string, Monotonic> sent_;
  std::map<std::string, bool> seen_;
  std::size_t looked_at_ = 0;
  std::string failure_;
  net::TaskGroup tasks_;
};

std::string percentiles(const std::vector<double>& sorted) {
  if (sorted.empty()) return "- / -";
  const double p95 = sorted[(sorted.size() - 1) * 95 / 100];
  return fmt::format("{:.0f} / {:.0f}", sorted[sorted.size() / 2], p95);
}

void print_head() {
  fmt::print(
      "{:<9} {:<8} {:<9} {:>4} {:>5} {:>4} {:>5} {:>6} {:>7} {:>4} {:<5} {:>12} {:>12}  {}\n",
      "cli", "host", "scenario", "sent", "once", "lost", "twice", "merged", "damaged", "tabs",
      "order", "seen p50/95", "end p50/95", "recorded as");
}

void print_row(const std::string& cli, Host host, const Scenario& scenario,
               const Verdict& verdict) {
  std::string ends;
  for (const auto& [how, count] : verdict.endings) ends += fmt::format("{} {}  ", count, how);
  if (verdict.false_submitted > 0)
    ends += fmt::format("{} FALSELY SUBMITTED", verdict.false_submitted);
  fmt::print(
      "{:<9} {:<8} {:<9} {:>4} {:>5} {:>4} {:>5} {:>6} {:>7} {:>4} {:<5} {:>12} {:>12}  {}\n", cli,
      name_of(host), scenario.name, verdict.sent, verdict.once, verdict.lost, verdict.twice,
      verdict.merged, verdict.damaged, verdict.tabs_as_spaces, verdict.in_order ? "yes" : "NO",
      percentiles(verdict.seen_after), percentiles(verdict.ended_after), ends);
  std::fflush(stdout);
}

bool run_one(const AgentCli& cli, Host host, const Scenario& scenario, const Options& options,
             std::set<std::string>& ways_out) {
  asio::io_context io(1);
  Run run(io.get_executor(), cli, host, scenario, options);
  test::run(io, run.run(), std::chrono::seconds(3600));
  const Verdict verdict = run.verdict();
  print_row(cli.name, host, scenario, verdict);
  if (!run.failure().empty()) fmt::print("    failed: {}\n", run.failure());
  for (std::string& way : run.ways_out()) ways_out.insert(std::move(way));
  return verdict.clean() && verdict.sent == options.messages && run.failure().empty();
}

int run_table(const Options& options) {
  bool any = false;
  bool clean = true;
  for (const std::string& name : cli_names()) {
    const bool chosen =
        std::find(options.clis.begin(), options.clis.end(), name) != options.clis.end();
    if (!options.clis.empty() && !chosen) continue;
    const auto cli = find_cli(name);
    if (!cli) {
      fmt::print("{} is not installed; ./dev interop installs it\n", name);
      continue;
    }
    any = true;
    fmt::print("{} {}\n", cli->name, cli->version);
    print_head();
    std::set<std::string> ways_out;
    for (const Host host : {Host::wrap, Host::session}) {
      if (!options.host.empty() && options.host != name_of(host)) continue;
      for (const Scenario& scenario : scenarios()) {
        if (!options.scenario.empty() && options.scenario != scenario.name) continue;
        clean = run_one(*cli, host, scenario, options, ways_out) && clean;
      }
    }
    if (!ways_out.empty())
      fmt::print("{} was refused the way to {}\n", name, fmt::join(ways_out, ", "));
  }
  if (!any) return kSkipped;
  return clean ? 0 : 1;
}

}  // namespace
}  // namespace relay::interop

int main(int argc, char** argv) {
  try {
    return relay::interop::run_table(relay::interop::parse(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
