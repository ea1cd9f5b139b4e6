// Loaded by `node-suite.mjs` before each of Node's tests: what asks for `net` gets ours, and the real one refuses to work over TCP, so that
// nothing passes by handing the work to it. Paths, file descriptors and handles stay the real one's.
//
// `SYNFIN_REGISTER`: it is what `synfin/register` is made of that puts ours there, and below https, tls and http2, as for programs.
'use strict';
const Module = require('node:module');
const { pathToFileURL } = require('node:url');

const root = process.env.SYNFIN_ROOT;
const entry = `${root}/node/net.js`;
const real = require('node:net');
const { createNet, stack, default: net } = require(entry);
const { Stack } = require(`${root}/stack/index.js`);
const { NodeHost } = require(`${root}/node/host.js`);
const { IpAddress } = require(`${root}/wire/index.js`);
const { SYNFIN_ROOT, SYNFIN_RIDERS = '', SYNFIN_REGISTER = '' } = process.env;
const registered = SYNFIN_REGISTER !== '';
const ours = require('./node-suite-children.cjs').join({ createNet, stack, net, Stack, NodeHost, IpAddress }, real, {
  environment: { SYNFIN_ROOT, SYNFIN_RIDERS, SYNFIN_REGISTER },
  flags: [...(SYNFIN_RIDERS === '' ? [] : ['--expose-internals']), '--require', __filename],
});

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

if (registered) require(`${root}/node/register/swap.js`).swap(ours);

const isNet = (name) => !registered && (name === 'net' || name === 'node:net');

/**
 * Node's http is bound to the `net` it was built with. Its sources are compiled a second time with ours in that place: nothing else is
 * changed. Needs --expose-internals, which `node-suite.mjs` sets for these lists.
 */
const RIDERS = {
  http: ['http', '_http_agent', '_http_client', '_http_server', '_http_common', '_http_outgoing', '_http_incoming'],
};
const riders = new Set(process.env.SYNFIN_RIDERS ? RIDERS[process.env.SYNFIN_RIDERS] : []);
const compiled = new Map();

function rider(name) {
  const there = compiled.get(name);
  if (there !== undefined) return there.exports;
  const { internalBinding, primordials } = require('internal/test/binding');
  const source = internalBinding('builtins').natives[name];
  const names = ['exports', 'require', 'module', 'process', 'internalBinding', 'primordials'];
  const run = require('node:vm').compileFunction(source, names, { filename: `node:${name}` });
  const module = { exports: {} };
  compiled.set(name, module);
  const inner = (id) => (riders.has(id) ? rider(id) : isNet(id) ? ours : require(id));
  run(module.exports, inner, module, process, internalBinding, primordials);
  return module.exports;
}

const plain = (name) => (name.startsWith('node:') ? name.slice(5) : name);
const load = Module._load;
Module._load = function (request, ...rest) {
  if (isNet(request)) return ours;
  if (riders.has(plain(request))) return rider(plain(request));
  return Reflect.apply(load, this, [request, ...rest]);
};
const home = pathToFileURL(`${root}/`).href;
Module.registerHooks?.({
  resolve(specifier, context, next) {
    if (isNet(specifier) && context.conditions.includes('import') && !context.parentURL?.startsWith(home)) {
      return { url: pathToFileURL(entry).href, shortCircuit: true };
    }
    if (riders.has(plain(specifier)) && context.conditions.includes('import')) {
      return { url: `rider:${plain(specifier)}`, shortCircuit: true };
    }
    return next(specifier, context);
  },
  load(url, context, next) {
    if (!url.startsWith('rider:')) return next(url, context);
    const name = url.slice('rider:'.length);
    const names = Object.keys(rider(name)).filter((key) => key !== 'default' && /^[A-Za-z_]\w*$/.test(key));
    const source =
      `import { createRequire } from 'node:module';\n` +
      `const module = createRequire(${JSON.stringify(__filename)})(${JSON.stringify(name)});\n` +
      `export default module;\nexport const { ${names.join(', ')} } = module;\n`;
    return { format: 'module', source, shortCircuit: true };
  },
});
