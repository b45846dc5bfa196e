# SPDX-License-Identifier: GPL-2.0
"""Attach to the ring of a file, and map it: with the numbers and structures of linux/ringbuf.h."""
import ctypes
import fcntl
import mmap
import os
import struct

# _IOC() of x86 and Arm: direction (1: the kernel reads the structure, 3: also writes to it),
# size of the structure, number of the call.
ATTACH = 3 << 30 | 40 << 16 | 0xBB02
INFO = 3 << 30 | 96 << 16 | 0xBB03
WAIT = 3 << 30 | 40 << 16 | 0xBB04
WAKE = 1 << 30 | 8 << 16 | 0xBB05
DONE = 1 << 30 | 8 << 16 | 0xBB06
READER, WRITER = 1, 2
START_OLDEST = 1
EXCLUSIVE = 1
REGION_INFO, REGION_HEAD, REGION_SLOTS, REGION_CURSOR, REGION_DATA = range(5)

ROW_GATING = 2
COMMITTED = 1
END_DIED = 2

# Offsets in struct ringbuf_info_page.
ROW_OFFSET, ROW_STRIDE, WRITER_OFFSET, WRITER_STRIDE = 48, 52, 56, 60
WAKE_POSITION, WAKE_CURSOR, GENERATION = 64, 128, 192
ROWS, WRITERS, WRITERS_EVER, ENDED, READERS_WANTED = 208, 212, 216, 220, 224

RELAXED, ACQUIRE, RELEASE, SEQ_CST = 0, 2, 3, 5
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
                       ctypes.c_int, ctypes.c_long)
_atomic = ctypes.CDLL("libatomic.so.1")  # GCC's library of atomic operations
_load = {8: _atomic.__atomic_load_8, 4: _atomic.__atomic_load_4}
_load[8].restype, _load[4].restype = ctypes.c_uint64, ctypes.c_uint32


def load(address, size=8):
    return _load[size](ctypes.c_void_p(address), ACQUIRE)


def store(address, value):
    _atomic.__atomic_store_8(ctypes.c_void_p(address), ctypes.c_uint64(value), RELEASE)


def fence():
    _atomic.atomic_thread_fence(SEQ_CST)


class Ring:
    def __init__(self, name, role):
        self.fd = os.open(name, os.O_RDWR)
        attach = bytearray(struct.pack(
            "IIIiQIIII", 40, 0, role, -1, 0, START_OLDEST if role == READER else 0, 0, 0, 0))
        fcntl.ioctl(self.fd, ATTACH, attach)
        self.position = struct.unpack_from("Q", attach, 16)[0]
        regions = ctypes.create_string_buffer(8 * 24)
        info = bytearray(struct.pack("IIQII72x", 96, 0, ctypes.addressof(regions), 24, 8))
        fcntl.ioctl(self.fd, INFO, info)
        (*_, count, self.slot_bytes, self.slot_count, self.stride, _, _,
         self.flags, _, _, _, self.id, self.page_size, _, _) = struct.unpack("IIQII5Q8I", info)
        self.regions = {}
        for name, _, offset, size in struct.iter_unpack("IIQQ", regions.raw[:24 * count]):
            self.regions[name] = (offset, size)

    def map(self, offset, size, prot=mmap.PROT_READ):
        """Map size bytes of the handle's file, and return their address."""
        at = _libc.mmap(None, size, prot, mmap.MAP_SHARED, self.fd, offset)
        if at == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "mmap")
        return at

    def region(self, number, prot=mmap.PROT_READ):
        return self.map(*self.regions[number], prot)

    @staticmethod
    def row(info, i):
        """Return the address of row i; info is the address of the info page."""
        return info + load(info + ROW_OFFSET, 4) + i * load(info + ROW_STRIDE, 4)

    def wait(self):
        """Wait until one more slot can be read or written."""
        try:
            fcntl.ioctl(self.fd, WAIT, struct.pack("IIQIIQQ", 40, 0, 2**64 - 1, 1, 0, 0, 0))
        except InterruptedError:
            pass

    def wake(self, word, reached):
        """Wake others after a store, if it has reached their wake word, at address word."""
        fence()
        if load(word) <= reached:
            fcntl.ioctl(self.fd, WAKE, struct.pack("II", 8, 0))

    def done(self):
        fcntl.ioctl(self.fd, DONE, struct.pack("II", 8, 0))
