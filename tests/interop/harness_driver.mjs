// The documented calls of @agent-relay/harness-driver, against the broker binary that is named by
// BROKER_BINARY. Prints one JSON line a call: {call, ok, value} or {call, ok:false, error}.
import { HarnessDriverClient } from '@agent-relay/harness-driver';

const within = 20_000;
let failed = 0;

function late(what) {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`${what}: nothing came`)), within).unref();
  });
}

async function call(name, work) {
  try {
    const value = await Promise.race([work(), late(name)]);
    console.log(JSON.stringify({ call: name, ok: true, value: value ?? null }));
    return value;
  } catch (error) {
    failed += 1;
    console.log(JSON.stringify({ call: name, ok: false, error: String(error?.message ?? error) }));
    return undefined;
  }
}

function expect(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

const seen = [];
const waiters = [];
function note(event) {
  seen.push(event);
  for (const waiter of [...waiters]) waiter();
}
function event(kind, name) {
  return new Promise((resolve) => {
    const look = () => {
      const found = seen.find((one) => one.kind === kind && (!name || one.name === name));
      if (!found) return;
      waiters.splice(waiters.indexOf(look), 1);
      resolve(found);
    };
    waiters.push(look);
    look();
  });
}

const client = await HarnessDriverClient.spawn({
  binaryPath: process.env.BROKER_BINARY,
  cwd: process.env.BROKER_CWD,
  brokerName: 'driven',
  workspaceKey: process.env.BROKER_KEY,
  env: process.env,
});
client.onEvent(note);

await call('getSession', async () => {
  const session = await client.getSession();
  expect(session.protocol_version === 2, 'protocol 2');
  return { mode: session.mode, protocol_version: session.protocol_version };
});
await call('healthCheck', async () => {
  const health = await client.healthCheck();
  expect(health.service === 'agent-relay-listen', 'the service');
  return health.service;
});
await call('spawnPty', async () => {
  const agent = await client.spawnPty({ name: 'w1', cli: 'cat', channels: ['general'] });
  expect(agent.name === 'w1', 'the name');
  return agent.name;
});
await call('event agent_spawned', async () => (await event('agent_spawned', 'w1')).name);
await call('listAgents', async () => {
  const agents = await client.listAgents();
  expect(agents.length === 1 && agents[0].name === 'w1', 'one agent');
  return { runtime: agents[0].runtime, cli: agents[0].cli };
});
await call('spawnPty of a name that is taken', async () => {
  try {
    await client.spawnPty({ name: 'w1', cli: 'cat', channels: [] });
  } catch (error) {
    return String(error.message);
  }
  throw new Error('it was spawned twice');
});
await call('sendInput', async () => {
  const written = await client.sendInput('w1', 'typed by a driver\n');
  expect(written.bytes_written === 18, '18 bytes');
  return written;
});
await call('event worker_stream', async () => (await event('worker_stream', 'w1')).stream);
await call('snapshot plain', async () => {
  for (;;) {
    const shown = await client.snapshot('w1', 'plain');
    if (shown.screen.includes('typed by a driver')) return { rows: shown.rows, cols: shown.cols };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
await call('snapshot ansi', async () => (await client.snapshot('w1', 'ansi')).format);
await call('resizePty', async () => client.resizePty('w1', 30, 100));
await call('openInputStream', async () => {
  const stream = client.openInputStream('w1');
  await stream.waitUntilOpen();
  const written = await stream.send('through a stream\n');
  stream.close();
  return written;
});
await call('sendMessage', async () => {
  const sent = await client.sendMessage({ to: 'w1', text: 'hello from a driver', from: 'boss' });
  expect(sent.event_id, 'an event id');
  return Object.keys(sent).sort();
});
await call('event delivery_injected', async () => (await event('delivery_injected', 'w1')).name);
await call('event delivery_verified', async () => (await event('delivery_verified', 'w1')).name);
await call('getInboundDeliveryMode', async () => client.getInboundDeliveryMode('w1'));
await call('setInboundDeliveryMode', async () =>
  (await client.setInboundDeliveryMode('w1', 'manual_flush')).mode);
await call('getPending', async () => {
  await client.sendMessage({ to: 'w1', text: 'held', from: 'boss' });
  const pending = await client.getPending('w1');
  expect(pending.length === 1 && pending[0].body === 'held', 'one message');
  return { from: pending[0].from, mode: pending[0].mode };
});
await call('flushPending', async () => (await client.flushPending('w1')).flushed);
await call('getStatus', async () => (await client.getStatus()).agent_count);
await call('getMetrics', async () => Object.keys(await client.getMetrics()).sort());
await call('getCrashInsights', async () => (await client.getCrashInsights()).total_crashes);
await call('subscribeChannels', async () => client.subscribeChannels('w1', ['dev']));
await call('unsubscribeChannels', async () => client.unsubscribeChannels('w1', ['dev']));
await call('preflight', async () => client.preflight([{ name: 'x', cli: 'cat' }]));
await call('getConfig', async () => Object.keys(await client.getConfig()).sort());
await call('setModel', async () => client.setModel('w1', 'small'));
await call('renewLease', async () => (await client.renewLease()).renewed);
await call('release', async () => (await client.release('w1', 'done')).name);
await call('event agent_released', async () => (await event('agent_released', 'w1')).name);
await call('listAgents when there is none', async () => (await client.listAgents()).length);
await call('shutdown', async () => client.shutdown());
process.exit(failed === 0 ? 0 : 1);
