// Loaded by `node-suite.mjs` before each of Node's tests: what asks for `net` gets ours, and the real one refuses to work over TCP, so that
// nothing passes by handing the work to it. Paths, file descriptors and handles stay the real one's.
'use strict';
const Module = require('node:module');
const { pathToFileURL } = require('node:url');

const root = process.env.SYNFIN_ROOT;
const entry = `${root}/node/net.js`;
const real = require('node:net');
const ours = require(entry).default;

const refuse = (name) => {
  throw new Error(`node-suite: the real net's ${name} was called for TCP`);
};
const { listen } = real.Server.prototype;
real.Server.prototype.listen = function (...args) {
  const [options] = args;
  const given = typeof options === 'object' && options !== null ? (Array.isArray(options) ? options[0] : options) : {};
  const path = typeof options === 'string' && Number.isNaN(Number(options));
  if (!path && given.path === undefined && given.fd === undefined && !given._handle && !given.handle) refuse('listen');
  return Reflect.apply(listen, this, args);
};
const { connect } = real.Socket.prototype;
real.Socket.prototype.connect = function (...args) {
  const [options] = args;
  const given = typeof options === 'object' && options !== null ? (Array.isArray(options) ? options[0] : options) : {};
  const path = typeof options === 'string' && Number.isNaN(Number(options));
  if (!path && given.path === undefined) refuse('connect');
  return Reflect.apply(connect, this, args);
};

const isNet = (name) => name === 'net' || name === 'node:net';
const load = Module._load;
Module._load = function (request, ...rest) {
  return isNet(request) ? ours : Reflect.apply(load, this, [request, ...rest]);
};
const home = pathToFileURL(`${root}/`).href;
Module.registerHooks?.({
  resolve(specifier, context, next) {
    if (isNet(specifier) && context.conditions.includes('import') && !context.parentURL?.startsWith(home)) {
      return { url: pathToFileURL(entry).href, shortCircuit: true };
    }
    return next(specifier, context);
  },
});
