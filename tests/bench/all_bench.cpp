// All benches one after another, or those that are named, as one report:
// `bench-all [NAME…] [--json | --markdown] [--quick]`. It runs the programs beside itself and puts
// their questions together: text as it comes, one JSON document, or tables. A limit that is missed
// is a finding and no failure; the status is 1 when a program could not be run to its end.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/utsname.h>
#include <thread>
#include <vector>

#include "base/json_writer.hpp"
#include "bench/disk_rate.hpp"
#include "bench/report.hpp"
#include "support/temp_dir.hpp"
#include "wire/json.hpp"

namespace relay::bench {
namespace {

enum class Form { text, json, markdown };

constexpr std::array<std::string_view, 6> kNames{"wire",   "net",    "pty",
                                                 "screen", "broker", "engine"};

/// What was measured on, since no figure means anything without it.
struct Machine {
  unsigned processors = std::thread::hardware_concurrency();
  std::string processor;
  std::string system;
  double syncs = 0;
  double load = 0;
};

/// The last minute's.
double load_now() {
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  return load;
}

Machine this_machine() {
  Machine machine;
  std::ifstream cpus("/proc/cpuinfo");
  for (std::string line; std::getline(cpus, line);) {
    if (!line.starts_with("model name")) continue;
    machine.processor = line.substr(line.find(':') + 2);
    break;
  }
  utsname system{};
  ::uname(&system);
  machine.system = fmt::format("{} {}", system.sysname, system.release);
  machine.load = load_now();
  const test::TempDir temp;
  machine.syncs = DiskRate(temp / "tmp" / "disk").measure(std::chrono::milliseconds(500));
  return machine;
}

std::string words_of(const Machine& machine) {
  return fmt::format(
      "{} processors ({}), {}; the disk takes {} fdatasync of 4 KiB a second; {:.1f} "
      "programs wanted a processor in the minute before{}",
      machine.processors, machine.processor, machine.system, in_short(machine.syncs), machine.load,
      machine.load > machine.processors / 2.0
          ? ": a busy machine, on which only the ratios say something"
          : "");
}

struct Outcome {
  std::string name;
  double seconds = 0;
  bool failed = false;
  std::vector<std::string> lines;
};

Outcome run(const std::string& name, const std::filesystem::path& directory, Form form,
            bool quick) {
  Outcome outcome;
  outcome.name = name;
  const std::string command =
      fmt::format("'{}'{}{}", (directory / ("bench-" + name)).string(),
                  form == Form::text ? "" : " --json", quick ? " --quick" : "");
  const auto start = std::chrono::steady_clock::now();
  std::FILE* const out = ::popen(command.c_str(), "re");
  if (out == nullptr) throw std::runtime_error("no process for " + name);
  std::array<char, 65536> line{};
  while (std::fgets(line.data(), line.size(), out) != nullptr) {
    if (form == Form::text) {
      std::fputs(line.data(), stdout);
      std::fflush(stdout);
    } else {
      outcome.lines.emplace_back(line.data());
    }
  }
  outcome.failed = ::pclose(out) != 0;
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

std::string text_at(wire::JsonView view, std::string_view key) {
  const auto found = view.find(key);
  return std::string(found ? found->string().value_or("") : "");
}

std::optional<double> number_at(wire::JsonView view, std::string_view key) {
  const auto found = view.find(key);
  return found ? found->number() : std::nullopt;
}

/// "66.2 MB/s (64.1 to 67.0)"
std::string with_spread(wire::JsonView view, std::string_view middle, std::string_view least,
                        std::string_view most, const std::string& unit) {
  const double low = number_at(view, least).value_or(0);
  const double high = number_at(view, most).value_or(0);
  std::string text =
      in_short(number_at(view, middle).value_or(0)) + (unit.empty() ? "" : " ") + unit;
  if (low != high) text += fmt::format(" ({} to {})", in_short(low), in_short(high));
  return text;
}

std::string verdict_of(wire::JsonView view) {
  const auto met = view.find("met");
  if (!met) return text_at(view, "not_judged");
  return met->boolean().value_or(false) ? "met" : "**missed**";
}

void print_table_rows(wire::JsonView question) {
  const auto unit = text_at(question, "unit");
  const bool more_is_better = text_at(question, "better") == "more";
  std::string what = text_at(question, "what");
  const auto all = question.find("of");
  const auto entries = all ? all->elements() : std::vector<wire::JsonView>();
  std::string ours;
  for (const auto& each : entries) {
    const auto limit = number_at(each, "limit");
    const bool is_ours = text_at(each, "who") == kOurs;
    if (is_ours) {
      ours = with_spread(each, "median", "least", "most", unit);
      if (!limit && entries.size() > 1) continue;
      fmt::print("| {} | {} | | | | {} | {} |\n", what, ours,
                 limit ? fmt::format("at {} {} {}", more_is_better ? "least" : "most",
                                     in_short(*limit), unit)
                       : std::string(),
                 verdict_of(each));
    } else if (each.find("skipped")) {
      fmt::print("| {} | {} | {} | skipped: {} | | | |\n", what, ours, text_at(each, "who"),
                 text_at(each, "skipped"));
    } else {
      fmt::print("| {} | {} | {} | {} | {} | {} | {} |\n", what, ours, text_at(each, "who"),
                 with_spread(each, "median", "least", "most", unit),
                 with_spread(each, "ratio", "ratio_least", "ratio_most", ""),
                 limit ? "at least " + in_short(*limit) : std::string(), verdict_of(each));
    }
    // Said once.
    what.clear();
    ours.clear();
  }
}

void print_markdown(const Machine& machine, const std::vector<Outcome>& outcomes) {
  fmt::print(
      "{}.\n\nMedians, in brackets the least and the most of all rounds. A ratio says how "
      "many times better ours is, whichever way is better.\n",
      words_of(machine));
  for (const auto& outcome : outcomes) {
    fmt::print("\n## `./dev bench {}`, {:.0f} s{}\n\n", outcome.name, outcome.seconds,
               outcome.failed ? ", which failed" : "");
    fmt::print(
        "| what | relay-broker | beside | theirs | ratio | limit | verdict |\n"
        "|---|---|---|---|---|---|---|\n");
    for (const auto& line : outcome.lines) {
      const auto document = wire::JsonDocument::parse(line, wire::kInboundLimits);
      if (document) print_table_rows(document->root());
    }
  }
}

void print_json(const Machine& machine, const std::vector<Outcome>& outcomes) {
  std::string text;
  JsonWriter to(text);
  to.begin_object();
  to.key("machine");
  to.begin_object();
  to.field("processors", machine.processors);
  to.field("processor", machine.processor);
  to.field("system", machine.system);
  to.field("fdatasync_per_second", machine.syncs);
  to.field("load_before", machine.load);
  to.field("load_after", load_now());
  to.end_object();
  to.field("ended", static_cast<std::int64_t>(std::time(nullptr)));
  to.key("benches");
  to.begin_array();
  for (const auto& outcome : outcomes) {
    to.begin_object();
    to.field("name", outcome.name);
    to.field("seconds", outcome.seconds);
    to.field("failed", outcome.failed);
    to.key("questions");
    to.begin_array();
    for (const auto& line : outcome.lines) {
      const auto question = wire::Json::parse(line);
      if (question) to.raw(question->text());
    }
    to.end_array();
    to.end_object();
  }
  to.end_array();
  to.end_object();
  to.finish();
  fmt::print("{}\n", text);
}

int run_all(const std::vector<std::string>& names, Form form, bool quick) {
  const auto directory = std::filesystem::canonical("/proc/self/exe").parent_path();
  const Machine machine = this_machine();
  if (form == Form::text) fmt::print("{}\n", words_of(machine));
  bool failed = false;
  std::vector<Outcome> outcomes;
  for (const auto& name : names) {
    if (form == Form::text) fmt::print("\n{}\n", name);
    std::fflush(stdout);
    outcomes.push_back(run(name, directory, form, quick));
    if (outcomes.back().failed) {
      fmt::print(stderr, "bench {} failed\n", name);
      failed = true;
    }
  }
  if (form == Form::json) print_json(machine, outcomes);
  if (form == Form::markdown) print_markdown(machine, outcomes);
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  using namespace relay::bench;
  Form form = Form::text;
  bool quick = false;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--json") {
      form = Form::json;
    } else if (word == "--markdown") {
      form = Form::markdown;
    } else if (word == "--quick") {
      quick = true;
    } else if (std::find(kNames.begin(), kNames.end(), word) != kNames.end()) {
      names.emplace_back(word);
    } else {
      fmt::print(stderr, "error: there is no bench called {}\nhint: {}\n", word,
                 "bench-all [wire|net|pty|screen|broker|engine]… [--json | --markdown] [--quick]");
      return 2;
    }
  }
  if (names.empty()) names.assign(kNames.begin(), kNames.end());
  try {
    return run_all(names, form, quick);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
