#include "broker/typing_marks.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/text.hpp"
#include "node_control/recent_marks.hpp"

namespace relay::broker {
namespace {

constexpr std::size_t kSlot = 64;
constexpr std::string_view kTypingHeader = "relay-broker typing 1\n";
/// Of a whole file; more slots were never in use at once.
constexpr off_t kLargest = off_t{64} << 20;
constexpr std::size_t kPlacesAtFirst = 512;
constexpr std::size_t kReasonAt = 12;

using Bytes = std::array<char, kSlot>;

std::uint64_t mark_of(const MessageKey& key) {
  return node_control::mark_of(key.agent_id + '\n' + key.delivery_id + '\n' +
                               std::to_string(key.seq));
}

bool write_at(const os::Fd& file, const Bytes& bytes, std::size_t place) {
  const auto offset = static_cast<off_t>(place * kSlot);
  return ::pwrite(file.get(), bytes.data(), kSlot, offset) == static_cast<ssize_t>(kSlot);
}

/// Ours alone, a plain file, under one name.
bool is_private(const struct stat& info) {
  return S_ISREG(info.st_mode) && info.st_uid == ::geteuid() && info.st_nlink == 1 &&
         (info.st_mode & 077) == 0;
}

Bytes header_of(const std::string& boot_id) {
  Bytes header{};
  const std::string text = std::string(kTypingHeader) + boot_id;
  std::memcpy(header.data(), text.data(), std::min(text.size(), kSlot));
  return header;
}

}  // namespace

TypingMarks TypingMarks::open(const os::Path& path, std::string boot_id) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  TypingMarks marks(path, os::Fd(::open(path.c_str(), kFlags, 0600)), std::move(boot_id));
  struct stat info{};
  const bool ours = marks.file_ && ::fstat(marks.file_.get(), &info) == 0 && is_private(info);
  if (!ours || marks.boot_id_.empty()) {
    // This broker types without marks: what stands there must not speak for it.
    marks.file_ = os::Fd();
    (void)::unlink(path.c_str());
    return marks;
  }
  marks.told_ = info.st_size <= kLargest && marks.read();
  if (marks.told_) return marks;
  marks.slots_.clear();
  marks.free_.clear();
  marks.places_ = 0;
  // The room is there before it is needed, so that a disk that gets full does not end the marks.
  const bool made = ::ftruncate(marks.file_.get(), 0) == 0 &&
                    ::posix_fallocate(marks.file_.get(), 0, (kPlacesAtFirst + 1) * kSlot) == 0;
  if (!made) marks.give_up();
  return marks;
}

void TypingMarks::begin() {
  if (file_ && !told_ && !write_at(file_, header_of(boot_id_), 0)) give_up();
}

bool TypingMarks::read() {
  Bytes bytes{};
  const auto get = [&](std::size_t place) {
    const auto offset = static_cast<off_t>(place * kSlot);
    return ::pread(file_.get(), bytes.data(), kSlot, offset) == static_cast<ssize_t>(kSlot);
  };
  if (!get(0) || bytes != header_of(boot_id_)) return false;
  for (places_ = 0; get(places_ + 1); ++places_) {
    const auto stage = static_cast<Stage>(bytes[8]);
    if (stage == Stage::none) {
      free_.push_back(places_);
      continue;
    }
    const auto length = static_cast<unsigned char>(bytes[11]);
    const auto end = static_cast<unsigned char>(bytes[9]);
    const auto proof = static_cast<unsigned char>(bytes[10]);
    const bool known = stage <= Stage::ended && length <= kSlot - kReasonAt &&
                       end <= static_cast<unsigned char>(pty::InjectionEnd::dead) &&
                       proof <= static_cast<unsigned char>(pty::Proof::screen);
    if (!known) return false;
    std::uint64_t mark = 0;
    std::memcpy(&mark, bytes.data(), sizeof mark);
    Slot slot;
    slot.place = places_;
    slot.stage = stage;
    slot.outcome.end = static_cast<pty::InjectionEnd>(end);
    slot.outcome.proof = static_cast<pty::Proof>(proof);
    slot.outcome.reason.assign(bytes.data() + kReasonAt, length);
    if (!slots_.emplace(mark, std::move(slot)).second) return false;
  }
  return true;
}

TypingMarks::Stage TypingMarks::stage_of(const MessageKey& key) const {
  const auto found = slots_.find(mark_of(key));
  return found == slots_.end() ? Stage::none : found->second.stage;
}

pty::InjectionOutcome TypingMarks::outcome_of(const MessageKey& key) const {
  const auto found = slots_.find(mark_of(key));
  return found == slots_.end() ? pty::InjectionOutcome() : found->second.outcome;
}

void TypingMarks::typing(const MessageKey& key) {
  Slot slot;
  slot.stage = Stage::typing;
  put(key, std::move(slot));
}

void TypingMarks::ended(const MessageKey& key, const pty::InjectionOutcome& outcome) {
  Slot slot;
  slot.stage = Stage::ended;
  slot.outcome = outcome;
  slot.outcome.reason.resize(std::min(slot.outcome.reason.size(), kSlot - kReasonAt));
  put(key, std::move(slot));
}

void TypingMarks::put(const MessageKey& key, Slot slot) {
  if (!file_) return;
  const std::uint64_t mark = mark_of(key);
  const auto found = slots_.find(mark);
  if (found != slots_.end()) {
    slot.place = found->second.place;
  } else if (!free_.empty()) {
    slot.place = free_.back();
    free_.pop_back();
  } else {
    slot.place = places_++;
  }
  write(mark, slot);
  slots_[mark] = std::move(slot);
}

void TypingMarks::forget(const MessageKey& key) {
  const auto found = slots_.find(mark_of(key));
  if (found != slots_.end()) drop(found);
}

void TypingMarks::forget_all_but(const std::vector<MessageKey>& keys) {
  std::set<std::uint64_t> kept;
  for (const MessageKey& key : keys) kept.insert(mark_of(key));
  for (auto at = slots_.begin(); at != slots_.end();)
    at = kept.contains(at->first) ? ++at : drop(at);
}

TypingMarks::Slots::iterator TypingMarks::drop(Slots::iterator at) {
  at->second.stage = Stage::none;
  write(at->first, at->second);
  free_.push_back(at->second.place);
  return slots_.erase(at);
}

void TypingMarks::write(std::uint64_t mark, const Slot& slot) {
  if (!file_) return;
  Bytes bytes{};
  std::memcpy(bytes.data(), &mark, sizeof mark);
  bytes[8] = static_cast<char>(slot.stage);
  bytes[9] = static_cast<char>(slot.outcome.end);
  bytes[10] = static_cast<char>(slot.outcome.proof);
  bytes[11] = static_cast<char>(slot.outcome.reason.size());
  std::memcpy(bytes.data() + kReasonAt, slot.outcome.reason.data(), slot.outcome.reason.size());
  if (!write_at(file_, bytes, slot.place + 1)) give_up();
}

/// Marks that are not whole would deny what was typed: without a file all is in doubt instead.
void TypingMarks::give_up() {
  (void)::ftruncate(file_.get(), 0);
  (void)::unlink(path_.c_str());
  file_ = os::Fd();
}

std::string boot_id() {
  const os::Fd file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::array<char, 40> text{};
  const auto got = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (got <= 0) return {};
  return std::string(trim(std::string_view(text.data(), static_cast<std::size_t>(got))));
}

}  // namespace relay::broker
