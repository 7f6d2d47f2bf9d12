#include "os/fake_files.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "os/errno_error.hpp"
#include "os/file_rules.hpp"
#include "os/file_steps.hpp"

namespace relay::os {
namespace {

struct Node {
  FileInfo info;
  std::string content;
  std::string synced;
};

/// Shared, because a file may have several names and be open without any.
using Tree = std::map<std::string, std::shared_ptr<Node>>;

constexpr std::size_t kPieceOfAWrite = 4096;

}  // namespace

class FakeFiles::Disk final : public FileSteps {
 public:
  explicit Disk(const Clock& clock) : clock_(clock) {
    put("/", make(FileKind::directory, 0755));
    synced_ = now_;
  }

  int open_new(const Path& path) override {
    if (const int error = step(); error != 0) return error;
    if (!find(path.parent_path())) return -ENOENT;
    if (find(path)) return -EEXIST;
    auto node = make(FileKind::regular, 0600);
    put(path, node);
    open_.push_back(std::move(node));
    return static_cast<int>(open_.size()) - 1;
  }

  ssize_t write(int file, std::string_view bytes) override {
    if (const int error = step(); error != 0) return error;
    // Real disks take less than they are given at times.
    const std::string_view taken = bytes.substr(0, kPieceOfAWrite);
    Node& node = *open_[static_cast<std::size_t>(file)];
    node.content += taken;
    node.info.changed = clock_.wall();
    return static_cast<ssize_t>(taken.size());
  }

  int sync(int file) override {
    if (const int error = step(); error != 0) return error;
    Node& node = *open_[static_cast<std::size_t>(file)];
    node.synced = node.content;
    return 0;
  }

  int close(int) override { return step(); }

  int rename(const Path& from, const Path& to) override {
    if (const int error = step(); error != 0) return error;
    auto node = find(from);
    if (!node) return -ENOENT;
    const auto there = find(to);
    if (there && there->info.kind == FileKind::directory) return -EISDIR;
    drop(from);
    put(to, node);
    return 0;
  }

  int link(const Path& from, const Path& to) override {
    if (const int error = step(); error != 0) return error;
    auto node = find(from);
    if (!node) return -ENOENT;
    if (find(to)) return -EEXIST;
    put(to, node);
    return 0;
  }

  int unlink(const Path& path) override {
    if (const int error = step(); error != 0) return error;
    const auto node = find(path);
    if (!node) return -ENOENT;
    if (node->info.kind == FileKind::directory) return -EISDIR;
    drop(path);
    return 0;
  }

  int sync_directory(const Path& path) override {
    if (const int error = step(); error != 0) return error;
    const auto inside = [&](const auto& entry) { return Path(entry.first).parent_path() == path; };
    std::erase_if(synced_, inside);
    std::copy_if(now_.begin(), now_.end(), std::inserter(synced_, synced_.end()), inside);
    return 0;
  }

  int make_directory(const Path& path) {
    if (const int error = step(); error != 0) return error;
    if (!find(path.parent_path())) return -ENOENT;
    put(path, make(FileKind::directory, 0700));
    return sync_directory(path.parent_path());
  }

  /// 0 or -errno of the step that is about to be taken.
  int step() {
    if (dead_) return -EIO;
    ++steps_;
    if (fail_at_ != steps_) return 0;
    dead_ = fault_ == Fault::power_cut;
    return fault_ == Fault::no_space ? -ENOSPC : -EIO;
  }

  void restart(Kept kept) {
    dead_ = false;
    fail_at_ = 0;
    if (kept == Kept::synced_only) now_ = synced_;
    for (auto& [name, node] : now_) {
      if (kept == Kept::everything) node->synced = node->content;
      node->content = node->synced;
    }
    synced_ = now_;
    open_.clear();
    // Whoever held a lock is gone: its release is about another life.
    locks_ = std::make_shared<std::set<std::string>>();
  }

