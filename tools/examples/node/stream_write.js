#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0
// usage: stream_write.js [FILE] - stdin into the default ring
'use strict';
const fs = require('fs');
const { fail, readSome, writeAll } = require('./io.js');

const name = process.argv[2] || '/dev/ringbuf';
try {
	const ring = fs.openSync(name, fs.constants.O_WRONLY);
	const buffer = Buffer.alloc(65536);
	for (let n; (n = readSome(0, buffer)) > 0;)
		writeAll(ring, buffer, n);
	fs.closeSync(ring);
} catch (error) {
	fail(name, error);
}
