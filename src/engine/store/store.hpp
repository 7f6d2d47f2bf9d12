#pragma once

#include "engine/store/actions.hpp"
#include "engine/store/agents.hpp"
#include "engine/store/channels.hpp"
#include "engine/store/deliveries.hpp"
#include "engine/store/integrations.hpp"
#include "engine/store/messages.hpp"
#include "engine/store/nodes.hpp"
#include "engine/store/outbox.hpp"
#include "engine/store/search.hpp"
#include "engine/store/watching.hpp"

namespace relay::engine {

/// All that the engine must not forget, in the engine's words; what is behind them is a database's
/// business. Everything that changes is called inside an operation of a `StoreThread`: all that the
/// operation does is durable when it is answered, or none of it is. Several calls in one operation
/// are one transaction, so what decides about rows stands outside of the store.
///
/// Blocking, on the store's thread. What only reads is const and can also be asked of a reader,
/// which sees all that was answered before. Times are the store's clock. A refusal is an Error with
/// the refusal's name in `detail`; `io_error` and `disk_full` are of the disk.
class Store : public WorkspaceStore,
              public AgentStore,
              public ChannelStore,
              public MessageStore,
              public DeliveryStore,
              public NodeStore,
              public ActionStore,
              public SearchStore,
              public WatchingStore,
              public IntegrationStore,
              public OutboxStore {
 public:
  [[nodiscard]] virtual Wall now() const = 0;
};

}  // namespace relay::engine