  [[nodiscard]] std::shared_ptr<Node> find(const Path& path) const {
    const auto at = now_.find(path.string());
    return at == now_.end() ? nullptr : at->second;
  }

  [[nodiscard]] std::shared_ptr<Node> make(FileKind kind, unsigned mode) const {
    auto node = std::make_shared<Node>();
    node->info.kind = kind;
    node->info.mode = mode;
    node->info.owner = kUs;
    node->info.changed = clock_.wall();
    return node;
  }

  void put(const Path& path, std::shared_ptr<Node> node) { now_[path.string()] = std::move(node); }
  void drop(const Path& path) { now_.erase(path.string()); }

  [[nodiscard]] FileInfo info(const std::shared_ptr<Node>& node) const {
    FileInfo info = node->info;
    info.size = node->content.size();
    info.names = static_cast<std::uint64_t>(
        std::count_if(now_.begin(), now_.end(), [&](const auto& e) { return e.second == node; }));
    return info;
  }

  Result<std::shared_ptr<Node>> existing(const Path& path, std::string_view what) {
    const int error = step();
    auto node = error == 0 ? find(path) : nullptr;
    if (error != 0) return fail(errno_error(-error, std::string(what) + quoted(path)));
    if (!node) return fail(errno_error(ENOENT, std::string(what) + quoted(path)));
    return node;
  }

  Result<std::string> content(const Path& path, const Node& node, std::size_t at_most) const {
    if (broken_.contains(path.string())) {
      return fail(errno_error(EIO, "cannot read " + quoted(path)));
    }
    if (node.content.size() > at_most) return fail(too_large(path, at_most));
    return node.content;
  }

  std::string next_unique() { return std::to_string(++written_); }

  const Clock& clock_;
  Tree now_;
  Tree synced_;
  std::vector<std::shared_ptr<Node>> open_;
  std::set<std::string> broken_;
  /// Shared with the locks, which may outlive a restart or the disk.
  std::shared_ptr<std::set<std::string>> locks_ = std::make_shared<std::set<std::string>>();
  std::size_t steps_ = 0;
  std::size_t fail_at_ = 0;
  std::size_t written_ = 0;
  Fault fault_ = Fault::io_error;
  bool dead_ = false;
};

namespace {

class FakeLock final : public FileLock {
 public:
  FakeLock(std::shared_ptr<std::set<std::string>> held, std::string path)
      : held_(std::move(held)), path_(std::move(path)) {}
  ~FakeLock() override { held_->erase(path_); }
  FakeLock(const FakeLock&) = delete;
  FakeLock& operator=(const FakeLock&) = delete;

