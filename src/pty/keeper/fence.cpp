#include "pty/keeper/fence.hpp"

#include <array>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <system_error>
#include <unistd.h>

#include "base/text.hpp"
#include "os/fd.hpp"
#include "os/posix_files.hpp"
#include "os/system_random.hpp"
#include "pty/keeper/marks.hpp"

namespace relay::pty::keeper {
namespace {

constexpr std::size_t kLongestProcFile = std::size_t{1} << 20U;
constexpr std::size_t kLongestRecord = 8192;
constexpr std::string_view kRecord = "keeper.cgroup";

std::string read_small(const os::Path& path) {
  const os::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string all;
  std::array<char, 4096> piece{};
  ssize_t got = 0;
  while (all.size() < kLongestProcFile &&
         (got = ::read(file.get(), piece.data(), piece.size())) > 0) {
    all.append(piece.data(), static_cast<std::size_t>(got));
  }
  return all;
}

bool write_small(const os::Path& path, std::string_view text) {
  const os::Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// Mount points write a blank as \040.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view code = text.substr(i + 1, 3);
    const bool octal =
        text[i] == '\\' && code.size() == 3 && code.find_first_not_of("01234567") == code.npos;
    if (octal) {
      out.push_back(
          static_cast<char>((code[0] - '0') * 64 + (code[1] - '0') * 8 + (code[2] - '0')));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

/// What lies below `root`, with its slash; nothing when `path` is elsewhere.
std::optional<std::string_view> below_root(std::string_view path, std::string_view root) {
  if (root == "/") return path;
  if (!path.starts_with(root)) return std::nullopt;
  path.remove_prefix(root.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  return path;
}

struct OurGroup {
  os::Path directory;
  /// Nothing above it can be seen.
  bool top = false;
};

std::optional<OurGroup> our_group() {
  const auto mount = find_group_mount(read_small("/proc/self/mountinfo"));
  if (!mount) return std::nullopt;
  auto directory = group_directory(*mount, read_small("/proc/self/cgroup"));
  if (!directory) return std::nullopt;
  const bool top = *directory == os::Path(mount->point);
  return OurGroup{*std::move(directory), top};
}

bool has_delegate_attribute(const os::Path& directory) {
  for (const char* name : {"user.delegate", "trusted.delegate"}) {
    char value = 0;
    if (::getxattr(directory.c_str(), name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

/// The top of the whole hierarchy cannot be killed and has no such file; that of a container has.
bool can_be_killed(const os::Path& directory) {
  return ::access((directory / "cgroup.kill").c_str(), F_OK) == 0;
}

std::string prefix_of(const Place& place) {
  return fmt::format("relay-broker-{}-", place_name(place.directory.string()));
}

bool is_group(const os::Path& directory) {
  struct statfs found{};
  return ::statfs(directory.c_str(), &found) == 0 && found.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace

std::optional<GroupMount> find_group_mount(std::string_view mountinfo) {
  for (const std::string_view line : split(mountinfo, '\n')) {
    // "41 31 0:38 <root> <point> <options> [tags…] - cgroup2 …"
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos || !line.substr(dash + 3).starts_with("cgroup2 ")) continue;
    const auto words = split(line.substr(0, dash), ' ');
    if (words.size() < 6) continue;
    return GroupMount{unescaped(words[3]), unescaped(words[4])};
  }
  return std::nullopt;
}

std::optional<os::Path> group_directory(const GroupMount& mount, std::string_view proc_cgroup) {
  for (const std::string_view line : split(proc_cgroup, '\n')) {
    if (!line.starts_with("0::/")) continue;
    const auto below = below_root(line.substr(3), mount.root);
    // A group outside of what a container sees begins with "/..".
    if (!below || below->starts_with("/..")) return std::nullopt;
    std::string directory = mount.point + std::string(*below);
    while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
    return directory;
  }
  return std::nullopt;
}

std::optional<os::Path> Fence::possible_in() {
  auto ours = our_group();
  if (!ours || !can_be_killed(ours->directory)) return std::nullopt;
  if (::geteuid() == 0 && !ours->top && !has_delegate_attribute(ours->directory)) {
    return std::nullopt;
  }
  if (::access(ours->directory.c_str(), W_OK) != 0) return std::nullopt;
  return std::move(ours->directory);
}

std::optional<Fence> Fence::make(const Place& place) {
  const auto ours = possible_in();
  if (!ours) return std::nullopt;
  Fence fence(*ours / fmt::format("{}{}", prefix_of(place), ::getpid()), place.directory / kRecord);
  if (::mkdir(fence.directory_.c_str(), 0755) != 0) return std::nullopt;
  os::SystemRandom random;
  os::PosixFiles files(random);
  const bool recorded = files.replace(fence.record_, fence.directory_.string()).has_value();
  if (recorded && ::access((fence.directory_ / "cgroup.kill").c_str(), W_OK) == 0) return fence;
  fence.remove();
  return std::nullopt;
}

std::optional<Fence> Fence::left_at(const Place& place) {
  os::SystemRandom random;
  os::PosixFiles files(random);
  const os::Path record = place.directory / kRecord;
  const auto text = files.read_private(record, kLongestRecord);
  if (!text) return std::nullopt;
  Fence fence(*text, record);
  const auto ours = our_group();
  const bool ours_is_in_it =
      ours && (ours->directory / "").string().starts_with((fence.directory_ / "").string());
  const bool is_one = fence.directory_.is_absolute() && is_group(fence.directory_) &&
                      fence.directory_.filename().string().starts_with(prefix_of(place));
  if (!is_one || ours_is_in_it) return std::nullopt;
  return fence;
}

bool Fence::enter() const {
  return write_small(directory_ / "cgroup.procs", "0");
}

void Fence::kill() const {
  write_small(directory_ / "cgroup.kill", "1");
}

bool Fence::empty() const {
  const std::string events = read_small(directory_ / "cgroup.events");
  return events.find("populated 1") == std::string::npos;
}

std::vector<pid_t> Fence::members() const {
  std::vector<pid_t> found;
  const std::string text = read_small(directory_ / "cgroup.procs");
  for (const std::string_view line : split(text, '\n')) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), pid);
    if (error == std::errc() && pid > 0) found.push_back(pid);
  }
  return found;
}

void Fence::remove() const {
  std::error_code failed;
  std::vector<os::Path> groups{directory_};
  // Agents may have made groups of their own below it.
  for (std::filesystem::recursive_directory_iterator at(directory_, failed), end;
       !failed && at != end; at.increment(failed)) {
    if (at->is_directory(failed)) groups.push_back(at->path());
  }
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) ::rmdir(group->c_str());
  if (is_group(directory_)) return;
  os::SystemRandom random;
  os::PosixFiles files(random);
  // A later keeper may have recorded its own.
  const auto recorded = files.read_private(record_, kLongestRecord);
  if (recorded && *recorded == directory_.string()) ::unlink(record_.c_str());
}

}  // namespace relay::pty::keeper
