// SPDX-License-Identifier: GPL-2.0
// What the examples share: reads and writes that continue after a signal, and error exits.
'use strict';
const fs = require('fs');

function again(call) {
	for (;;) {
		try {
			return call();
		} catch (error) {
			if (error.code !== 'EINTR')
				throw error;
		}
	}
}

// Read as many bytes as are available into the buffer.  Returns their number, 0 at the end.
exports.readSome = (fd, buffer) => again(() => fs.readSync(fd, buffer));

exports.writeAll = (fd, buffer, size) => {
	for (let at = 0; at < size;)
		at += again(() => fs.writeSync(fd, buffer, at, size - at));
};

exports.fail = (name, error) => {
	console.error(`${name}: ${error.message}`);
	process.exitCode = 1;
};
