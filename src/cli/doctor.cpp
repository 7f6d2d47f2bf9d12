#include "cli/doctor.hpp"

#include "cli/broker_client.hpp"
#include "cli/doctor_facts.hpp"
#include "cli/output.hpp"
#include "cli/run_loop.hpp"
#include "cli/table.hpp"
#include <algorithm>
#include <asio/post.hpp>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <set>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/json_writer.hpp"
#include "base/printable.hpp"
#include "net/event.hpp"
#include "net/task_group.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"

namespace relay::cli {
namespace {

constexpr Duration kLookWithin = std::chrono::hours(1);

struct DoctorOptions {
  DoctorScope scope;
  BrokerOptions broker;
  bool fix = false;
};

/// Looks on a thread of its own: the progress goes on meanwhile.
asio::awaitable<Result<DoctorFacts>> look(asio::any_io_executor executor, const DoctorScope* scope,
                                          NodeSetup* setup) {
  co_await net::shielded();
  net::Event done(executor);
  std::optional<Result<DoctorFacts>> facts;
  std::exception_ptr broken;
  bool finished = false;
  std::thread thread([&, executor] {
    try {
      facts = local_facts(*scope, *setup);
    } catch (...) {
      broken = std::current_exception();
    }
    asio::post(executor, [&] {
      finished = true;
      done.notify();
    });
  });
  while (!finished) (void)co_await done.wait(kLookWithin);
  thread.join();
  if (broken) std::rethrow_exception(broken);
  co_return *std::move(facts);
}

/// Nothing for what is done.
std::optional<Error> repair(const Repair& what) {
  os::SystemRandom random;
  os::PosixFiles files(random);
  std::unique_ptr<os::FileLock> held;
  if (!what.lock.empty()) {
    auto lock = files.lock(what.lock, fmt::format("relay-broker doctor, pid {}", ::getpid()));
    // Without a directory for it nobody can be there.
    if (!lock && lock.error().code != Code::not_found) return lock.error();
    if (lock) held = *std::move(lock);
  }
  struct stat info{};
  if (::lstat(what.path.c_str(), &info) != 0) return std::nullopt;
  const auto failed = [&](std::string_view why) {
    return Error(Code::io_error, fmt::format("cannot mend {}: {}", what.path.string(), why));
  };
  if (info.st_uid != ::geteuid()) return failed("it is another user's");
  if (what.kind == Repair::Kind::remove) {
    if (::unlink(what.path.c_str()) == 0) return std::nullopt;
    return failed(std::generic_category().message(errno));
  }
  if (S_ISLNK(info.st_mode)) return failed("it is a symbolic link");
  if (::chmod(what.path.c_str(), info.st_mode & 0700U) == 0) return std::nullopt;
  return failed(std::generic_category().message(errno));
}

/// Repairs what is safe to repair; the ids of what was tried.
std::set<std::string> repair_all(const std::vector<Finding>& findings) {
  std::set<std::string> tried;
  for (const Finding& finding : findings) {
    for (const Repair& each : finding.repairs) {
      tried.insert(finding.id);
      if (const auto error = repair(each)) note(error->message);
    }
  }
  return tried;
}

std::string findings_json(const std::vector<Finding>& findings, bool good) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("ok", good);
  out.key("checks");
  out.begin_array();
  for (const Finding& finding : findings) {
    out.begin_object();
    out.field("id", finding.id);
    out.field("result", name_of(finding.verdict));
    out.field("what", finding.what);
    out.field("mend", finding.mend);
    out.field("mended", finding.mended);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  out.finish();
  return text;
}

std::string findings_text(const std::vector<Finding>& findings) {
  std::vector<std::vector<std::string>> rows;
  std::size_t failed = 0;
  std::size_t warned = 0;
  bool repairable = false;
  for (const Finding& finding : findings) {
    const bool bad = finding.verdict == Verdict::fail || finding.verdict == Verdict::warn;
    failed += finding.verdict == Verdict::fail ? 1 : 0;
    warned += finding.verdict == Verdict::warn ? 1 : 0;
    repairable = repairable || !finding.repairs.empty();
    const std::string result = finding.mended ? "mended"
                               : bad          ? fmt::format("{}", name_of(finding.verdict))
                                              : "";
    rows.push_back({result.empty() ? std::string(name_of(finding.verdict)) : result, finding.id,
                    printable(finding.what)});
    if (bad && !finding.mend.empty()) rows.push_back({"", "", "mend: " + printable(finding.mend)});
  }
  std::string out = table_text(rows);
  out += failed + warned == 0 ? "\nnothing is wrong\n"
                              : fmt::format("\n{} failed, {} warnings\n", failed, warned);
  if (repairable) out += "relay-broker doctor --fix mends what is safe to mend\n";
  return out;
}

asio::awaitable<Result<void>> examine_all(Context* context, const DoctorOptions* options,
                                          NodeSetup* setup, asio::any_io_executor executor,
                                          Progress* progress) {
  progress->step("looking at files and processes");
  auto facts = co_await look(executor, &options->scope, setup);
  if (!facts) co_return fail(std::move(facts).error());
  std::set<std::string> tried;
  if (options->fix) tried = repair_all(examine(*facts));
  if (!tried.empty()) {
    // What was mended has to show.
    facts = co_await look(executor, &options->scope, setup);
    if (!facts) co_return fail(std::move(facts).error());
  }
  progress->step("asking the brokers");
  co_await ask_brokers(executor, &*facts);
  progress->step("asking the engine at " + printable(facts->engine.url));
  co_await ask_engine(executor, setup, &*facts);
  progress->done();
  auto findings = examine(*facts);
  bool good = true;
  for (Finding& finding : findings) {
    finding.mended = finding.verdict == Verdict::ok && tried.count(finding.id) != 0;
    good = good && finding.verdict != Verdict::fail;
  }
  if (context->json) {
    context->out.line(findings_json(findings, good));
  } else {
    context->out.write(findings_text(findings));
  }
  if (!good) context->status = exit_status_of(Code::internal_error);
  co_return Result<void>();
}

}  // namespace

Command doctor_command() {
  auto options = std::make_shared<DoctorOptions>();
  Command command;
  command.name = "doctor";
  command.summary = "Check what may be wrong here, and say the mend for each";
  command.examples = {"relay-broker doctor", "relay-broker doctor --fix --json"};
  command.options.push_back(
      Option("--fix", "Mend modes, and remove what dead brokers left", &options->fix));
  command.options.push_back(
      Option("--engine", "Engine to ask, if not that of this directory",
             &options->scope.engine.engine)
          .value_name("URL")
          .setting({"RELAY_BROKER_ENGINE", "RELAYCAST_BASE_URL", "RELAY_BASE_URL"})
          .checked(check_engine));
  command.bears_bad_config = true;
  add_broker_options(command, options->broker);
  command.run = [options](Context& context) -> Result<void> {
    options->scope.instance = options->broker.instance;
    options->scope.config_error = context.config_error;
    auto setup = NodeSetup::of_process();
    if (!setup) return fail(std::move(setup).error());
    return run_loop(context, [&](asio::any_io_executor executor, Progress* progress) {
      return examine_all(&context, options.get(), setup->get(), std::move(executor), progress);
    });
  };
  command.state = options;
  return command;
}

}  // namespace relay::cli
