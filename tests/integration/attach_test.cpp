// `attach` as a person meets it: the real binary in a real terminal, in front of a real agent.
#include <fstream>
#include <future>

#include "integration/serve_world.hpp"
#include "support/bytes_of.hpp"
#include "support/pty_driver.hpp"

namespace relay::test {
namespace {

constexpr const char* kDetach = "\x1c";

struct Person : Member {
  [[nodiscard]] os::Command attach(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"attach", "ada"});
    return command(more);
  }
};

/// Ends of sockets whose paths are below this directory: those that wait to be let in, too.
std::size_t connections(const TempDir& below) {
  return times(bytes_of("/proc/net/unix"), below.path().string());
}

/// The keeper is the child of its guardian, and called as that is.
pid_t keeper_below(const TempDir& directory) {
  const auto both = alive_with(directory.path().string());
  for (const pid_t pid : both) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number;
    std::string name;
    std::string state;
    pid_t parent = 0;
    std::getline(stat, number, '(');
    std::getline(stat, name, ')');
    stat >> state >> parent;
    if (std::find(both.begin(), both.end(), parent) != both.end()) return pid;
  }
  throw std::runtime_error("there is no keeper");
}

}  // namespace

TEST_CASE_FIXTURE(Person, "what was there is painted once, keys reach the agent, Ctrl-\\ leaves") {
  serve();
  spawn_shell("ada",
              "stty -echo; trap 'stty size' WINCH; echo first line; while :; do read -r l && "
              "echo \"got $l\"; done");
  wait_shown("ada", "first line");
  PtyDriver pty(attach(), {101, 31});
  pty.wait_for("driving ada; ctrl-\\ leaves it");
  pty.wait_for("first line");
  pty.wait_for("31 101");
  pty.wait_raw(true);
  pty.type("one\r");
  pty.wait_for("got one");
  pty.resize({77, 22});
  pty.wait_for("22 77");
  pty.type(kDetach);
  pty.wait_for("left ada, which goes on");
  CHECK(pty.wait_end() == os::ExitStatus::exited(0));
  CHECK(same_mode(pty.mode(), pty.mode_before()));
  CHECK(times(pty.transcript(), "first line") == 1);
  CHECK(times(pty.transcript(), "got one") == 1);
  CHECK(agent_field("/state") != "exited");
  // The size is free for the next one.
  PtyDriver next(attach({"--drive", "--detach-key", "ctrl-p,ctrl-q"}), {90, 30});
  next.wait_for("ctrl-p,ctrl-q leaves it");
  next.wait_for("30 90");
  next.type("\x10\x11");
  CHECK(next.wait_end().success());
  CHECK(completed({"attach", "a"}) == "ada\t\n");
}

