#include "cli/dead_letters.hpp"

#include "cli/broker_client.hpp"
#include "cli/outcomes.hpp"
#include "cli/output.hpp"
#include "cli/plain_words.hpp"
#include "cli/table.hpp"
#include <algorithm>
#include <memory>
#include <utility>

#include "base/printable.hpp"
#include "base/utf8.hpp"

namespace relay::cli {
namespace {

constexpr Duration kLettersWithin = std::chrono::seconds(30);
constexpr std::size_t kPreview = 48;

struct LetterOptions {
  BrokerOptions broker;
  std::vector<std::string> ids;
  bool all = false;
};

std::string id_body(const std::string& id) {
  return wire::Json::build([&id](JsonWriter& out) {
           out.begin_object();
           out.field("id", id);
           out.end_object();
         })
      .text();
}

std::string letters_text(const wire::JsonView& answer) {
  std::vector<std::vector<std::string>> rows;
  const auto letters = answer.find("dead_letters");
  for (const auto& letter : letters ? letters->elements() : std::vector<wire::JsonView>()) {
    const auto id = letter.find("id");
    const std::string body = printable(text_field(letter, "body"));
    const std::string_view start = truncate_utf8(body, kPreview);
    rows.push_back({id ? id->json().text() : "?", printable(text_field(letter, "worker_name")),
                    printable(text_field(letter, "from")),
                    printable(plain_reason(text_field(letter, "reason"))),
                    std::string(start) + (start.size() < body.size() ? "…" : "")});
  }
  if (rows.empty()) return "no dead letters\n";
  rows.insert(rows.begin(), {"ID", "AGENT", "FROM", "REASON", "MESSAGE"});
  return table_text(rows);
}

asio::awaitable<Result<void>> list_letters(Context* context, BrokerClient* client) {
  const auto reply =
      co_await client->call("GET", "/api/dead-letters?limit=1000", "", kLettersWithin);
  if (!reply) co_return fail(reply.error());
  if (context->json) {
    context->out.line(reply->text());
    co_return Result<void>();
  }
  const auto document = wire::JsonDocument::parse(reply->text(), wire::kEngineLimits);
  if (!document) co_return fail(document.error());
  context->out.write(letters_text(document->root()));
  co_return Result<void>();
}

/// Appends the ids of all letters that are there now: what dies again meanwhile is another letter.
asio::awaitable<Result<void>> all_ids(BrokerClient* client, std::vector<std::string>* into) {
  std::string after = "0";
  for (;;) {
    const auto reply = co_await client->call("GET", "/api/dead-letters?limit=1000&after=" + after,
                                             "", kLettersWithin);
    if (!reply) co_return fail(reply.error());
    const auto document = wire::JsonDocument::parse(reply->text(), wire::kEngineLimits);
    if (!document) co_return fail(document.error());
    const auto letters = document->root().find("dead_letters");
    const std::size_t before = into->size();
    for (const auto& letter : letters ? letters->elements() : std::vector<wire::JsonView>()) {
      if (const auto id = letter.find("id")) into->push_back(id->json().text());
    }
    if (into->size() == before) co_return Result<void>();
    after = into->back();
  }
}

asio::awaitable<Result<void>> redeliver(Context* context, const LetterOptions* options,
                                        BrokerClient* client, Progress* progress) {
  std::vector<std::string> ids = options->ids;
  if (options->all) {
    auto listed = co_await all_ids(client, &ids);
    if (!listed) co_return listed;
  }
  std::vector<Outcome> outcomes;
  for (const std::string& id : ids) {
    progress->step("sending letter " + id);
    const auto reply =
        co_await client->call("POST", "/api/dead-letters/redeliver", id_body(id), kLettersWithin);
    if (reply) {
      outcomes.emplace_back(id, "sent again");
    } else {
      outcomes.emplace_back(id, reply.error());
    }
  }
  progress->done();
  if (outcomes.empty() && !context->json) context->out.line("no dead letters");
  if (outcomes.empty() && !context->json) co_return Result<void>();
  co_return tell_outcomes(*context, outcomes, "dead_letters", "id");
}

asio::awaitable<Result<void>> drop_letters(Context* context, const LetterOptions* options,
                                           BrokerClient* client) {
  std::vector<std::string> ids = options->ids;
  if (options->all) {
    auto listed = co_await all_ids(client, &ids);
    if (!listed) co_return listed;
  }
  std::vector<Outcome> outcomes;
  for (const std::string& id : ids) {
    const auto reply =
        co_await client->call("DELETE", "/api/dead-letters/" + id, "", kLettersWithin);
    if (reply) {
      outcomes.emplace_back(id, "dropped");
    } else {
      outcomes.emplace_back(id, reply.error());
    }
  }
  if (outcomes.empty() && !context->json) context->out.line("no dead letters");
  if (outcomes.empty() && !context->json) co_return Result<void>();
  co_return tell_outcomes(*context, outcomes, "dead_letters", "id");
}

Result<void> check_ids(const LetterOptions& options) {
  for (const std::string& id : options.ids) {
    const bool number =
        !id.empty() && id.size() <= 18 &&
        std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number) {
      return fail(Code::invalid_argument, "'" + printable(id) + "' is no id of a dead letter",
                  "relay-broker dead-letters list shows them");
    }
  }
  if (options.ids.empty() != options.all) {
    return fail(Code::invalid_argument,
                options.all ? "--all and ids exclude each other" : "no dead letter is named",
                "give ids, which relay-broker dead-letters list shows, or --all");
  }
  return {};
}

Command letters_command(std::string name, std::string summary, std::vector<std::string> examples) {
  Command command;
  command.group = "dead-letters";
  command.name = std::move(name);
  command.summary = std::move(summary);
  command.examples = std::move(examples);
  return command;
}

Command list_letters_command() {
  auto options = std::make_shared<LetterOptions>();
  Command command =
      letters_command("list", "Show what could not be delivered",
                      {"relay-broker dead-letters list",
                       "relay-broker dead-letters list --json | jq '.dead_letters[].id'"});
  add_broker_options(command, options->broker);
  command.run = [options](Context& context) {
    return with_broker(context, options->broker, [&](BrokerClient* client, Progress*) {
      return list_letters(&context, client);
    });
  };
  command.state = options;
  return command;
}

Command redeliver_letters_command() {
  auto options = std::make_shared<LetterOptions>();
  Command command = letters_command(
      "redeliver", "Offer dead letters to their agents again",
      {"relay-broker dead-letters redeliver 7", "relay-broker dead-letters redeliver --all"});
  command.options.push_back(Option("--all", "Every one of them", &options->all));
  add_broker_options(command, options->broker);
  command.options.push_back(Option("ids", "Which letters", &options->ids)
                                .value_name("ID")
                                .looked_up(live_letter_ids(options->broker)));
  command.run = [options](Context& context) -> Result<void> {
    auto fine = check_ids(*options);
    if (!fine) return fine;
    return with_broker(context, options->broker, [&](BrokerClient* client, Progress* progress) {
      return redeliver(&context, options.get(), client, progress);
    });
  };
  command.state = options;
  return command;
}

Command drop_letters_command() {
  auto options = std::make_shared<LetterOptions>();
  Command command =
      letters_command("drop", "Remove dead letters for good",
                      {"relay-broker dead-letters drop 7", "relay-broker dead-letters drop --all"});
  command.options.push_back(Option("--all", "Every one of them", &options->all));
  add_broker_options(command, options->broker);
  command.options.push_back(Option("ids", "Which letters", &options->ids)
                                .value_name("ID")
                                .looked_up(live_letter_ids(options->broker)));
  command.run = [options](Context& context) -> Result<void> {
    auto fine = check_ids(*options);
    if (!fine) return fine;
    const BrokerWork work = [&](BrokerClient* client, Progress*) {
      return drop_letters(&context, options.get(), client);
    };
    return with_broker(context, options->broker, work, Harm::destroys);
  };
  command.state = options;
  return command;
}

}  // namespace

Command dead_letters_command() {
  Command command;
  command.name = "dead-letters";
  command.summary = "Messages that could not be delivered";
  command.examples = {"relay-broker dead-letters list",
                      "relay-broker dead-letters redeliver --all"};
  command.commands.push_back(list_letters_command());
  command.commands.push_back(redeliver_letters_command());
  command.commands.push_back(drop_letters_command());
  return command;
}

}  // namespace relay::cli
