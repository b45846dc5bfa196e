// SPDX-License-Identifier: GPL-2.0
//! usage: stream_write [FILE] - stdin into the default ring
use std::fs::OpenOptions;

mod ring;

fn main() {
    ring::run(Some("/dev/ringbuf"), |name| {
        let mut to = OpenOptions::new().write(true).open(name)?;
        ring::copy(&mut *ring::standard(0), &mut to)
    });
}
