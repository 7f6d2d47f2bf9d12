#include "net/http_router.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "net/http_message.hpp"

namespace relay::net {
namespace {

struct Segment {
  std::string text;
  bool is_parameter;
};

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  path.remove_prefix(std::min<std::size_t>(1, path.size()));
  for (;;) {
    const auto slash = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, slash));
    if (slash == path.size()) return parts;
    path.remove_prefix(slash + 1);
  }
}

std::vector<Segment> compile(const std::string& pattern) {
  if (pattern.empty() || pattern.front() != '/') {
    throw std::logic_error("a route has to start with a slash: " + pattern);
  }
  std::vector<Segment> segments;
  for (const auto part : split(pattern)) {
    const bool parameter = part.size() > 2 && part.front() == '{' && part.back() == '}';
    segments.push_back(
        {std::string(parameter ? part.substr(1, part.size() - 2) : part), parameter});
  }
  return segments;
}

/// The routes of one pattern.
struct Entry {
  std::vector<Segment> segments;
  std::vector<Route> methods;

  [[nodiscard]] bool fits(const std::vector<std::string_view>& parts) const {
    if (parts.size() != segments.size()) return false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (segments[i].is_parameter ? parts[i].empty() : parts[i] != segments[i].text) return false;
    }
    return true;
  }

  [[nodiscard]] const Route* method(std::string_view name) const {
    for (const Route& route : methods) {
      if (route.method == name) return &route;
    }
    return name == "HEAD" ? method("GET") : nullptr;
  }
};

bool same_shape(const Entry& a, const std::vector<Segment>& b) {
  return std::equal(a.segments.begin(), a.segments.end(), b.begin(), b.end(),
                    [](const Segment& x, const Segment& y) {
                      return x.is_parameter == y.is_parameter &&
                             (x.is_parameter || x.text == y.text);
                    });
}

/// Literal segments before parameters, at the first segment where two patterns differ in kind.
bool more_literal(const Entry& a, const Entry& b) {
  return std::lexicographical_compare(
      a.segments.begin(), a.segments.end(), b.segments.begin(), b.segments.end(),
      [](const Segment& x, const Segment& y) { return !x.is_parameter && y.is_parameter; });
}

void allow(std::vector<std::string_view>& methods, std::string_view name) {
  if (std::find(methods.begin(), methods.end(), name) == methods.end()) methods.push_back(name);
}

struct ByText {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

}  // namespace

struct HttpRouter::Table {
  std::vector<Entry> entries;
  /// Patterns without parameters, by path: the quick way for most requests.
  std::unordered_map<std::string, const Entry*, ByText, std::equal_to<>> literals;

  void add(Route route) {
    auto segments = compile(route.pattern);
    auto entry = std::find_if(entries.begin(), entries.end(),
                              [&](const Entry& each) { return same_shape(each, segments); });
    if (entry == entries.end()) entry = entries.insert(entry, Entry{std::move(segments), {}});
    if (std::any_of(entry->methods.begin(), entry->methods.end(),
                    [&](const Route& each) { return each.method == route.method; })) {
      throw std::logic_error("two routes for " + route.method + ' ' + route.pattern);
    }
    entry->methods.push_back(std::move(route));
  }

  void finish() {
    std::sort(entries.begin(), entries.end(), more_literal);
    for (const Entry& entry : entries) {
      const bool literal = std::none_of(entry.segments.begin(), entry.segments.end(),
                                        [](const Segment& s) { return s.is_parameter; });
      if (literal) literals.emplace(entry.methods.front().pattern, &entry);
    }
  }
};

HttpRouter::HttpRouter(std::vector<Route> routes) : table_(std::make_unique<Table>()) {
  for (Route& route : routes) table_->add(std::move(route));
  table_->finish();
}
HttpRouter::HttpRouter(HttpRouter&&) noexcept = default;
HttpRouter::~HttpRouter() = default;

RouteMatch HttpRouter::find(std::string_view method, std::string_view path) const {
  RouteMatch match;
  if (const auto literal = table_->literals.find(path); literal != table_->literals.end()) {
    match.route = literal->second->method(method);
    if (match.route) {
      match.status = 200;
      return match;
    }
  }
  const auto parts = split(path);
  std::vector<std::string_view> allowed;
  for (const Entry& entry : table_->entries) {
    if (!entry.fits(parts)) continue;
    const Route* route = entry.method(method);
    if (!route) {
      for (const Route& each : entry.methods) {
        allow(allowed, each.method);
        if (each.method == "GET") allow(allowed, "HEAD");
      }
      continue;
    }
    match.status = 200;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!entry.segments[i].is_parameter) continue;
      auto value = percent_decoded(parts[i]);
      if (!value || value->find('\0') != std::string::npos) {
        match.parameters.clear();
        match.status = 400;
        return match;
      }
      match.parameters.emplace_back(entry.segments[i].text, std::move(*value));
    }
    match.route = route;
    return match;
  }
  if (!allowed.empty()) {
    match.status = 405;
    for (const auto name : allowed) {
      if (!match.allow.empty()) match.allow += ", ";
      match.allow += name;
    }
  }
  return match;
}

}  // namespace relay::net
