// SPDX-License-Identifier: GPL-2.0
//! usage: message_read FILE - numbered messages to stdout, one read(2) each
use std::io::{Read, Result, Write};

mod ring;

fn read(name: &str) -> Result<()> {
    let mut ring = ring::Ring::attach(name, ring::READER)?;
    let mut message = vec![0; ring.is.slot_bytes as usize];
    let mut wanted = 0u64;
    loop {
        let n = ring::again(|| ring.file.read(&mut message))?;
        if n == 0 {
            return Ok(());
        }
        ring::standard(1).write_all(ring::payload(&message[..n], wanted)?)?;
        wanted += 1;
    }
}

fn main() {
    ring::run(None, read);
}
