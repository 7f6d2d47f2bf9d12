// A model on loopback that real agent CLIs can talk to: Anthropic Messages, OpenAI Responses and OpenAI
// Chat Completions, streamed. It answers every request with a short text, after `--answer-ms`, and prints one JSON
// object a line:
//   {"port":4711}                                        once, when it listens
//   {"texts":["…"]}                                      a request: all user texts in it, in order
//   {"answered":3}                                       and it has its answer
//   {"left":"host:443"}                                  somebody asked for a way out, and was refused
// With `--call NAME JSON` it calls the tool whose name ends so, with these arguments, in its first answer to a request
// that offers this tool, and prints
//   {"called":"mcp__x__name"}
// An agent that does not offer it yet (its servers are still starting) is kept busy until it does:
//   {"missing":"name","offered":["…"]}
// With `--tools N` it first lets the agent run a command, N times before each answer.
// Requests that offer no tools are for titles and summaries: they are answered and not told.
import http from 'node:http';

const option = (name, otherwise) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const answerMs = Number(option('--answer-ms', '0'));
const tools = Number(option('--tools', '0'));
const wanted = option('--call', '');
const wantedInput = wanted && JSON.parse(process.argv[process.argv.indexOf('--call') + 2]);
const say = (object) => process.stdout.write(JSON.stringify(object) + '\n');
const usage = { input_tokens: 10, output_tokens: 2 };
let answers = 0;
let round = 0;
let called = false;
let patience = 300;

const textsOf = (content) => {
  if (typeof content === 'string') return [content];
  return (content ?? []).filter((part) => part.type === 'text' || part.type === 'input_text').map((part) => part.text);
};
const userTexts = (messages) => messages.filter((one) => one.role === 'user').flatMap((one) => textsOf(one.content));

class Stream {
  constructor(response) {
    this.response = response;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  }
  event(type, data) {
    this.response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  }
  data(object) {
    this.response.write(`data: ${typeof object === 'string' ? object : JSON.stringify(object)}\n\n`);
  }
}

// A command that takes a moment, by the agent's own tool for that; nothing if it has none.
function commandCall(body) {
  for (const tool of body.tools ?? []) {
    const { name, input_schema, parameters } = tool.function ?? tool;
    if (!/^(bash|shell|shell_command|exec_command)$/i.test(name ?? '')) continue;
    const fields = (input_schema ?? parameters)?.properties ?? {};
    const text = 'sleep 0.3';
    const command = fields.command?.type === 'array' ? ['bash', '-c', text] : text;
    return { name, input: fields.cmd ? { cmd: text } : { command, description: 'waits' } };
  }
  return undefined;
}

// The call that was asked for; Codex puts the tools of a server into a namespace.
function wantedCall(body) {
  const all = (body.tools ?? []).flatMap((tool) => (tool.type === 'namespace' ? tool.tools.map((one) => ({ ...one, namespace: tool.name })) : [tool]));
  const tool = all.find((one) => ((one.function ?? one).name ?? '').endsWith(wanted));
  const name = tool && (tool.function ?? tool).name;
  if (name) {
    called = true;
    say({ called: name });
    return { name, namespace: tool.namespace, input: wantedInput };
  }
  say({ missing: wanted, offered: all.map((one) => (one.function ?? one).name ?? one.type) });
  return --patience > 0 ? commandCall(body) : undefined;
}

// Each answers in two parts: what a model says at once, and the rest: a text or a call.

function messages(body, stream) {
  const message = { id: `msg_${answers}`, type: 'message', role: 'assistant', model: body.model, content: [], stop_reason: null, stop_sequence: null, usage };
  stream.event('message_start', { message });
  stream.event('ping', {});
  return (text, call) => {
    const block = call ? { type: 'tool_use', id: `toolu_${answers}`, name: call.name, input: {} } : { type: 'text', text: '' };
    const delta = call ? { type: 'input_json_delta', partial_json: JSON.stringify(call.input) } : { type: 'text_delta', text };
    stream.event('content_block_start', { index: 0, content_block: block });
    stream.event('content_block_delta', { index: 0, delta });
    stream.event('content_block_stop', { index: 0 });
    stream.event('message_delta', { delta: { stop_reason: call ? 'tool_use' : 'end_turn', stop_sequence: null }, usage });
    stream.event('message_stop', {});
  };
}

