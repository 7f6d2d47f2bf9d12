#include "os/sd_notify.hpp"

#include <cstddef>
#include <cstring>
#include <doctest/doctest.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/fd.hpp"
#include "support/temp_dir.hpp"

namespace relay::os {
namespace {

using namespace std::chrono_literals;

/// A service manager's end; `name` may begin with a zero byte (abstract).
class Manager {
 public:
  explicit Manager(const std::string& name) : fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() +
                                               (name.front() == '\0' ? 0 : 1));
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
  }

  /// A datagram on a Unix socket is there when its sender has returned.
  std::string received() {
    std::string text(4096, '\0');
    const ssize_t n = ::recv(fd_.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return text;
  }

 private:
  Fd fd_;
};

}  // namespace

TEST_CASE("the states are sent as the protocol wants them") {
  const test::TempDir temp;
  const std::string path = temp / "notify";
  Manager manager(path);
  ServiceManager service(Environment{{"NOTIFY_SOCKET", path}});
  REQUIRE(service.present());
  CHECK(service.ready("listening on http://127.0.0.1:1").has_value());
  CHECK(manager.received() == "READY=1\nSTATUS=listening on http://127.0.0.1:1");
  CHECK(service.status("two agents\nREADY=1").has_value());
  CHECK(manager.received() == "STATUS=two agents READY=1");
  CHECK(service.watchdog().has_value());
  CHECK(manager.received() == "WATCHDOG=1");
  CHECK(service.reloading(Monotonic(1s)).has_value());
  CHECK(manager.received() == "RELOADING=1\nMONOTONIC_USEC=1000000");
  CHECK(service.extend_timeout(2500ms).has_value());
  CHECK(manager.received() == "EXTEND_TIMEOUT_USEC=2500000");
  CHECK(service.stopping("ending agents").has_value());
  CHECK(manager.received() == "STOPPING=1\nSTATUS=ending agents");
}

TEST_CASE("an abstract socket is reached by its whole name") {
  const std::string name = "relay-test-" + std::to_string(::getpid());
  Manager manager(std::string(1, '\0') + name);
  ServiceManager service(Environment{{"NOTIFY_SOCKET", "@" + name}});
  CHECK(service.ready("up").has_value());
  CHECK(manager.received() == "READY=1\nSTATUS=up");
}

TEST_CASE("without a manager nothing is sent and nothing fails") {
  ServiceManager service{Environment{}};
  CHECK_FALSE(service.present());
  CHECK(service.ready("up").has_value());
  CHECK_FALSE(service.watchdog_interval());
}

TEST_CASE("a manager that is gone or wrongly named is an error and no crash") {
  CHECK(ServiceManager(Environment{{"NOTIFY_SOCKET", "/no/such"}}).watchdog().error().code ==
        Code::not_found);
  for (const std::string& wrong : {std::string("relative"), "/" + std::string(107, 'x')}) {
    CHECK(ServiceManager(Environment{{"NOTIFY_SOCKET", wrong}}).watchdog().error().code ==
          Code::invalid_argument);
  }
}

TEST_CASE("a manager that does not read never blocks us") {
  const test::TempDir temp;
  const std::string path = temp / "notify";
  const Manager manager(path);
  ServiceManager service(Environment{{"NOTIFY_SOCKET", path}});
  bool full = false;
  for (int i = 0; i < 100'000 && !full; ++i) full = !service.watchdog();
  CHECK(full);
}

TEST_CASE("the watchdog is for the process that it names") {
  const std::string us = std::to_string(::getpid());
  CHECK(ServiceManager(Environment{{"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", us}})
            .watchdog_interval() == Duration(3s));
  CHECK(ServiceManager(Environment{{"WATCHDOG_USEC", "3000000"}}).watchdog_interval() ==
        Duration(3s));
  CHECK_FALSE(ServiceManager(Environment{{"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", "1"}})
                  .watchdog_interval());
  for (const char* wrong : {"0", "-1", "3s", "99999999999999999999", "18446744073709551615"}) {
    CHECK_FALSE(ServiceManager(Environment{{"WATCHDOG_USEC", wrong}}).watchdog_interval());
  }
}

}  // namespace relay::os
