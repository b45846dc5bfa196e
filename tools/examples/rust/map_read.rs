// SPDX-License-Identifier: GPL-2.0
//! usage: map_read FILE - numbered messages to stdout, without a copy: from the slots.
//! The letters in comments name barriers of kmod/protocol.rst.
use std::io::{Result, Write};
use std::sync::atomic::{fence, Ordering::*};

mod ring;
use ring::{Cursor, Desc, InfoPage, Ring, PROT_READ, PROT_WRITE};

struct Reader {
    ring: Ring,
    info: &'static InfoPage,
    desc: *const Desc,
    own: &'static Cursor,
    data: *const u8,
}

impl Reader {
    fn open(name: &str) -> Result<Reader> {
        let ring = Ring::attach(name, ring::READER)?;
        let bytes = ring.is.page_size as u64;
        let offset = ring.find(ring::CURSORS)?.offset + ring.is.id as u64 * bytes;
        // Maps are never unmapped, so references to them stay valid.
        unsafe {
            let page: *const u8 = ring.map(offset, bytes, PROT_READ | PROT_WRITE)?;
            let info: &InfoPage = &*ring.region(ring::INFO_PAGE, PROT_READ)?;
            // Writers do not wait for a lossy reader, which therefore has to check more: (M).
            if info.row(ring.is.id).flags.load(Acquire) & ring::ROW_LOSSY != 0 {
                return Err(ring::other("its readers are lossy: use message_read"));
            }
            Ok(Reader {
                info,
                desc: ring.region(ring::SLOTS, PROT_READ)?,
                own: &*(page.add(ring.is.id as usize % 64 * 64) as *const Cursor),
                data: ring.region(ring::DATA, PROT_READ)?,
                ring,
            })
        }
    }

    fn check_floor(&self) -> Result<()> {
        if self.info.row(self.ring.is.id).floor.load(Acquire) > self.ring.position {
            return Err(ring::other("moved forward: messages are lost"));
        }
        Ok(())
    }

    /// Wait for the next message and return it in its slot; None at the end of the stream.
    fn peek(&mut self) -> Result<Option<&'static [u8]>> {
        loop {
            let desc = unsafe { &*self.desc.add(self.ring.index()) };
            // (J): before the state, or the last message could be missed
            let end =
                self.info.writers_ever.load(Acquire) != 0 && self.info.writers.load(Acquire) == 0;
            let state = desc.state.load(Acquire); // (A)
            self.check_floor()?;
            if state == self.ring.position << 2 | ring::COMMITTED {
                let at = self.ring.index() * self.ring.is.slot_stride as usize;
                let length = desc.length.load(Relaxed).min(self.ring.is.slot_bytes as u32);
                return Ok(Some(unsafe {
                    std::slice::from_raw_parts(self.data.add(at), length as usize)
                }));
            } else if state & 3 != 0 && state >> 2 == self.ring.position {
                self.own.holes.store(self.own.holes.load(Relaxed) + 1, Relaxed);
                self.step()?;
            } else if end {
                return Ok(None);
            } else {
                self.ring.wait()?;
            }
        }
    }

    fn step(&mut self) -> Result<()> {
        self.ring.position += 1;
        self.own.cursor.store(self.ring.position, Release); // (F), (D)
        self.ring.wake(&self.info.wake_cursor, self.ring.position)
    }

    /// Give the slot back, after a check that the reader was not moved meanwhile.
    fn release(&mut self) -> Result<()> {
        fence(SeqCst); // (K)
        self.check_floor()?;
        self.step()
    }
}

fn read(name: &str) -> Result<()> {
    let mut reader = Reader::open(name)?;
    let mut number = 0u64;
    while let Some(message) = reader.peek()? {
        ring::standard(1).write_all(ring::payload(message, number)?)?;
        reader.release()?;
        number += 1;
    }
    if reader.info.ended.load(Acquire) == ring::END_DIED {
        return Err(ring::other("the writer died"));
    }
    Ok(())
}

fn main() {
    ring::run(None, read);
}
