#pragma once

#include <functional>
#include <string>

#include "support/run_binary.hpp"

namespace relay::test {

/// Looks again and again until it is so; throws with `what` and what `shown` says when it never is.
/// It rests between two looks, the longer the more a look costs, so that others have the processor
/// meanwhile. For what tells nobody that it happens: where there is an event, wait for that.
void wait_until(const std::function<bool()>& holds, const std::string& what,
                Duration at_most = kPatience, const std::function<std::string()>& shown = {});

}  // namespace relay::test
