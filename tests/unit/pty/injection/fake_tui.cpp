#include "fake_tui.hpp"

#include <algorithm>
#include <utility>

namespace relay::pty {

void FakeTui::feed(std::string_view bytes, bool human) {
  input_.push_back(Input{std::string(bytes), human});
}

void FakeTui::paste(std::string text) {
  if (swallow_pastes > 0) {
    --swallow_pastes;
    return;
  }
  pasted.push_back(text);
  collapsed_ = collapses && text.size() > 60;
  box += text;
}

void FakeTui::key(char c, bool human) {
  if (!dialog.empty()) {
    if (!human) into_dialog += c;
    if (c == '\r') {
      chosen = choices[pointer];
      dialog.clear();
      pointer = 0;
    }
    return;
  }
  if (c == '\r') {
    if (!human && swallow_enters > 0) {
      --swallow_enters;
      return;
    }
    if (!box.empty()) submitted.push_back(std::exchange(box, {}));
    collapsed_ = false;
    if (starts_turn) busy = true;
  } else if (c == '\x15') {
    if (ignores_cut) return;
    if (!box.empty()) killed = std::exchange(box, {});
    collapsed_ = false;
  } else if (c == '\x19') {
    box += killed;
  } else {
    box += c;
  }
}

void FakeTui::run() {
  constexpr std::string_view kBegin = "\x1b[200~";
  constexpr std::string_view kEnd = "\x1b[201~";
  while (!input_.empty()) {
    const Input input = std::move(input_.front());
    input_.pop_front();
    std::string_view bytes = input.bytes;
    if (bytes.starts_with(kBegin) && dialog.empty()) {
      bytes.remove_prefix(kBegin.size());
      paste(std::string(bytes.substr(0, bytes.find(kEnd))));
    } else if (bytes.starts_with("\x1b[B") && !dialog.empty()) {
      pointer = (pointer + 1) % choices.size();
    } else {
      for (const char c : bytes) key(c, input.human);
    }
  }
}

ScreenText FakeTui::screen() const {
  const std::string rule = "────────────────────";
  ScreenText out;
  out.bracketed_paste = true;
  out.rows.emplace_back("a fake agent");
  if (!submitted.empty()) out.rows.push_back("> " + submitted.back());
  if (!booted) return out;
  if (!dialog.empty()) {
    out.rows.push_back(dialog);
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      out.rows.push_back((pointer == i ? "❯ " : "  ") + number + ". " + choices[i]);
    }
    return out;
  }
  if (busy) out.rows.emplace_back("* Working (esc to interrupt)");
  out.rows.push_back(rule);
  std::string shown = collapsed_ ? "[Pasted text #1 +2 lines]" : box;
  std::string row = "❯ ";
  std::size_t column = 0;
  for (const char c : shown) {
    if (c == '\n' || column == width) {
      out.rows.push_back(std::exchange(row, "  "));
      column = 0;
      if (c == '\n') continue;
    }
    row += c;
    ++column;
  }
  out.rows.push_back(row);
  out.rows.push_back(rule);
  return out;
}

}  // namespace relay::pty
