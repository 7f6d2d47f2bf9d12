#include "base/redaction.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/redaction_patterns.hpp"
#include "base/text.hpp"

namespace relay {
namespace {

using redaction::Span;

/// Puts the mark in the place of every span; spans that touch become one.
std::string blot_out(std::string_view line, std::vector<Span> spans) {
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.from < b.from; });
  std::string out;
  out.reserve(line.size());
  std::size_t shown = 0;
  for (std::size_t i = 0; i < spans.size();) {
    Span whole = spans[i];
    for (++i; i < spans.size() && spans[i].from <= whole.to; ++i) {
      whole.to = std::max(whole.to, spans[i].to);
      whole.quoted = whole.quoted || (spans[i].quoted && spans[i].from == whole.from);
    }
    out += line.substr(shown, whole.from - shown);
    if (whole.quoted) out += '"';
    out += kRedacted;
    if (whole.quoted) out += '"';
    shown = whole.to;
  }
  out += line.substr(shown);
  return out;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-._~";
  std::string out;
  for (const char c : text) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (alnum || kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 0x0FU];
  }
  return out;
}

std::string json_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// Every text that gives the secret away, the same one only once.
std::vector<Secret> forms_of(const Secret& secret) {
  std::vector<Secret> forms;
  const auto add = [&](std::string form) {
    Secret added(std::move(form));
    if (std::find(forms.begin(), forms.end(), added) == forms.end()) {
      forms.push_back(std::move(added));
    }
  };
  for (const std::string_view line : split(secret.reveal(), '\n')) {
    const std::string_view value = trim(line);
    if (value.size() < Redactor::kShortest) continue;
    add(std::string(value));
    add(percent_encoded(value));
    add(json_escaped(value));
  }
  return forms;
}

}  // namespace

std::string redact(std::string_view line) {
  return blot_out(line, redaction::find_patterns(line));
}

bool Redactor::watch(const Secret& secret) {
  std::vector<Secret> forms = forms_of(secret);
  const bool any = !forms.empty();
  const std::lock_guard lock(mutex_);
  for (Secret& form : forms) {
    const auto at = std::find_if(watched_.begin(), watched_.end(),
                                 [&](const Watched& each) { return each.value == form; });
    if (at != watched_.end()) {
      ++at->times;
    } else {
      watched_.push_back({std::move(form), 1});
    }
  }
  return any;
}

void Redactor::forget(const Secret& secret) {
  const std::vector<Secret> forms = forms_of(secret);
  const std::lock_guard lock(mutex_);
  for (const Secret& form : forms) {
    const auto at = std::find_if(watched_.begin(), watched_.end(),
                                 [&](const Watched& each) { return each.value == form; });
    if (at != watched_.end() && --at->times == 0) watched_.erase(at);
  }
}

std::string Redactor::redact(std::string_view line) const {
  std::vector<Span> spans = redaction::find_patterns(line);
  {
    const std::lock_guard lock(mutex_);
    for (const Watched& each : watched_) {
      const std::string& value = each.value.reveal();
      for (std::size_t at = line.find(value); at != std::string_view::npos;
           at = line.find(value, at + 1)) {
        spans.push_back({at, at + value.size(), false});
      }
    }
  }
  return blot_out(line, std::move(spans));
}

}  // namespace relay
