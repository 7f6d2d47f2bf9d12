// Lines of the control socket of wrap, both ways: what is taken is within bounds, and what is
// answered is one line whatever the id was.
#include "cli/wrap_request.hpp"

#include "broker/guest_lines.hpp"
#include "fuzz/targets.hpp"

namespace relay::fuzz::wrap_request {

namespace {

bool one_line(const std::string& line) {
  return line.find('\n') == line.size() - 1;
}

void check_message(const relay::cli::WrapMessage& request) {
  using namespace relay::cli;
  if (request.id.size() > kMostRequestName) std::abort();
  if (request.letter) {
    const auto& letter = *request.letter;
    for (const auto* name : {&letter.id, &letter.sender, &letter.target, &letter.thread}) {
      if (name->size() > kMostRequestName) std::abort();
    }
    if (request.id.empty() || letter.id.empty() || letter.sender.empty()) std::abort();
  }
  const auto line = request.letter ? outcome_line(request.id, {})
                                   : refusal_line(request.id, request.letter.error());
  if (!one_line(line)) std::abort();
  // A broker reads what we say.
  if (!request.id.empty() && !relay::broker::read_guest_news(line)) std::abort();
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto request = relay::cli::read_request(line);
  if (const auto* message = std::get_if<relay::cli::WrapMessage>(&request)) check_message(*message);
  const auto news = relay::broker::read_guest_news(line);
  const auto* state = news ? std::get_if<relay::broker::GuestState>(&*news) : nullptr;
  if (state != nullptr) {
    const auto again = relay::broker::guest_state_line(*state);
    if (!one_line(again)) std::abort();
  }
  return 0;
}

}  // namespace relay::fuzz::wrap_request
