// biome-ignore-all lint/style/useNodejsImportProtocol: both ways to name them are for programs to choose
'use strict';
const { run } = require('./exercise.cjs');

run({
  net: require('net'),
  http: require('node:http'),
  https: require('https'),
  http2: require('node:http2'),
  tls: require('tls'),
  fetch,
});