 private:
  std::shared_ptr<std::set<std::string>> held_;
  std::string path_;
};

}  // namespace

FakeFiles::FakeFiles(const Clock& clock) : disk_(std::make_unique<Disk>(clock)) {}
FakeFiles::~FakeFiles() = default;

Result<std::string> FakeFiles::read(const Path& path, std::size_t at_most) {
  const auto node = disk_->existing(path, "cannot open ");
  if (!node) return fail(node.error());
  if ((*node)->info.kind != FileKind::regular) {
    return fail(Code::invalid_argument, quoted(path) + " is no regular file");
  }
  return disk_->content(path, **node, at_most);
}

Result<std::string> FakeFiles::read_private(const Path& path, std::size_t at_most) {
  const auto node = disk_->existing(path, "cannot open ");
  if (!node) return fail(node.error());
  if (auto refused = refuse_private_file(disk_->info(*node), path, kUs)) {
    return fail(*std::move(refused));
  }
  return disk_->content(path, **node, at_most);
}

Result<void> FakeFiles::replace(const Path& path, std::string_view content) {
  return write_whole(*disk_, path, content, Existing::replaced, disk_->next_unique());
}

Result<void> FakeFiles::put(const Path& path, std::string_view content) {
  return write_whole(*disk_, path, content, Existing::replaced, disk_->next_unique(),
                     Lasting::crash);
}

Result<void> FakeFiles::create(const Path& path, std::string_view content) {
  return write_whole(*disk_, path, content, Existing::kept, disk_->next_unique());
}

Result<void> FakeFiles::append(const Path& path, std::string_view content, bool sync) {
  const std::string what = "cannot write " + quoted(path);
  if (!disk_->find(path)) {
    const int made = disk_->open_new(path);
    if (made < 0) return fail(errno_error(-made, what));
  }
  const auto node = disk_->find(path);
  if (auto refused = refuse_private_file(disk_->info(node), path, kUs)) {
    return fail(*std::move(refused));
  }
  const std::size_t before = node->content.size();
  disk_->open_.push_back(node);
  const int file = static_cast<int>(disk_->open_.size()) - 1;
  int error = -write_all(*disk_, file, content);
  if (error != 0) node->content.resize(before);
  if (error == 0 && sync) error = -disk_->sync(file);
  if (error != 0) return fail(errno_error(error, what));
  return {};
}

Result<bool> FakeFiles::remove(const Path& path) {
  const int error = -disk_->unlink(path);
  if (error == ENOENT) return false;
  if (error != 0) return fail(errno_error(error, "cannot remove " + quoted(path)));
  return true;
}

Result<FileInfo> FakeFiles::stat(const Path& path) {
  const auto node = disk_->existing(path, "cannot look at ");
  if (!node) return fail(node.error());
  return disk_->info(*node);
}

Result<std::vector<std::string>> FakeFiles::list(const Path& directory) {
  const auto node = disk_->existing(directory, "cannot list ");
  if (!node) return fail(node.error());
  std::vector<std::string> names;
  for (const auto& [path, entry] : disk_->now_) {
    const Path each(path);
    if (each.parent_path() == directory && each != directory) {
      names.push_back(each.filename().string());
    }
  }
  return names;
}

Result<void> FakeFiles::make_private_directory(const Path& path) {
  const Path wanted = path.has_filename() ? path : path.parent_path();
  Path made;
  for (const Path& part : wanted) {
    made /= part;
    if (disk_->find(made)) continue;
    const int error = -disk_->make_directory(made);
    if (error != 0) return fail(errno_error(error, "cannot make " + quoted(made)));
  }
  const auto node = disk_->find(wanted);
  if (auto refused = refuse_private_directory(disk_->info(node), wanted, kUs)) {
    return fail(*std::move(refused));
  }
  node->info.mode = 0700;
  return {};
}

Result<std::unique_ptr<FileLock>> FakeFiles::lock(const Path& path, std::string_view note) {
  if (!disk_->locks_->insert(path.string()).second) {
    return fail(already_locked(path, disk_->find(path)->content));
  }
  auto held = std::make_unique<FakeLock>(disk_->locks_, path.string());
  if (const auto node = disk_->find(path)) node->content.clear();
  auto written = append(path, note, false);
  if (!written) return fail(std::move(written).error());
  return std::unique_ptr<FileLock>(std::move(held));
}

void FakeFiles::fail_step(std::size_t nth, Fault fault) {
  disk_->fail_at_ = disk_->steps_ + nth;
  disk_->fault_ = fault;
}

std::size_t FakeFiles::steps() const {
  return disk_->steps_;
}

void FakeFiles::break_reading(const Path& path) {
  disk_->broken_.insert(path.string());
}

void FakeFiles::restart(Kept kept) {
  disk_->restart(kept);
}

void FakeFiles::plant(const Path& path, std::string content, unsigned mode, uid_t owner,
                      FileKind kind) {
  auto node = disk_->make(kind, mode);
  node->info.owner = owner;
  node->content = content;
  node->synced = std::move(content);
  disk_->put(path, node);
  disk_->synced_[path.string()] = node;
}

}  // namespace relay::os
