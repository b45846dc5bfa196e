// SPDX-License-Identifier: GPL-2.0
//! usage: stream_read [FILE] - the default ring to stdout, until its writers are done
use std::fs::File;

mod ring;

fn main() {
    ring::run(Some("/dev/ringbuf"), |name| {
        ring::copy(&mut File::open(name)?, &mut *ring::standard(1))
    });
}
