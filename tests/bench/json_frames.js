// The peer of bench-wire: the same frame through JSON.parse and JSON.stringify; operations per second of
// processor time, one number a line.
const text = process.argv[2];
const kTimes = 200000;
function rate(operation) {
  const start = process.cpuUsage();
  for (let i = 0; i < kTimes; ++i) operation();
  const used = process.cpuUsage(start);
  return kTimes / ((used.user + used.system) / 1e6);
}
const frame = JSON.parse(text);
let bytes = 0;
const parse = () => { bytes += JSON.parse(text).payload.data.text.length; };
const stringify = () => { bytes += JSON.stringify(frame).length; };
rate(parse);
rate(stringify);
console.log(rate(parse));
console.log(rate(stringify));
if (bytes === 0) process.exit(1);
