# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a Python program could send messages with.

A transport has send(message) and recv(), and ready(role, number), which the processes
call first.  one is what a message takes; many is how many readers it can have.
"""

import ctypes
import fcntl
import functools
import multiprocessing
import os
import socket
import struct

import ringbuffer

F_SETPIPE_SZ = 1031
SO_SNDBUFFORCE = 32


class Transport:
    many = 1

    def __init__(self, size, readers, slots):
        self.size = size

    def ready(self, role, number):
        pass


class DropIn(Transport):
    """RingBuffer.blocking_write() and blocking_read(): a copy in, a copy out."""
    name = "ring, drop-in"
    many = 5

    def __init__(self, size, readers, slots):
        self.ring = ringbuffer.RingBuffer(slot_bytes=size, slot_count=slots)
        self.readers = [self.ring.new_reader() for _ in range(readers)]
        self.ring.new_writer()
        self.send = self.ring.blocking_write

    def ready(self, role, number):
        if role == "reader":
            self.recv = functools.partial(self.ring.blocking_read, self.readers[number])


class Ring(Transport):
    """Writer.write() and Reader.read()."""
    name = "ring, write and read"
    many = 5

    def __init__(self, size, readers, slots):
        self.ring = ringbuffer.Ring.create(size, slots, exclusive=True)
        self.readers = [self.ring.reader() for _ in range(readers)]
        self.writer = self.ring.writer()
        self.send = self.writer.write

    def ready(self, role, number):
        if role == "reader":
            self.recv = self.readers[number].read


class ZeroCopy(Ring):
    """A copy in; the reader looks at the slot itself."""
    name = "ring, in place"

    def ready(self, role, number):
        if role == "reader":
            self.recv = self.readers[number].__next__


class OsPipe(Transport):
    name = "os.pipe"

    def __init__(self, size, readers, slots):
        self.size = size
        self.r, self.w = os.pipe()
        if size > 65536:
            fcntl.fcntl(self.w, F_SETPIPE_SZ, 1 << 20)

    def send(self, message):
        if len(message) <= 4096:
            os.write(self.w, message)
            return
        view = memoryview(message)
        while view:
            view = view[os.write(self.w, view):]

    def recv(self):
        data = os.read(self.r, self.size)
        while len(data) < self.size:
            data += os.read(self.r, self.size - len(data))
        return data


class Seqpacket(Transport):
    name = "AF_UNIX seqpacket"

    def __init__(self, size, readers, slots):
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if size > 65536:
            a.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4 << 20)
        self.size, self.a, self.b = size, a, b
        self.room = bytearray(size)
        self.send = a.send

    def recv(self):
        self.b.recv_into(self.room)
        return self.room


class Pipe(Transport):
    name = "multiprocessing.Pipe"

    def __init__(self, size, readers, slots):
        r, w = multiprocessing.Pipe(False)
        self.send, self.recv = w.send_bytes, r.recv_bytes
        self.ends = r, w


class Queue(Transport):
    name = "multiprocessing.Queue"

    def __init__(self, size, readers, slots):
        self.queue = multiprocessing.Queue(slots)
        self.recv = self.queue.get

    def send(self, message):
        self.queue.put(bytes(message))


class LockedRing(Transport):
    """A ring under a Lock and a Condition in shared arrays, as one writes it by hand."""
    name = "Lock/Condition ring"

    def __init__(self, size, readers, slots):
        self.size, self.slots = size, slots
        self.condition = multiprocessing.Condition(multiprocessing.Lock())
        self.at = multiprocessing.RawArray(ctypes.c_uint64, 2)
        self.bytes = multiprocessing.RawArray(ctypes.c_ubyte, size * slots)

    def ready(self, role, number):
        self.view = memoryview(self.bytes).cast("B")

    def send(self, message):
        with self.condition:
            while self.at[0] - self.at[1] == self.slots:
                self.condition.wait()
            i = self.at[0] % self.slots * self.size
            self.view[i:i + self.size] = message
            self.at[0] += 1
            self.condition.notify_all()

    def recv(self):
        with self.condition:
            while self.at[0] == self.at[1]:
                self.condition.wait()
            i = self.at[1] % self.slots * self.size
            data = bytearray(self.view[i:i + self.size])
            self.at[1] += 1
            self.condition.notify_all()
        return data


class Zmq(Transport):
    """PUSH and PULL over ipc://; each process has a context of its own."""
    name = "pyzmq"

    def __init__(self, size, readers, slots):
        import zmq
        self.zmq, self.slots = zmq, slots
        self.address = "ipc:///tmp/ringbuffer-bench-%d-%d" % (os.getpid(), id(self))

    def ready(self, role, number):
        self.context = self.zmq.Context()
        if role == "reader":
            self.socket = self.context.socket(self.zmq.PULL)
            self.socket.set_hwm(self.slots)
            self.socket.bind(self.address)
            self.recv = self.socket.recv
        else:
            self.socket = self.context.socket(self.zmq.PUSH)
            self.socket.set_hwm(self.slots)
            self.socket.connect(self.address)

    def send(self, message):
        self.socket.send(bytes(message))


TRANSPORTS = [DropIn, Ring, ZeroCopy, OsPipe, Seqpacket, Pipe, Queue, LockedRing, Zmq]
HEAD = struct.Struct("<QQ")
