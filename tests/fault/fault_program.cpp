// Programs to be talked to, by name of a way: `fault-program WAY [FILE]`. Each says "up" when it is
// ready. What it takes as an input it adds to FILE with a record separator behind it, and before
// that the time, in nanoseconds of the monotonic clock, to FILE.times.
//   lines   reads lines, as a script does
//   paste   raw, with bracketed paste; Enter ends an input
//   box     the same with an input box as Claude Code's
//   folds   the same; what it reads first of a long paste becomes an attachment, as there
//   swallows-N  the same; the first N Enters do nothing but go into FILE as "swallowed"
//   deaf    raw, reads nothing before SIGUSR1; then as `paste`
//   quits   ends when it has read a text and before Enter
//   prints  prints without end
//   counts  as `paste`, and prints numbers, "<1>" and on, all the time
//   logs    raw, with bracketed paste; adds what it reads to FILE as it is
//   listens is no agent but a server that does nothing: listens at the Unix socket FILE
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <iterator>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utility>

namespace {

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
    // The terminal may have got another size meanwhile.
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) std::_Exit(1);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

class Inputs {
 public:
  explicit Inputs(const std::string& path)
      : file_(for_more(path)), times_(path == "/dev/null" ? file_ : for_more(path + ".times")) {}
  void add(std::string text) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    constexpr std::int64_t kNanoseconds = 1'000'000'000;
    put(times_, std::to_string(now.tv_sec * kNanoseconds + now.tv_nsec) + "\n");
    text += '\x1e';
    add_as_is(text);
  }
  void add_as_is(const std::string& text) const { put(file_, text); }

 private:
  static int for_more(const std::string& path) {
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  /// One write: who reads sees it whole.
  static void put(int file, const std::string& text) {
    if (::write(file, text.data(), text.size()) < 0) std::_Exit(1);
  }
  int file_;
  int times_;
};

void be_raw() {
  termios mode{};
  ::tcgetattr(STDIN_FILENO, &mode);
  ::cfmakeraw(&mode);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &mode);
  say("\x1b[?2004h");
}

std::string read_some() {
  char piece[65536];
  const ssize_t got = ::read(STDIN_FILENO, piece, sizeof piece);
  if (got < 0 && errno == EINTR) return {};
  if (got <= 0) std::_Exit(0);
  return {piece, static_cast<std::size_t>(got)};
}

/// Takes pastes and Enter out of what comes.
class Typed {
 public:
  /// True when Enter came; the input is `text` then.
  bool take(char c) {
    if (c == '\r' && !pasting_) return true;
    text += c;
    strip("\x1b[200~", true);
    strip("\x1b[201~", false);
    return false;
  }
  std::string text;

 private:
  void strip(std::string_view mark, bool begins) {
    if (!text.ends_with(mark)) return;
    text.resize(text.size() - mark.size());
    pasting_ = begins;
  }
  bool pasting_ = false;
};

/// No more of a text than fits on a screen: its end.
std::string end_of(const std::string& text) {
  constexpr std::size_t kMost = 480;
  return text.size() <= kMost ? text : text.substr(text.size() - kMost);
}

void draw(const std::string& last, const std::string& text) {
  std::string rule;
  for (int i = 0; i < 40; ++i) rule += "─";
  std::string rows = "\x1b[?2026h\x1b[H\x1b[J";
  if (!last.empty()) rows += "> " + end_of(last) + "\r\n";
  rows += rule + "\r\n❯ " + text + "\r\n" + rule + "\r\n\x1b[?2026l";
  say(rows);
}

/// Whether the window has another size than at the last call: what is not changed is not drawn.
bool resized() {
  static winsize known{};
  winsize now{};
  ::ioctl(STDIN_FILENO, TIOCGWINSZ, &now);
  const bool other = now.ws_row != known.ws_row || now.ws_col != known.ws_col;
  known = now;
  return other;
}

void on_resize(int) {}

/// Until there is something to read.
void count_meanwhile() {
  static int number = 0;
  constexpr int kBetweenMs = 10;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (::poll(&input, 1, kBetweenMs) == 0) say("<" + std::to_string(++number) + ">");
}

