#include "pty/keeper/family.hpp"

#include <algorithm>
#include <unordered_map>

namespace relay::pty::keeper {
namespace {

using Table = std::unordered_map<pid_t, const ProcessRow*>;

Table by_pid(const std::vector<ProcessRow>& rows) {
  Table table;
  table.reserve(rows.size());
  for (const ProcessRow& row : rows) table.emplace(row.pid, &row);
  return table;
}

bool below(const Table& table, const ProcessRow& row, pid_t ancestor) {
  // A table that was read while it changed could hold a circle.
  std::size_t steps = table.size();
  for (pid_t at = row.parent; at > 1 && steps > 0; --steps) {
    if (at == ancestor) return true;
    const auto up = table.find(at);
    if (up == table.end()) return false;
    at = up->second->parent;
  }
  return false;
}

/// One walk: remembers what it has found out about each row.
class Walk {
 public:
  Walk(const Table& table, const std::vector<Root>& roots) : table_(table), roots_(roots) {}

  [[nodiscard]] const Root* root_numbered(SessionNumber number) const {
    const auto found = std::find_if(roots_.begin(), roots_.end(),
                                    [&](const Root& root) { return root.number == number; });
    return found == roots_.end() ? nullptr : &*found;
  }
  [[nodiscard]] const Root* root_led_by(const ProcessRow& row) const {
    const auto found = std::find_if(roots_.begin(), roots_.end(), [&](const Root& root) {
      return root.leader == row.pid && root.started == row.started;
    });
    return found == roots_.end() ? nullptr : &*found;
  }
  /// The root whose leader, dead or alive, is still in the table under this number.
  [[nodiscard]] const Root* root_of_terminal_session(pid_t session) const {
    const auto leader = table_.find(session);
    return leader == table_.end() ? nullptr : root_led_by(*leader->second);
  }
  /// The only one that was there when this process started.
  [[nodiscard]] const Root* only_one_old_enough(const ProcessRow& row, bool& several) const {
    const Root* found = nullptr;
    for (const Root& root : roots_) {
      if (root.started > row.started) continue;
      several = found != nullptr;
      if (several) return nullptr;
      found = &root;
    }
    return found;
  }

 private:
  const Table& table_;
  const std::vector<Root>& roots_;
};

}  // namespace

Family::Members Family::walk(const std::vector<ProcessRow>& rows, const std::vector<Root>& roots,
                             const LimitMarks& limit, const VariableMarks& variable) {
  const Table table = by_pid(rows);
  const Walk walk(table, roots);
  const auto ancestors = line_of_ancestors(rows, keeper_);

  // Own marks first, then what is inherited from a parent, nearest first.
  std::unordered_map<pid_t, SessionNumber> owner;
  for (const ProcessRow& row : rows) {
    if (ancestors.count(row.pid) != 0) continue;
    if (const Root* root = walk.root_led_by(row)) {
      owner[row.pid] = root->number;
    } else if (const auto marked = limit(row.pid)) {
      owner[row.pid] = *marked;
    } else if (const auto known = seen_.find(row.pid);
               known != seen_.end() && known->second.started == row.started) {
      owner[row.pid] = known->second.number;
    }
  }

  const auto inherited = [&](const ProcessRow& row) -> std::optional<SessionNumber> {
    std::size_t steps = table.size();
    for (pid_t at = row.pid; at > 1 && at != keeper_ && steps > 0; --steps) {
      if (const auto found = owner.find(at); found != owner.end()) return found->second;
      const auto up = table.find(at);
      if (up == table.end()) return std::nullopt;
      at = up->second->parent;
    }
    return std::nullopt;
  };

  Members members;
  std::map<pid_t, Known> seen;
  for (const ProcessRow& row : rows) {
    if (ancestors.count(row.pid) != 0) continue;
    auto number = inherited(row);
    bool several = false;
    if (!number) {
      if (!below(table, row, keeper_)) continue;
      number = variable(row.pid);
      if (!number) {
        const Root* root = walk.root_of_terminal_session(row.session);
        if (root == nullptr) root = walk.only_one_old_enough(row, several);
        if (root != nullptr) number = root->number;
      }
    }
    if (number) seen.emplace(row.pid, Known{row.started, *number});
    const bool of_session = number && walk.root_numbered(*number) != nullptr;
    if (row.dead) {
      of_session ? ++members.dead_of[*number] : ++members.dead_strays;
      continue;
    }
    if (several) {
      members.strangers.push_back(row);
    } else if (of_session) {
      members.of[*number].push_back(row);
    } else {
      members.strays.push_back(row);
    }
  }
  seen_ = std::move(seen);
  return members;
}

std::set<pid_t> line_of_ancestors(const std::vector<ProcessRow>& rows, pid_t pid) {
  const Table table = by_pid(rows);
  std::set<pid_t> line{0, 1};
  for (pid_t at = pid; line.insert(at).second;) {
    const auto up = table.find(at);
    if (up == table.end()) break;
    at = up->second->parent;
  }
  return line;
}

std::vector<ProcessRow> descendants(const std::vector<ProcessRow>& rows, pid_t ancestor) {
  const Table table = by_pid(rows);
  std::vector<ProcessRow> found;
  for (const ProcessRow& row : rows) {
    if (below(table, row, ancestor)) found.push_back(row);
  }
  return found;
}

}  // namespace relay::pty::keeper