TEST_CASE_FIXTURE(Person, "who views types nothing, and can be stopped and continued") {
  serve();
  spawn_reader("ada");
  auto shell = command({});
  shell.argv = {"bash", "--norc", "--noediting", "-i"};
  shell.environment.set("PS1", "shell> ");
  shell.environment.set("ATTACH", relay_broker().string() + " attach ada --view");
  PtyDriver pty(shell);
  pty.wait_for("shell> ");
  pty.type("$ATTACH\r");
  pty.wait_for("viewing ada");
  pty.wait_raw(true);
  pty.type("typed\r");
  pty.type("\x1a");
  pty.wait_for("Stopped");
  pty.wait_for("shell> ");
  CHECK(same_mode(pty.mode(), pty.mode_before()));
  pty.type("fg\r");
  pty.wait_raw(true);
  CHECK(run({"snapshot", "ada"}).out.find("got") == std::string::npos);
  pty.type("\x03");
  pty.wait_for("left ada");
  pty.wait_for("shell> ");
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(Person, "the agent's end is attach's: its status, and a terminal put right") {
  serve();
  spawn_shell("ada", "printf '\\033[?1049h\\033[?25lfull screen'; read -r l; exit 7");
  wait_shown("ada", "full screen");
  PtyDriver pty(attach());
  pty.wait_for("full screen");
  pty.wait_raw(true);
  pty.type("\r");
  pty.wait_for("\x1b[?1049l");
  pty.wait_for("\x1b[?25h");
  pty.wait_for("ada has ended: exit status 7");
  CHECK(pty.wait_end() == os::ExitStatus::exited(7));
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(Person, "the terminal is as it was when a signal ends it, or the broker does") {
  serve();
  spawn_shell("ada", "printf '\\033[?1049hfull screen'; cat");
  for (const int number : {SIGTERM, SIGHUP, SIGINT}) {
    CAPTURE(number);
    PtyDriver pty(attach());
    pty.wait_for("full screen");
    pty.wait_raw(true);
    pty.signal(number);
    CHECK(pty.wait_end() == os::ExitStatus::exited(128 + number));
    CHECK(same_mode(pty.mode(), pty.mode_before()));
  }
  PtyDriver pty(attach());
  pty.wait_for("full screen");
  pty.wait_raw(true);
  broker->signal(SIGKILL);
  pty.wait_for("\x1b[?1049l");
  pty.wait_for("error: the broker has ended");
  pty.wait_for("hint: ");
  CHECK(pty.wait_end() == os::ExitStatus::exited(3));
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(Person, "a broker that ends before it has answered has ended, and is said so") {
  serve();
  spawn_reader("ada");
  PtyDriver pty(attach({"--view"}));
  pty.wait_for("viewing ada");
  pty.wait_raw(true);
  // It listens and answers nothing; who is continued asks for another picture.
  broker->freeze();
  const std::size_t before = connections(temp);
  pty.signal(SIGCONT);
  wait_until([&] { return connections(temp) > before; }, "it is asked");
  broker->signal(SIGKILL);
  pty.wait_for("error: the broker has ended while ada was shown");
  CHECK(pty.wait_end() == os::ExitStatus::exited(3));
}

TEST_CASE_FIXTURE(Person, "an agent of which nobody knows how it ended did not end well") {
  serve();
  spawn_shell("ada", "echo up; exec sleep 1000");
  PtyDriver pty(attach({"--view"}));
  pty.wait_for("up");
  pty.wait_raw(true);
  ::kill(keeper_below(temp), SIGKILL);
  pty.wait_for("error: ada is gone, and how it ended is not known");
  pty.wait_for("hint: relay-broker status");
  CHECK(pty.wait_end() == os::ExitStatus::exited(3));
  CHECK(same_mode(pty.mode(), pty.mode_before()));
}

TEST_CASE_FIXTURE(Person, "who is attached stays so when the next broker takes the place") {
  serve();
  spawn_reader("ada");
  PtyDriver pty(attach());
  pty.wait_for("driving ada");
  pty.wait_raw(true);
  pty.type("one\r");
  pty.wait_for("got one");
  RunningProgram next(command({"serve", "--relay", "off", "--takeover"}));
  next.wait_for("ready");
  CHECK(broker->wait_end().as_shell() == 0);
  // Painted anew: what the program does not paint again the next broker does not know.
  pty.wait_for("\x1b[2J");
  pty.type("two\r");
  pty.wait_for("got two");
  pty.type(kDetach);
  pty.wait_for("left ada, which goes on");
  CHECK(pty.wait_end().success());
}

TEST_CASE_FIXTURE(Person, "what a person types while one broker follows another is typed once") {
  serve();
  const std::string read = temp / "read";
  spawn_shell("ada", "stty -echo; echo up; while read -r l; do echo \"$l\" >> " + read +
                         "; echo \"got $l\"; done");
  PtyDriver pty(attach());
  pty.wait_for("up");
  pty.wait_raw(true);
  std::string typed;
  int line = 0;
  const auto type_line = [&] {
    const std::string text = "line " + std::to_string(++line);
    typed += text + '\n';
    pty.type(text.substr(0, 3));
    pty.type(text.substr(3) + '\r');
  };
  RunningProgram next(command({"serve", "--relay", "off", "--takeover"}));
  auto ready = std::async(std::launch::async, [&] { next.wait_for("ready"); });
  // As fast as a person with a held key.
  while (ready.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) type_line();
  ready.get();
  CHECK(broker->wait_end().as_shell() == 0);
  pty.type("the end\r");
  pty.wait_for("got the end");
  CHECK(bytes_of(read) == typed + "the end\n");
  pty.type(kDetach);
  CHECK(pty.wait_end().success());
}

TEST_CASE_FIXTURE(Person, "two who drive see each other; the first one has the size") {
  serve();
  spawn_reader("ada");
  PtyDriver first(attach(), {100, 30});
  first.wait_for("driving ada");
  first.wait_raw(true);
  PtyDriver second(attach(), {90, 20});
  second.wait_for("also driven by ");
  second.wait_for("its terminal has 100x30 cells, more than this one (90x20)");
  first.wait_for("also driven by ");
  second.wait_raw(true);
  second.type("from two\r");
  first.wait_for("got from two");
  CHECK(text_at(run({"snapshot", "ada", "--json"}).out, "/cols") == "100");
  first.type(kDetach);
  CHECK(first.wait_end().success());
  // The second one inherits it.
  const auto columns = [this] { return text_at(run({"snapshot", "ada", "--json"}).out, "/cols"); };
  wait_until([&] { return columns() == "90"; }, "the size of the second one");
  second.type(kDetach);
  CHECK(second.wait_end().success());
}

TEST_CASE_FIXTURE(Person, "a message waits while a person types, and comes when they have left") {
  serve({});
  spawn_shell("ada", "while read -r l; do echo \"got $l\"; done");
  PtyDriver pty(attach());
  pty.wait_for("driving ada");
  pty.wait_raw(true);
  pty.type("ha");
  wait_shown("ada", "ha");
  dm("hello there");
  wait_until([this] { return agent_field("/pending_messages") == "1"; }, "the message waits");
  pty.type("lf\r");
  pty.wait_for("got half");
  pty.type(kDetach);
  CHECK(pty.wait_end().success());
  wait_shown("ada", "hello there");
}

TEST_CASE_FIXTURE(Person, "a terminal that does not keep up is painted anew") {
  serve();
  spawn_shell("ada", "stty -echo; read -r l; seq 1 1000000; echo all\" \"there; read -r l");
  PtyDriver pty(attach());
  pty.wait_raw(true);
  pty.type("\r");
  wait_shown("ada", "all there");
  pty.wait_for("all there");
  // Of 8 MB no more than what sockets and terminals hold on the way.
  CHECK(pty.transcript().size() < 2'000'000);
  pty.type(kDetach);
  CHECK(pty.wait_end().success());
}

TEST_CASE_FIXTURE(Person, "what attach cannot do it says, and what to use instead") {
  const auto nobody = run({"attach", "ada"});
  CHECK(nobody.status.as_shell() == 2);
  CHECK(nobody.out.empty());
  CHECK(nobody.err.find("relay-broker snapshot ada") != std::string::npos);
  const auto json = run({"attach", "ada", "--json"});
  CHECK(json.status.as_shell() == 2);
  CHECK(text_at(json.out, "/error/code") == "invalid_argument");
  PtyDriver alone(attach());
  alone.wait_for("hint: relay-broker serve starts one");
  CHECK(alone.wait_end() == os::ExitStatus::exited(3));
  PtyDriver both(attach({"--view", "--drive"}));
  CHECK(both.wait_end() == os::ExitStatus::exited(2));
  serve();
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--view"}}) {
    PtyDriver pty(attach(more));
    pty.wait_for("error: there is no agent called 'ada'");
    CHECK(pty.wait_end() == os::ExitStatus::exited(5));
    CHECK(same_mode(pty.mode(), pty.mode_before()));
  }
}

}  // namespace relay::test
