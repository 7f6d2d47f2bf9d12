#include "broker/api_drivers.hpp"

#include <utility>

#include "base/json_writer.hpp"
#include "pty/session/size_lease.hpp"

namespace relay::broker {

Drivers::Seat::Seat(Drivers& drivers, std::string agent, std::string name, Tell tell)
    : drivers_(drivers), agent_(std::move(agent)), name_(std::move(name)), tell_(std::move(tell)) {
  drivers_.seats_.push_back(this);
  drivers_.tell(agent_);
}

Drivers::Seat::~Seat() {
  drivers_.seats_.remove(this);
  pty::SizeRequest leave;
  leave.viewer = name_;
  leave.release = true;
  // The agent may be gone; somebody else may have the size.
  (void)drivers_.operations_.resize(agent_, leave);
  if (drivers_.tell(agent_) == 0) (void)drivers_.operations_.human_done(agent_);
}

std::size_t Drivers::tell(const std::string& agent) {
  std::vector<const Seat*> here;
  for (const Seat* seat : seats_) {
    if (seat->agent_ == agent) here.push_back(seat);
  }
  std::string json;
  JsonWriter out(json);
  out.begin_object();
  out.field("type", "pty_drivers");
  out.field("name", agent);
  out.key("drivers");
  out.begin_array();
  for (const Seat* seat : here) out.value(seat->name_);
  out.end_array();
  out.end_object();
  out.finish();
  for (const Seat* seat : here) seat->tell_(json);
  return here.size();
}

}  // namespace relay::broker
