#include "node_control/reply_book.hpp"

#include <algorithm>
#include <utility>

namespace relay::node_control {

Result<void> ReplyBook::ask(Monotonic now, const std::string& id) {
  return add(id, Question{now, {}});
}

Result<void> ReplyBook::ask_registration(Monotonic now, const std::string& id,
                                         const std::string& agent_name) {
  for (const auto& [other, question] : open_) {
    if (question.waited_for && question.agent_name == agent_name) {
      return fail(Code::name_conflict,
                  "a registration of the agent " + agent_name + " is under way");
    }
  }
  auto added = add(id, Question{now, agent_name});
  if (!added) return added;
  for (auto& [other, question] : open_) {
    if (other != id && question.agent_name == agent_name) question.superseded = true;
  }
  return added;
}

Result<void> ReplyBook::add(const std::string& id, Question question) {
  if (open_.size() >= kMostOpen) {
    return fail(Code::queue_full, "too many questions to the engine are unanswered");
  }
  if (!open_.emplace(id, std::move(question)).second) {
    return fail(Code::internal_error, "the question id " + id + " is in use");
  }
  return {};
}

void ReplyBook::abandon(const std::string& id) {
  const auto question = open_.find(id);
  if (question == open_.end()) return;
  if (question->second.agent_name.empty()) {
    open_.erase(question);
  } else {
    question->second.waited_for = false;
  }
}

ReplyBook::Actions ReplyBook::received(const ReplyFrame& frame) {
  const auto found = match(frame);
  if (found == open_.end()) return {Unmatched{!frame.ok}};
  const std::string id = found->first;
  const Question question = std::move(found->second);
  open_.erase(found);
  if (question.waited_for) return {Answer{id}};
  const bool undo = frame.ok && !question.agent_name.empty() && !question.superseded;
  if (undo) return {Compensate{id, frame.agent_id, question.agent_name}};
  return {Unmatched{!frame.ok}};
}

ReplyBook::Questions::iterator ReplyBook::match(const ReplyFrame& frame) {
  const auto by_id = open_.find(frame.id);
  if (by_id != open_.end() || !frame.ok || frame.agent_name.empty()) return by_id;
  auto only = open_.end();
  for (auto question = open_.begin(); question != open_.end(); ++question) {
    if (question->second.agent_name != frame.agent_name) continue;
    if (only != open_.end()) return open_.end();
    only = question;
  }
  return only;
}

ReplyBook::Actions ReplyBook::disconnected() {
  Actions actions;
  for (const auto& [id, question] : open_) {
    if (!question.waited_for) continue;
    actions.emplace_back(GiveUp{
        id, Error(Code::connection_closed,
                  "node_control_disconnected: the connection to the engine was lost before it "
                  "answered")});
  }
  open_.clear();
  return actions;
}

ReplyBook::Actions ReplyBook::on_time(Monotonic now) {
  Actions actions;
  for (auto question = open_.begin(); question != open_.end();) {
    auto& [id, one] = *question;
    const bool registration = !one.agent_name.empty();
    if (one.waited_for && now >= one.asked + kCallerWaits) {
      actions.emplace_back(GiveUp{
          id,
          Error(Code::timeout, registration ? "agent_register_timeout: the engine did not answer "
                                              "the registration of " +
                                                  one.agent_name + " within 30 s"
                                            : "the engine did not answer within 30 s")});
      one.waited_for = false;
    }
    const bool forget = !one.waited_for && (!registration || now >= one.asked + kForgottenAfter);
    question = forget ? open_.erase(question) : std::next(question);
  }
  return actions;
}

std::optional<Monotonic> ReplyBook::next_deadline() const {
  std::optional<Monotonic> first;
  for (const auto& [id, question] : open_) {
    const Monotonic at = question.asked + (question.waited_for ? kCallerWaits : kForgottenAfter);
    if (!first || at < *first) first = at;
  }
  return first;
}

}  // namespace relay::node_control
