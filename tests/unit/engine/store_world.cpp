#include "engine/store_world.hpp"

#include "engine/store/sqlite/sqlite_database.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "support/faulty_disk.hpp"
#include "support/temp_dir.hpp"

namespace relay::engine {
namespace {

/// SQLite on files, without waiting for the disk; jobs of one.
class SqliteUnderTest final : public StoreUnderTest {
 public:
  SqliteUnderTest(const Clock& clock, DeliveryStore::Limits limits)
      : clock_(clock), limits_(limits) {
    restart();
  }

  void restart() override {
    database_.reset();
    auto opened = SqliteDatabase::open(dir_ / "state" / "engine.db", files_, clock_, limits_);
    if (!opened) throw std::runtime_error(opened.error().message);
    database_ = *std::move(opened);
  }

  Result<void> operation(const std::function<Result<void>(Store&)>& work) override {
    return run(database_->writer(), [&] { return work(database_->store()); });
  }
  Result<void> reading(const std::function<Result<void>(const Store&)>& work) override {
    return run(database_->reader(), [&] { return work(database_->reading_store()); });
  }

 private:
  static Result<void> run(storage::Transactions& target,
                          const std::function<Result<void>()>& work) {
    auto step = target.begin();
    if (step) step = target.begin_job();
    if (!step) return step;
    auto answer = work();
    step = answer ? target.end_job() : target.undo_job();
    if (step) step = target.commit();
    return answer ? step : answer;
  }

  test::QuickDisk disk_;
  test::TempDir dir_;
  os::SystemRandom random_;
  os::PosixFiles files_{random_};
  const Clock& clock_;
  DeliveryStore::Limits limits_;
  std::unique_ptr<SqliteDatabase> database_;
};

}  // namespace

const std::vector<StoreFactory>& store_factories() {
  static const std::vector<StoreFactory> kFactories{
      [](const Clock& clock, DeliveryStore::Limits limits) {
        return std::make_unique<SqliteUnderTest>(clock, limits);
      }};
  return kFactories;
}

StoreWorld::StoreWorld(const StoreFactory& factory, DeliveryStore::Limits limits)
    : store(factory(clock, limits)) {
  workspace = get(write([](Store& of) { return of.create_workspace("team", "hash of the key"); }));
}

Agent StoreWorld::agent(const std::string& name) {
  return get(write([&](Store& of) {
    NewAgent fresh;
    fresh.workspace = workspace.id;
    fresh.name = name;
    fresh.token_hash = "token " + std::to_string(++tokens_);
    return of.register_agent(fresh);
  }));
}

Channel StoreWorld::channel(const std::string& name, const std::vector<Agent>& members) {
  return get(write([&](Store& of) -> Result<Channel> {
    NewChannel fresh;
    fresh.workspace = workspace.id;
    fresh.name = name;
    auto made = of.create_channel(fresh);
    if (!made) return made;
    for (const auto& member : members) {
      auto joined = of.join_channel(made->id, member.id);
      if (!joined) return fail(joined.error());
    }
    return of.channel(made->id);
  }));
}

Posted StoreWorld::post(const Channel& channel, const Agent& author, const std::string& text) {
  return get(write([&](Store& of) {
    MessageDraft draft;
    draft.channel = channel.id;
    draft.author = author.id;
    draft.text = text;
    return of.append_message(draft);
  }));
}

Posted StoreWorld::dm(const Agent& from, const Agent& to, const std::string& text) {
  const auto conversation =
      get(write([&](Store& of) { return of.direct_conversation(workspace.id, from.id, to.id); }));
  return post(conversation, from, text);
}

Node StoreWorld::broker(const std::string& name, const std::vector<std::string>& capabilities,
                        std::uint32_t max_agents) {
  return get(write([&](Store& of) -> Result<Node> {
    NodeEnrolment enrolment;
    enrolment.workspace = workspace.id;
    enrolment.name = name;
    enrolment.capabilities = capabilities;
    enrolment.max_agents = max_agents;
    enrolment.token_hash = "node token " + std::to_string(++tokens_);
    auto made = of.enroll_node(enrolment);
    if (!made) return made;
    return of.node_connected(made->id, NodeManifest());
  }));
}

Result<Agent> StoreWorld::claim(const Node& node, const std::string& name) {
  return write([&](Store& of) {
    AgentClaim claim;
    claim.node = node.id;
    claim.name = name;
    claim.token_hash = "token " + std::to_string(++tokens_);
    return of.claim_agent(claim);
  });
}

std::vector<std::uint64_t> StoreWorld::open_seqs(const Agent& agent) {
  std::vector<std::uint64_t> seqs;
  const auto open = get(read([&](const Store& of) { return of.backlog(agent.id, 0, 10000); }));
  for (const auto& each : open) seqs.push_back(each.seq);
  return seqs;
}

Delivery StoreWorld::delivery(const Posted& posted, const Agent& to) {
  return get(read([&](const Store& of) { return of.delivery(to.id, posted.message.id); }));
}

void on_each_store(const std::function<void(StoreWorld&)>& test, DeliveryStore::Limits limits) {
  for (const auto& factory : store_factories()) {
    StoreWorld world(factory, limits);
    test(world);
  }
}

}  // namespace relay::engine
