// SPDX-License-Identifier: GPL-2.0
//! Attach to the ring of a file, and map it: with the numbers and structures of linux/ringbuf.h.
//! Uses std alone, so the functions of libc are declared here.
#![allow(dead_code)]

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::mem::ManuallyDrop;
use std::os::raw::{c_int, c_long, c_ulong, c_void};
use std::os::unix::io::{AsRawFd, FromRawFd};
use std::sync::atomic::{fence, AtomicU32, AtomicU64, Ordering};

pub const READER: u32 = 1;
pub const WRITER: u32 = 2;
pub const EXCLUSIVE: u32 = 1;
pub const ROW_GATING: u32 = 2;
pub const COMMITTED: u64 = 1;
pub const ROW_LOSSY: u32 = 8;
pub const END_DIED: u32 = 2;
const START_OLDEST: u32 = 1;

// _IOC() of x86 and Arm: direction (1: the kernel reads the structure, 3: also writes to it),
// size of the structure, number of the call.
const ATTACH: c_ulong = 3 << 30 | 40 << 16 | 0xBB02;
const INFO: c_ulong = 3 << 30 | 96 << 16 | 0xBB03;
const WAIT: c_ulong = 3 << 30 | 40 << 16 | 0xBB04;
const WAKE: c_ulong = 1 << 30 | 8 << 16 | 0xBB05;
const DONE: c_ulong = 1 << 30 | 8 << 16 | 0xBB06;

pub const PROT_READ: c_int = 1;
pub const PROT_WRITE: c_int = 2;
const MAP_SHARED: c_int = 1;

extern "C" {
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    fn mmap(
        at: *mut c_void, bytes: usize, prot: c_int, flags: c_int, fd: c_int, offset: c_long,
    ) -> *mut c_void;
}

#[repr(C)]
#[derive(Default)]
struct AttachArg {
    size: u32,
    flags: u32,
    role: u32,
    fd: i32,
    position: u64,
    start: u32,
    id: u32,
    policy: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Default, Clone, Copy)]
pub struct Region {
    id: u32,
    flags: u32,
    pub offset: u64,
    pub bytes: u64,
}

#[repr(C)]
#[derive(Default)]
pub struct Info {
    size: u32,
    zero: u32,
    regions: u64,
    region_size: u32,
    region_count: u32,
    pub slot_bytes: u64,
    pub slot_count: u64,
    pub slot_stride: u64,
    claim_offset: u64,
    stamp_offset: u64,
    pub flags: u32,
    max_readers: u32,
    max_writers: u32,
    role: u32,
    pub id: u32,
    pub page_size: u32,
    wait_readers: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Default)]
struct WaitArg {
    size: u32,
    flags: u32,
    timeout: u64,
    count: u32,
    reserved: u32,
    after: u64,
    ready: u64,
}

#[repr(C)]
pub struct Row {
    pub floor: AtomicU64,
    pub flags: AtomicU32,
    pub generation: AtomicU32,
}

#[repr(C)]
pub struct InfoPage {
    geometry: [u64; 6],
    row_offset: u32,
    row_stride: u32,
    pub writer_offset: u32,
    pub writer_stride: u32,
    pub wake_position: AtomicU64,
    pad1: [u64; 7],
    pub wake_cursor: AtomicU64,
    pad2: [u64; 7],
    pub generation: AtomicU64,
    allowance: AtomicU64,
    pub rows: AtomicU32,
    pub writers: AtomicU32,
    pub writers_ever: AtomicU32,
    pub ended: AtomicU32,
    pub readers_wanted: AtomicU32,
}

impl InfoPage {
    /// Return row @i, which exists if i < max_readers.
    pub fn row(&self, i: u32) -> &Row {
        let at = self.row_offset as usize + i as usize * self.row_stride as usize;
        unsafe { &*((self as *const InfoPage as *const u8).add(at) as *const Row) }
    }
}

#[repr(C)]
pub struct Desc {
    pub state: AtomicU64,
    pub length: AtomicU32,
    pub flags: AtomicU32,
}

#[repr(C)]
pub struct Cursor {
    pub cursor: AtomicU64,
    pub lost: AtomicU64,
    pub holes: AtomicU64,
}

/// A handle of a ring.
pub struct Ring {
    pub file: File,
    pub is: Info,
    pub position: u64,
    regions: [Region; 8],
}

// Ids of regions.
pub const INFO_PAGE: u32 = 0;
pub const HEAD_PAGE: u32 = 1;
pub const SLOTS: u32 = 2;
pub const CURSORS: u32 = 3;
pub const DATA: u32 = 4;