function wholeMessage(body, text) {
  return { id: `msg_${answers}`, type: 'message', role: 'assistant', model: body.model, content: [{ type: 'text', text }], stop_reason: 'end_turn', stop_sequence: null, usage };
}

function responses(body, stream) {
  const id = `resp_${answers}`;
  stream.event('response.created', { response: { id, object: 'response', status: 'in_progress', output: [] } });
  const complete = (item) =>
    stream.event('response.completed', { response: { id, object: 'response', status: 'completed', output: [item], usage: { ...usage, total_tokens: 12 } } });
  return (text, call) => {
    if (call) {
      const item = { type: 'function_call', id: `fc_${answers}`, call_id: `call_${answers}`, name: call.name, namespace: call.namespace, arguments: JSON.stringify(call.input), status: 'completed' };
      stream.event('response.output_item.added', { output_index: 0, item });
      stream.event('response.output_item.done', { output_index: 0, item });
      return complete(item);
    }
    const at = { item_id: `item_${id}`, output_index: 0, content_index: 0 };
    const part = { type: 'output_text', text, annotations: [] };
    const item = { type: 'message', id: at.item_id, role: 'assistant', status: 'completed', content: [part] };
    stream.event('response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress', content: [] } });
    stream.event('response.content_part.added', { ...at, part: { ...part, text: '' } });
    stream.event('response.output_text.delta', { ...at, delta: text });
    stream.event('response.output_text.done', { ...at, text });
    stream.event('response.content_part.done', { ...at, part });
    stream.event('response.output_item.done', { output_index: 0, item });
    complete(item);
  };
}

function chat(body, stream) {
  const chunk = (delta, finish_reason) =>
    stream.data({ id: `chat_${answers}`, object: 'chat.completion.chunk', created: 1, model: body.model, choices: [{ index: 0, delta, finish_reason }] });
  chunk({ role: 'assistant', content: '' }, null);
  return (text, call) => {
    const calls = call && [{ index: 0, id: `call_${answers}`, type: 'function', function: { name: call.name, arguments: JSON.stringify(call.input) } }];
    chunk(call ? { tool_calls: calls } : { content: text }, null);
    chunk({}, call ? 'tool_calls' : 'stop');
    stream.data('[DONE]');
  };
}

const apis = new Map([
  ['/v1/messages', { start: messages, texts: (body) => userTexts(body.messages), whole: wholeMessage }],
  ['/v1/responses', { start: responses, texts: (body) => userTexts(body.input) }],
  ['/v1/chat/completions', { start: chat, texts: (body) => userTexts(body.messages) }],
]);

function answer(request, response, raw) {
  const path = new URL(request.url, 'http://localhost').pathname;
  const api = request.method === 'POST' ? apis.get(path) : undefined;
  const json = (status, object) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(object));
  };
  if (path.endsWith('/count_tokens')) return json(200, { input_tokens: 10 });
  if (!api) return json(404, { error: { type: 'not_found_error', message: `nothing at ${path}` } });
  const body = JSON.parse(raw);
  const main = (body.tools?.length ?? 0) > 0;
  if (main) say({ texts: api.texts(body) });
  ++answers;
  const text = `answer ${answers}`;
  if (!body.stream) return json(200, api.whole ? api.whole(body, text) : {});
  const stream = new Stream(response);
  const finish = api.start(body, stream);
  const call = main && wanted && !called ? wantedCall(body) : main && round++ % (tools + 1) < tools ? commandCall(body) : undefined;
  setTimeout(() => {
    finish(text, call);
    response.end();
    if (main) say({ answered: answers });
  }, main ? answerMs : 0);
}

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => answer(request, response, Buffer.concat(pieces).toString('utf8')));
});
server.on('connect', (request, socket) => {
  say({ left: request.url });
  socket.on('error', () => {});
  socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
// Ends with the test: nobody is left to read.
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
