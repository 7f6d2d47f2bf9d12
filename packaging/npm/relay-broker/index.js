'use strict';
// For programs that start it themselves: require('relay-broker').binaryPath.
const path = require('node:path');
const manifest = `relay-broker-linux-${process.arch}/package.json`;
exports.binaryPath = path.join(path.dirname(require.resolve(manifest)), 'bin', 'relay-broker');
