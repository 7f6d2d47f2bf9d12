// S6: another user of this machine, at the socket of a broker.
#include <array>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/serve_world.hpp"
#include "support/skipped.hpp"

namespace relay::test {
namespace {

constexpr uid_t kNobody = 65534;

/// What a process of that user gets for a request on the socket: "refused" when it cannot connect.
std::string ask_as(uid_t user, const std::string& socket_path) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path.copy(std::begin(address.sun_path), sizeof(address.sun_path) - 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    constexpr std::string_view kAsk =
        "GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    std::array<char, 64> answer{"refused"};
    const bool is_user = ::setgid(user) == 0 && ::setuid(user) == 0;
    if (!is_user) std::string_view("no such user").copy(answer.data(), answer.size());
    const auto* const place = reinterpret_cast<const sockaddr*>(&address);
    if (is_user && ::connect(socket, place, sizeof(address)) == 0) {
      answer.fill('\0');
      (void)!::write(socket, kAsk.data(), kAsk.size());
      (void)!::read(socket, answer.data(), answer.size() - 1);
    }
    (void)!::write(ends[1], answer.data(), answer.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string out(64, '\0');
  const auto got = ::read(ends[0], out.data(), out.size());
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  ::close(ends[0]);
  (void)::waitpid(child, nullptr, 0);
  return out.substr(0, out.find('\0'));
}

}  // namespace

TEST_CASE_FIXTURE(User, "S6: another user is kept out by the mode, and by who it is without it") {
  if (::getuid() != 0) return skip_row("S6", "only root can be another user");
  serve();
  const auto connection = run({"serve", "--print-connection", "--json"});
  const std::string socket = text_at(connection.out, "/socket");
  CAPTURE(socket);
  CHECK(ask_as(0, socket).starts_with("HTTP/1.1 200 "));
  CHECK(ask_as(kNobody, socket) == "refused");
  // Somebody opens everything by mistake.
  using std::filesystem::perms;
  for (std::filesystem::path place = socket; place != temp.path().parent_path();
       place = place.parent_path()) {
    std::filesystem::permissions(place, perms::all);
  }
  CHECK(ask_as(kNobody, socket).starts_with("HTTP/1.1 403 "));
}

}  // namespace relay::test
