// SPDX-License-Identifier: GPL-2.0
//! usage: map_write FILE - read stdin into the slots, as numbered messages, without a copy.
//! The ring must have an exclusive writer.  The letters in comments name barriers of
//! kmod/protocol.rst.
use std::io::{Read, Result};
use std::sync::atomic::{fence, AtomicU64, Ordering::*};

mod ring;
use ring::{Cursor, Desc, InfoPage, Ring, PROT_READ, PROT_WRITE};

struct Writer {
    ring: Ring,
    info: &'static InfoPage,
    head: &'static AtomicU64,
    allowance: &'static AtomicU64,
    desc: *const Desc,
    cursors: *const u8,
    data: *mut u8,
    limit: u64, // what the last pass of the gate allowed; the allowance may be higher
}

impl Writer {
    fn open(name: &str) -> Result<Writer> {
        let ring = Ring::attach(name, ring::WRITER)?;
        if ring.is.flags & ring::EXCLUSIVE == 0 || ring.is.slot_bytes <= 8 {
            return Err(ring::other("not for exclusive writers, or no room for a message"));
        }
        let rw = PROT_READ | PROT_WRITE;
        let head: *const u8 = ring.region(ring::HEAD_PAGE, rw)?;
        // Maps are never unmapped, so references to them stay valid.
        unsafe {
            let info: &InfoPage = &*ring.region(ring::INFO_PAGE, PROT_READ)?;
            let own = info.writer_offset + (ring.is.id - 1) * info.writer_stride;
            Ok(Writer {
                info,
                head: &*(head as *const AtomicU64),
                allowance: &*(head.add(own as usize) as *const AtomicU64),
                desc: ring.region(ring::SLOTS, rw)?,
                cursors: ring.region(ring::CURSORS, PROT_READ)?,
                data: ring.region(ring::DATA, rw)?,
                limit: 0,
                ring,
            })
        }
    }

    fn row_cursor(&self, row: u32) -> u64 {
        let at = row as usize * self.ring.is.page_size as usize + row as usize % 64 * 64;
        let floor = self.info.row(row).floor.load(Acquire);
        let cursor = unsafe { &*(self.cursors.add(at) as *const Cursor) };
        cursor.cursor.load(Acquire).max(floor)
    }

    /// Return the first position that no writer may take yet; @none without readers.
    fn gate_end(&self, none: u64) -> u64 {
        (0..self.info.rows.load(Acquire))
            .filter(|&row| self.info.row(row).flags.load(Acquire) & ring::ROW_GATING != 0)
            .map(|row| self.row_cursor(row))
            .min()
            .map_or(none, |slowest| slowest + self.ring.is.slot_count)
    }

    /// Wait until the gate allows the next slot, and return its bytes.
    fn reserve(&mut self) -> Result<&'static mut [u8]> {
        while self.info.readers_wanted.load(Acquire) != 0 {
            self.ring.wait()?; // (L)
        }
        while self.limit <= self.ring.position {
            let generation = self.info.generation.load(Acquire);
            let end = self.gate_end(self.ring.position + 1);
            if end > self.allowance.load(Relaxed) {
                self.allowance.store(end, Relaxed);
            }
            fence(SeqCst); // (H)
            if self.info.generation.load(Acquire) != generation {
                continue;
            }
            self.limit = end;
            if end <= self.ring.position {
                self.ring.wait()?;
            }
        }
        let desc = unsafe { &*self.desc.add(self.ring.index()) };
        desc.state.store(0, Relaxed);
        fence(SeqCst); // (M)
        let at = self.ring.index() * self.ring.is.slot_stride as usize;
        let bytes = self.ring.is.slot_bytes as usize;
        Ok(unsafe { std::slice::from_raw_parts_mut(self.data.add(at), bytes) })
    }

    fn commit(&mut self, length: usize) -> Result<()> {
        let desc = unsafe { &*self.desc.add(self.ring.index()) };
        let position = self.ring.position;
        desc.length.store(length as u32, Relaxed);
        desc.flags.store(0, Relaxed);
        desc.state.store(position << 2 | ring::COMMITTED, Release); // (A)
        fence(SeqCst); // (B)
        self.head.store(position + 1, Release);
        self.ring.position += 1;
        self.ring.wake(&self.info.wake_position, position)
    }
}

fn write(name: &str) -> Result<()> {
    let mut writer = Writer::open(name)?;
    let mut number = 0u64;
    loop {
        let slot = writer.reserve()?;
        let n = ring::again(|| ring::standard(0).read(&mut slot[8..]))?;
        if n == 0 {
            return writer.ring.done();
        }
        slot[..8].copy_from_slice(&number.to_le_bytes());
        writer.commit(8 + n)?;
        number += 1;
    }
}

fn main() {
    ring::run(None, write);
}
