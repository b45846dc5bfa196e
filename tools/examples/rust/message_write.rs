// SPDX-License-Identifier: GPL-2.0
//! usage: message_write FILE - stdin in numbered messages, one write(2) each
use std::io::{Read, Result, Write};

mod ring;

fn write(name: &str) -> Result<()> {
    let mut ring = ring::Ring::attach(name, ring::WRITER)?;
    if ring.is.slot_bytes <= 8 {
        return Err(ring::other("no room for a message"));
    }
    let mut message = vec![0; ring.is.slot_bytes as usize];
    let mut number = 0u64;
    loop {
        let n = ring::again(|| ring::standard(0).read(&mut message[8..]))?;
        if n == 0 {
            return Ok(());
        }
        message[..8].copy_from_slice(&number.to_le_bytes());
        ring::again(|| ring.file.write(&message[..8 + n]))?;
        number += 1;
    }
}

fn main() {
    ring::run(None, write);
}
