#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0
// usage: stream_read.js [FILE] - the default ring to stdout, until its writers are done
'use strict';
const fs = require('fs');
const { fail, readSome, writeAll } = require('./io.js');

const name = process.argv[2] || '/dev/ringbuf';
try {
	const ring = fs.openSync(name, fs.constants.O_RDONLY);
	const buffer = Buffer.alloc(65536);
	for (let n; (n = readSome(ring, buffer)) > 0;)
		writeAll(1, buffer, n);
} catch (error) {
	fail(name, error);
}
