// The peer of bench-net: a server of node's http that answers every GET with "hello". Prints its port.
const server = require('http').createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 5 });
  response.end('hello');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
