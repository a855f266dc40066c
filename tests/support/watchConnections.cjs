/**
 * Preloaded into a Node process and all its children (NODE_OPTIONS=--require): writes every address that is connected to,
 * sent to or looked up to the file of CHEXREASON_CONNECTIONS, one JSON object a line.
 */
const { appendFileSync } = require('node:fs');
const dgram = require('node:dgram');
const dns = require('node:dns');
const net = require('node:net');

const file = process.env.CHEXREASON_CONNECTIONS;
const write = (what, where) => {
  if (file) appendFileSync(file, `${JSON.stringify({ pid: process.pid, what, where: String(where) })}\n`);
};

const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...given) {
  const [first] = Array.isArray(given[0]) ? given[0] : given;
  const options = typeof first === 'object' && first !== null ? first : { port: first, host: given[1] };
  write('connect', options.path ?? options.host ?? 'localhost');
  return connect.apply(this, given);
};
const { send } = dgram.Socket.prototype;
dgram.Socket.prototype.send = function (...given) {
  write('send', given.find((each) => typeof each === 'string') ?? 'unknown');
  return send.apply(this, given);
};
for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6']) {
  const original = dns[name];
  dns[name] = (host, ...rest) => {
    write(name, host);
    return original(host, ...rest);
  };
}
write('start', process.argv.slice(1, 3).join(' '));