impl Ring {
    fn ioctl<T>(&self, request: c_ulong, arg: &mut T) -> Result<()> {
        again(|| match unsafe { ioctl(self.file.as_raw_fd(), request, arg as *mut T) } {
            0 => Ok(()),
            _ => Err(Error::last_os_error()),
        })
    }

    pub fn attach(name: &str, role: u32) -> Result<Ring> {
        let file = OpenOptions::new().read(true).write(true).open(name)?;
        let mut ring = Ring {
            file,
            is: Info::default(),
            position: 0,
            regions: Default::default(),
        };
        let mut arg = AttachArg {
            size: 40,
            role,
            fd: -1, // attach to the ring of this file
            start: if role == READER { START_OLDEST } else { 0 },
            ..Default::default()
        };
        ring.ioctl(ATTACH, &mut arg)?;
        let mut regions = [Region::default(); 8];
        let mut is = Info {
            size: 96,
            regions: regions.as_mut_ptr() as u64,
            region_size: 24,
            region_count: 8,
            ..Default::default()
        };
        ring.ioctl(INFO, &mut is)?;
        ring.is = is;
        ring.regions = regions;
        ring.position = arg.position;
        Ok(ring)
    }

    pub fn find(&self, id: u32) -> Result<Region> {
        match self.regions.iter().find(|r| r.id == id && r.bytes != 0) {
            Some(region) => Ok(*region),
            None => Err(other("no such region")),
        }
    }

    pub fn region<T>(&self, id: u32, prot: c_int) -> Result<*mut T> {
        let region = self.find(id)?;
        self.map(region.offset, region.bytes, prot)
    }

    pub fn map<T>(&self, offset: u64, bytes: u64, prot: c_int) -> Result<*mut T> {
        let (bytes, offset) = (bytes as usize, offset as c_long);
        let fd = self.file.as_raw_fd();
        match unsafe { mmap(std::ptr::null_mut(), bytes, prot, MAP_SHARED, fd, offset) } as isize {
            -1 => Err(Error::last_os_error()),
            at => Ok(at as *mut T),
        }
    }

    /// Return the index of the slot at the position.
    pub fn index(&self) -> usize {
        (self.position % self.is.slot_count) as usize
    }

    /// Wait until one more slot can be read or written.
    pub fn wait(&self) -> Result<()> {
        self.ioctl(WAIT, &mut WaitArg { size: 40, timeout: !0, count: 1, ..Default::default() })
    }

    /// Wake others after a store, if it has reached @word, their wake word.
    pub fn wake(&self, word: &AtomicU64, reached: u64) -> Result<()> {
        fence(Ordering::SeqCst);
        if word.load(Ordering::Acquire) > reached {
            return Ok(());
        }
        self.ioctl(WAKE, &mut [8u32, 0])
    }

    pub fn done(&self) -> Result<()> {
        self.ioctl(DONE, &mut [8u32, 0])
    }
}

/// Repeat the call as long as a signal interrupts it.
pub fn again<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            result => return result,
        }
    }
}

/// Copies until the end.
pub fn copy(from: &mut impl Read, to: &mut impl Write) -> Result<()> {
    let mut buffer = vec![0; 65536];
    loop {
        match again(|| from.read(&mut buffer))? {
            0 => return to.flush(),
            n => to.write_all(&buffer[..n])?,
        }
    }
}

/// Check that the message has this number, and return its payload.
pub fn payload(message: &[u8], number: u64) -> Result<&[u8]> {
    match message.strip_prefix(&number.to_le_bytes()) {
        Some(rest) => Ok(rest),
        None => Err(other(&format!("message {} is missing", number))),
    }
}

pub fn other(reason: &str) -> Error {
    Error::new(ErrorKind::Other, reason)
}

/// Return stdin (0) or stdout (1) as a file, without a buffer.
pub fn standard(fd: c_int) -> ManuallyDrop<File> {
    ManuallyDrop::new(unsafe { File::from_raw_fd(fd) })
}

/// The body of main(): call @work with the argument, and print the error that it returns.
pub fn run(fallback: Option<&str>, work: impl FnOnce(&str) -> Result<()>) {
    let argument = std::env::args().nth(1);
    let name = match argument.as_deref().or(fallback) {
        Some(name) => name,
        None => {
            eprintln!("usage: {} FILE", std::env::args().next().unwrap_or_default());
            std::process::exit(2);
        }
    };
    if let Err(e) = work(name) {
        eprintln!("{}: {}", name, e);
        std::process::exit(1);
    }
}