struct Habits {
  bool box = false;
  bool counts = false;
  bool folds = false;
  int swallows = 0;
};

/// A text in the box of which the beginning may have become an attachment.
class Folding {
 public:
  /// After each read; before it there were `had` characters behind the attachment.
  void fold(Typed& typed, std::size_t had) {
    constexpr std::size_t kLong = 200;
    if (had != 0 || !folded_.empty() || typed.text.size() <= kLong) return;
    // A mark that is cut is still to be understood.
    if (typed.text.find('\x1b', typed.text.size() - 6) != std::string::npos) return;
    folded_ = std::exchange(typed.text, {});
  }
  [[nodiscard]] std::string shown(const std::string& rest) const {
    return folded_.empty() ? rest : "[Pasted text #1 +1 lines]" + end_of(rest);
  }
  std::string take(std::string rest) { return std::exchange(folded_, {}) + std::move(rest); }

 private:
  std::string folded_;
};

[[noreturn]] void run_paste(Inputs inputs, Habits habits) {
  struct sigaction heard{};
  heard.sa_handler = on_resize;
  ::sigaction(SIGWINCH, &heard, nullptr);
  Typed typed;
  Folding folding;
  std::string last;
  std::string some = "at the start";
  for (;;) {
    const bool draws = !some.empty() || resized();
    if (draws && habits.box) draw(last, folding.shown(typed.text));
    // What answers to a text need not be waited for.
    if (!some.empty() && !habits.box) say(".");
    if (habits.counts) count_meanwhile();
    some = read_some();
    const std::size_t had = typed.text.size();
    for (const char c : some) {
      if (!typed.take(c)) continue;
      if (habits.swallows > 0) {
        --habits.swallows;
        inputs.add("swallowed");
        continue;
      }
      last = folding.take(std::exchange(typed.text, {}));
      inputs.add(last);
    }
    if (habits.folds) folding.fold(typed, had);
  }
}

[[noreturn]] void run_logs(Inputs inputs) {
  for (;;) {
    inputs.add_as_is(read_some());
    say(".");
  }
}

[[noreturn]] void run_listens(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view(path).copy(std::begin(address.sun_path), sizeof address.sun_path - 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto* place = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(listener, place, sizeof address) != 0 || ::listen(listener, 16) != 0) std::_Exit(1);
  say("up\n");
  for (;;) ::pause();
}

[[noreturn]] void run_lines(Inputs inputs) {
  std::string line;
  for (;;) {
    for (const char c : read_some()) {
      if (c == '\n')
        inputs.add(std::exchange(line, {}));
      else
        line += c;
    }
  }
}

[[noreturn]] void run_quits() {
  Typed typed;
  for (;;) {
    for (const char c : read_some()) (void)typed.take(c);
    if (typed.text.find("[end ") != std::string::npos) std::_Exit(3);
  }
}

[[noreturn]] void run_prints() {
  const std::string piece(4096, 'x');
  for (;;) say(piece + "\r\n");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view way = argc > 1 ? argv[1] : "";
  const char* file = argc > 2 ? argv[2] : "/dev/null";
  if (way == "deaf") {
    sigset_t wake;
    ::sigemptyset(&wake);
    ::sigaddset(&wake, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &wake, nullptr);
    be_raw();
    say("up\r\n");
    int number = 0;
    ::sigwait(&wake, &number);
    run_paste(Inputs(file), {});
  }
  if (way == "listens") run_listens(file);
  if (way == "lines") {
    say("up\n");
    run_lines(Inputs(file));
  }
  be_raw();
  say("up\r\n");
  Habits habits;
  habits.counts = way == "counts";
  if (way == "paste" || habits.counts) run_paste(Inputs(file), habits);
  if (way == "logs") run_logs(Inputs(file));
  habits.box = true;
  habits.folds = way == "folds";
  if (way.starts_with("swallows-")) habits.swallows = std::atoi(way.data() + 9);
  if (way == "box" || habits.folds || habits.swallows > 0) run_paste(Inputs(file), habits);
  if (way == "quits") run_quits();
  if (way == "prints") run_prints();
  return 2;
}
