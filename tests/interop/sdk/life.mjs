// A workspace's life with an unmodified @relaycast/sdk: every call of its RelayCast and AgentClient
// that an engine has to answer. `node life.mjs PACKAGE URL` prints one JSON line a call,
// {call, ok, value} or {call, ok:false, error}, and ends with 1 when one has failed.
import { WebSocket } from 'ws';

// Before Node 22 there is none, and the SDK then retries in silence.
globalThis.WebSocket ??= WebSocket;

const [packageName, baseUrl] = process.argv.slice(2);
const { RelayCast, RelayError, NodeProviderClient } = await import(packageName);

const within = 10_000;
let failed = 0;

async function call(name, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came')), within);
  });
  try {
    const value = await Promise.race([work(), late]);
    console.log(JSON.stringify({ call: name, ok: true, value: value ?? null }));
    return value;
  } catch (error) {
    failed += 1;
    console.log(JSON.stringify({ call: name, ok: false, error: String(error?.message ?? error) }));
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function expect(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

async function refused(code, work) {
  try {
    await work();
  } catch (error) {
    expect(error instanceof RelayError, `${error} is a RelayError`);
    expect(error.rawCode === code || error.code === code, `${error.rawCode ?? error.code} is ${code}`);
    return;
  }
  throw new Error(`not refused with ${code}`);
}

/// Things that come by themselves: `next(fits)` is the first that fits, come or to come.
function inbox() {
  const seen = [];
  const waiting = [];
  return {
    put(thing) {
      seen.push(thing);
      for (const look of [...waiting]) look();
    },
    next(fits) {
      return new Promise((resolve) => {
        const look = () => {
          const found = seen.find(fits);
          if (!found) return;
          const at = waiting.indexOf(look);
          if (at >= 0) waiting.splice(at, 1);
          resolve(found);
        };
        waiting.push(look);
        look();
      });
    },
  };
}

const retry = { maxRetries: 0 };

// The workspace.
const made = await call('createWorkspace', async () => {
  const workspace = await RelayCast.createWorkspace('life', { baseUrl });
  expect(workspace.apiKey.startsWith('rk_live_'), 'a key');
  return workspace;
});
const apiKey = made.apiKey;
await call('createWorkspaceWithStatus', async () => {
  const { statusCode } = await RelayCast.createWorkspaceWithStatus('other', { baseUrl });
  expect(statusCode === 201, '201');
});
await call('ensureWorkspace', async () => {
  const again = await RelayCast.ensureWorkspace('life', { baseUrl, apiKey });
  expect(again.existed && again.workspaceId === made.workspaceId, 'the same one');
});
await call('lookupWorkspace', async () => {
  expect((await RelayCast.lookupWorkspace('life', { baseUrl })).id === made.workspaceId, 'found');
  expect((await RelayCast.lookupWorkspace('no such', { baseUrl })) === null, 'none');
});
const relay = new RelayCast({ apiKey, baseUrl, retry, retryPolicy: retry });
await call('workspace.info', async () => expect((await relay.workspace.info()).plan === 'selfhost', 'plan'));
await call('workspace.update', () => relay.workspace.update({ name: 'life' }));
await call('systemPrompt.get', async () => expect((await relay.systemPrompt.get()).isDefault, 'default'));
await call('systemPrompt.set', () => relay.systemPrompt.set({ prompt: 'be brief' }));

// Watching it.
const watched = inbox();
await call('connect (workspace)', async () => {
  relay.connect();
  relay.on.any((event) => watched.put(event));
  await new Promise((resolve) => relay.on.connected(resolve));
});

// Agents.
const ada = await call('agents.register', async () => {
  const agent = await relay.agents.register({ name: 'ada', persona: 'planner', metadata: { team: 1 } });
  expect(agent.token.startsWith('at_live_'), 'a token');
  return agent;
});
const bob = await call('human', () => relay.human({ name: 'bob' }));
await call('agent', () => relay.agent({ name: 'cyd' }));
await call('system', () => relay.system({ name: 'sys' }));
await call('registerAgent strict, taken', () =>
  refused('agent_already_exists', () => relay.registerAgent({ name: 'ada', strict: true })));
await call('registerAgent, taken', async () =>
  expect((await relay.registerAgent({ name: 'cyd' })).name.startsWith('cyd-'), 'a suffix'));
const rotated = await call('registerOrRotate', () => relay.registerOrRotate({ name: 'sys' }));
if (relay.agents.registerOrGet) {
  await call('agents.registerOrGet', () => relay.agents.registerOrGet({ name: 'cyd' }));
}
await call('agents.list', async () => {
  const agents = await relay.agents.list();
  expect(agents.some((one) => one.name === 'ada' && one.lastSeen), 'ada');
  await relay.agents.list({ status: 'offline' });
});
await call('agents.get', async () =>
  expect((await relay.agents.get('ada')).channels[0].name === 'general', 'general'));
await call('agents.update', async () =>
  expect((await relay.agents.update('ada', { metadata: { mood: 2 } })).metadata.team === 1, 'merged'));
await call('agents.presence', async () =>
  expect((await relay.agents.presence()).some((one) => one.status === 'online'), 'online'));
await call('agents.rotateToken', async () => {
  bob.token = (await relay.agents.rotateToken('bob')).token;
});
await call('agents.events.emit', () =>
  relay.agents.events.emit('ada', { type: 'harness.note', payload: { step: 1 } }));
await call('agents.events.list', async () =>
  expect((await relay.agents.events.list('ada')).length === 1, 'one event'));
await call('resolveIdentity', () => relay.resolveIdentity());
await call('agents.delete', () => relay.agents.delete('sys'));
await call('rotated token of the deleted', () =>
  refused('agent_token_invalid', () => relay.as(rotated.token).me()));

const a = relay.as(ada.token, { autoHeartbeatMs: false });
const b = relay.as(bob.token, { autoHeartbeatMs: false });
await call('reconnect', async () => (await relay.reconnect({ apiToken: bob.token })).me());
await call('me', async () => expect((await a.me()).name === 'ada', 'ada'));
if (relay.agents.me) await call('agents.me', () => relay.agents.me(ada.token).catch(() => null));

// Channels.
await call('channels.create', () => a.channels.create({ name: 'build', topic: 'ci' }));
await call('channels.join', async () => expect(!(await b.channels.join('build')).alreadyMember, 'new'));
await call('channels.list', async () => expect((await a.channels.list()).length === 2, 'two'));
await call('channels.list (workspace)', () => relay.channels.list({ includeArchived: true }));
await call('channels.get', async () => expect((await a.channels.get('build')).members.length === 2, 'two'));
await call('channels.get (workspace)', () => relay.channels.get('build'));
await call('channels.setTopic', async () => expect((await a.channels.setTopic('build', 'cd')).topic === 'cd', 'cd'));
await call('channels.update', () => a.channels.update('build', { metadata: { x: 1 } }));
await call('channels.invite', () => a.channels.invite('build', 'cyd'));
await call('channels.members', async () => expect((await a.channels.members('build')).length === 3, 'three'));
await call('channels.mute', () => b.channels.mute('build'));
await call('channels.unmute', () => b.channels.unmute('build'));

// Messages.
const said = await call('send', async () => {
  const message = await a.send('#build', 'deploy for @bob', { idempotencyKey: 'k1' });
  expect(message.mentions[0] === 'bob', 'a mention');
  return message;
});
await call('send again with its key', async () =>
  expect((await a.send('build', 'deploy for @bob', { idempotencyKey: 'k1' })).id === said.id, 'the same'));
await call('post', () => a.post('build', 'and more', { mode: 'steer' }));
await call('messages', async () => expect((await b.messages('build', { limit: 10 })).length === 2, 'two'));
await call('messages.list', () => relay.messages.list('build', { limit: 1 }));
await call('message', async () => expect((await b.message(said.id)).text === 'deploy for @bob', 'text'));
await call('messages.get', () => relay.messages.get(said.id));
await call('reply', async () => expect((await b.reply(said.id, 'done')).threadId === said.id, 'its thread'));
await call('thread', async () => expect((await a.thread(said.id)).replies.length === 1, 'one'));
await call('messages.thread', () => relay.messages.thread(said.id));
await call('react', () => b.react(said.id, '👍'));
await call('reactions', async () => expect((await a.reactions(said.id))[0].count === 1, 'one'));
await call('messages.reactions', () => relay.messages.reactions(said.id));
await call('unreact', () => b.unreact(said.id, '👍'));
await call('inbox', async () => {
  const unread = await b.inbox({ limit: 5 });
  expect(unread.unreadChannels[0].channelName === 'build' && unread.mentions.length === 1, 'unread');
});
await call('markRead', async () => expect((await b.markRead(said.id)).messageId === said.id, 'read'));
await call('readers', async () => expect((await a.readers(said.id))[0].agentName === 'bob', 'bob'));
await call('readStatus', () => a.readStatus('build'));
await call('search', async () =>
  expect((await b.search('deploy', { channel: 'build', from: 'ada', limit: 5 }))[0].id === said.id, 'found'));

// Direct messages.
const dm = await call('dm', async () => {
  const sent = await a.dm('bob', 'psst');
  expect(sent.conversationId.startsWith('dm_'), 'a conversation');
  return sent;
});
await call('dms.conversations', async () =>
  expect((await b.dms.conversations())[0].unreadCount === 1, 'unread'));
await call('dms.messages', async () =>
  expect((await b.dms.messages(dm.conversationId))[0].text === 'psst', 'text'));
const group = await call('dms.createGroup', () => a.dms.createGroup({ participants: ['bob'], name: 'ops' }));
await call('dms.sendMessage', () => b.dms.sendMessage(group.id, 'hello all'));
await call('dms.addParticipant', async () =>
  expect(!(await a.dms.addParticipant(group.id, 'cyd')).alreadyMember, 'new'));
await call('dms.removeParticipant', () => a.dms.removeParticipant(group.id, 'cyd'));
await call('allDmConversations', async () => expect((await relay.allDmConversations()).length === 2, 'two'));
await call('dmMessages', () => relay.dmMessages(dm.conversationId, { limit: 5 }));
await call('activity', async () =>
  expect((await relay.activity(50)).some((one) => one.type === 'dm'), 'a dm'));

// Deliveries.
const waiting = await call('deliveries', async () => {
  const list = await b.deliveries({ limit: 10 });
  expect(list.every((one) => one.message.text && one.seq > 0), 'messages');
  return list;
});
await call('ackDelivery', async () =>
  expect((await b.ackDelivery(waiting[0].id)).status === 'acked', 'acked'));
await call('failDelivery', async () => {
  await a.dm('bob', 'will fail');
  const last = (await b.deliveries()).at(-1);
  expect((await b.failDelivery(last.id, { error: 'no', retryable: true })).status === 'failed', 'failed');
});
await call('deferDelivery', async () => {
  await a.dm('bob', 'later');
  const last = (await b.deliveries()).at(-1);
  const deferred = await b.deferDelivery(last.id, { availableAt: '2030-01-01T00:00:00.000Z' });
  expect(deferred.status === 'queued', 'queued');
});

// Files.
const file = await call('files.upload', () =>
  a.files.upload({ filename: 'a.txt', contentType: 'text/plain', sizeBytes: 5 }));
await call('files: the content', async () => {
  const put = await fetch(file.uploadUrl, { method: 'PUT', body: 'hello' });
  expect(put.ok, `status ${put.status}`);
});
await call('files.complete', async () => {
  const complete = await a.files.complete(file.id);
  const got = await fetch(complete.downloadUrl);
  expect((await got.text()) === 'hello', 'the content');
});
await call('files.get', () => b.files.get(file.id));
await call('files.list', async () => expect((await b.files.list({ uploadedBy: 'ada' })).length === 1, 'one'));
await call('send with a file', async () =>
  expect((await a.send('build', 'see', { attachments: [file.id] })).attachments[0].fileId === file.id, 'it'));
await call('files.delete', () => a.files.delete(file.id));

// Tokens for observers.
const eye = await call('observerTokens.create', () =>
  relay.observerTokens.create({ name: 'eye', scopes: ['messages:read', 'stream:read'] }));
await call('observerTokens.list', async () => expect((await relay.observerTokens.list()).length === 1, 'one'));
await call('observerTokens.get', () => relay.observerTokens.get(eye.id));
await call('observerTokens.update', () => relay.observerTokens.update(eye.id, { description: 'looks' }));
await call('observerTokens.rotate', () => relay.observerTokens.rotate(eye.id));
await call('observerTokens.revoke', () => relay.observerTokens.revoke(eye.id));

// Webhooks and subscriptions.
const hook = await call('webhooks.create', () => relay.webhooks.create({ name: 'ci', channel: 'build' }));
await call('webhooks.createInbound', () => relay.webhooks.createInbound({ channel: 'build' }));
await call('webhooks.list', async () => expect((await relay.webhooks.list()).length === 2, 'two'));
await call('webhooks.trigger', async () =>
  expect((await relay.webhooks.trigger(hook.webhookId, { text: 'green', author: 'ci' }, hook.token)) !== undefined, 'said'));
await call('webhooks.delete', () => relay.webhooks.delete(hook.webhookId));
const subscription = await call('subscriptions.create', () =>
  relay.subscriptions.create({ events: ['message.created'], url: 'http://127.0.0.1:9/none', secret: 's' }));
await call('subscriptions.list', async () => expect((await relay.subscriptions.list()).length === 1, 'one'));
await call('subscriptions.get', () => relay.subscriptions.get(subscription.id));
await call('subscriptions.delete', () => relay.subscriptions.delete(subscription.id));

// Sockets of agents: what is said goes on to them, and what is answered comes back.
const atBob = inbox();
await call('connect (agent)', async () => {
  b.connect();
  b.on.any((event) => atBob.put(event));
  await new Promise((resolve) => b.on.connected(resolve));
});
await call('a message arrives', async () => {
  const sent = await a.send('build', 'over the socket');
  const event = await atBob.next((one) => one.type === 'message.created' && one.message?.id === sent.id);
  expect(event.message.text === 'over the socket', 'its text');
});
await call('a direct message arrives', async () => {
  const sent = await a.dm('bob', 'direct');
  await atBob.next((one) => one.type === 'dm.received' && one.message?.id === sent.id);
});
await call('a reaction arrives', async () => {
  await a.react(said.id, '🎉');
  await atBob.next((one) => one.type === 'message.reacted' && one.emoji === '🎉');
});
await call('who watches hears of it', () =>
  watched.next((one) => one.type === 'message.created' && one.message?.text === 'over the socket'));
await call('an acknowledged message is no delivery any more', async () => {
  for (;;) {
    const open = await b.deliveries({ limit: 200 });
    if (!open.some((one) => one.message?.text === 'direct')) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
await call('presence.heartbeat', () => a.presence.heartbeat());
await call('heartbeat', () => a.heartbeat());
await call('presence.markOnline', () => a.presence.markOnline());

// Actions.
await call('actions.register', () =>
  relay.actions.register({ name: 'deploy', description: 'ships', handlerAgent: 'bob' }));
await call('actions.list', async () => expect((await relay.actions.list()).length === 1, 'one'));
await call('actions.get', () => relay.actions.get('deploy'));
const invoked = await call('actions.invoke', async () => {
  const invocation = await a.actions.invoke('deploy', { to: 'prod' });
  expect(invocation.invocationId.startsWith('inv_'), 'an invocation');
  return invocation;
});
await call('the handler is asked', () =>
  atBob.next((one) => one.type === 'action.invoked' && one.invocationId === invoked.invocationId));
await call('actions.completeInvocation', () =>
  b.actions.completeInvocation('deploy', invoked.invocationId, { output: { ok: true } }));
await call('actions.getInvocation', async () =>
  expect((await a.actions.getInvocation('deploy', invoked.invocationId)).status === 'completed', 'completed'));

// Triggers.
const trigger = await call('triggers.create', () =>
  relay.triggers.create({ actionName: 'deploy', pattern: '^ship', channel: 'build' }));
await call('a trigger fires', async () => {
  await a.send('build', 'ship it');
  await atBob.next((one) => one.type === 'action.invoked' && one.invocationId !== invoked.invocationId);
});
await call('triggers.list', async () => expect((await relay.triggers.list()).length === 1, 'one'));
await call('triggers.get', async () =>
  expect((await relay.triggers.get(trigger.id)).lastTriggeredAt !== undefined, 'a time'));
await call('triggers.update', () => relay.triggers.update(trigger.id, { enabled: false }));
await call('triggers.delete', () => relay.triggers.delete(trigger.id));
await call('actions.delete', () => relay.actions.delete('deploy'));

// A node, and an agent on it.
const node = await call('nodes.create', async () => {
  const enrolled = await relay.nodes.create({ name: 'host', capabilities: ['spawn:claude'], maxAgents: 4 });
  expect(enrolled.token.startsWith('nt_live_'), 'a token');
  return enrolled;
});
await call('nodes.list', () => relay.nodes.list({ capability: 'spawn:claude' }));
await call('nodes.get', () => relay.nodes.get('host'));
await call('nodes.bindAgent', () => relay.nodes.bindAgent('host', { agentName: 'cyd' }));
await call('nodes.listAgents', async () => expect((await relay.nodes.listAgents('host')).length === 1, 'cyd'));
await call('nodes.unbindAgent', () => relay.nodes.unbindAgent('host', 'cyd'));
const frames = inbox();
let socket;
function send(frame) {
  socket.send(JSON.stringify({ v: 1, ...frame }));
}
await call('a node connects', async () => {
  socket = new WebSocket(`${baseUrl.replace('http', 'ws')}/v1/node/ws`, {
    headers: { Authorization: `Bearer ${node.token}` },
  });
  socket.on('message', (text) => frames.put(JSON.parse(text)));
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  send({ type: 'node.register', id: 'r1', name: 'host', node_id: node.id, max_agents: 4, tags: [],
    version: 'test', capabilities: [{ name: 'spawn:claude' }] });
  expect((await frames.next((one) => one.id === 'r1')).ok, 'registered');
  send({ type: 'node.heartbeat', load: 0, active_agents: 0, handlers_live: true });
});
await call('agents.spawn', async () => {
  const spawned = await relay.agents.spawn({ name: 'worker', cli: 'claude', task: 'work' });
  const order = await frames.next((one) => one.type === 'action.invoke');
  expect(order.action === 'spawn:claude' && order.input.name === 'worker', 'its order');
  send({ type: 'agent.register', id: 'r2', name: 'worker', invocation_id: order.invocation_id });
  expect((await frames.next((one) => one.id === 'r2')).ok, 'the agent is registered');
  send({ type: 'action.result', invocation_id: order.invocation_id, output: { name: 'worker', spawned: true } });
  for (;;) {
    const now = await a.actions.getInvocation('spawn', spawned.invocationId);
    if (now.status === 'completed') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
await call('agents.release', async () => {
  const released = await relay.agents.release({ name: 'worker', reason: 'done' });
  const order = await frames.next((one) => one.invocation_id === released.invocationId);
  send({ type: 'action.result', invocation_id: order.invocation_id, output: { released: true } });
  for (;;) {
    if ((await relay.agents.get('worker')).status === 'offline') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
socket?.close();

// A program that offers actions of its own; since 6.0.
if (NodeProviderClient) {
  const tools = await relay.nodes.create({ name: 'tools' });
  const provider = new NodeProviderClient({
    baseUrl, nodeToken: tools.token, nodeId: tools.id, nodeName: 'tools', provider: { name: 'sdk' },
    capabilities: { sum: async ({ a: left, b: right }) => ({ sum: left + right }) },
  });
  provider.serve().catch(() => {});
  await call('nodeProvider.whenRegistered', () => provider.whenRegistered());
  await call('nodeProvider capability', async () => {
    const asked = await a.actions.invoke('sum', { a: 1, b: 2 });
    for (;;) {
      const now = await a.actions.getInvocation('sum', asked.invocationId);
      if (now.status === 'completed') return expect(now.output.sum === 3, 'its answer');
      expect(now.status !== 'failed', `failed: ${now.error}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  await call('nodeProvider.stop', () => provider.stop());
}

// The end.
await call('channels.leave', () => b.channels.leave('build'));
await call('channels.archive', () => a.channels.archive('build'));
await call('presence.markOffline', () => a.presence.markOffline());
await call('disconnect (agent)', async () => {
  await b.disconnect();
  const bobNow = (await relay.agents.presence()).find((one) => one.agentName === 'bob');
  expect(bobNow.status === 'offline', 'offline');
});
await call('disconnect (workspace)', async () => relay.disconnect());
await call('workspace.delete', async () => {
  await relay.workspace.delete();
  await refused('unauthorized', () => relay.workspace.info());
});
process.exit(failed === 0 ? 0 : 1);
