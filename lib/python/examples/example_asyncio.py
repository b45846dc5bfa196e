#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One event loop: a TCP server that gives every line a client sends to all clients.

The lines go through a ring, so that other processes may listen too: here one
counts them.

usage: example_asyncio.py [LINES]
"""

import asyncio
import multiprocessing
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import ringbuffer.aio  # noqa: E402

CLIENTS = 3


def count_lines(reader, expected):
    lines = sum(1 for _ in reader)
    print("the other process saw %d lines" % lines, flush=True)
    sys.exit(lines != expected)


async def serve(ring, publisher, stream_in, stream_out):
    async def send():
        async for message in reader:
            stream_out.write(bytes(message))
            await stream_out.drain()
        stream_out.close()

    reader = ring.async_reader()
    sending = asyncio.ensure_future(send())
    # One writer for all clients, who take turns.
    async for line in stream_in:
        await publisher.write(line)
        publisher.lines += 1
    await sending


async def client(port, number, lines, ready):
    stream_in, stream_out = await asyncio.open_connection("127.0.0.1", port)
    ready.append(number)
    while len(ready) < CLIENTS:
        await asyncio.sleep(0.01)
    for n in range(lines):
        stream_out.write(b"client %d line %d\n" % (number, n))
        await stream_out.drain()
    stream_out.write_eof()
    return [line async for line in stream_in]


async def run(ring, writer, lines):
    publisher = ringbuffer.aio.AsyncWriter(writer)
    publisher.lines = 0
    connected = []

    async def connect(stream_in, stream_out):
        connected.append(1)
        await serve(ring, publisher, stream_in, stream_out)

    async def finish():
        while publisher.lines < CLIENTS * lines:
            await asyncio.sleep(0.01)
        publisher.done()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ready = []
    *got, _ = await asyncio.gather(*[client(port, n, lines, ready) for n in range(CLIENTS)],
                                   finish())
    server.close()
    return got


def main():
    lines = int(sys.argv[1]) if sys.argv[1:] else 200
    ring = ringbuffer.Ring.create(100, 16)
    counter = multiprocessing.Process(target=count_lines,
                                      args=(ring.reader(), CLIENTS * lines))
    writer = ring.writer()
    counter.start()
    got = asyncio.run(run(ring, writer, lines))
    counter.join()
    good = all(len(g) == CLIENTS * lines and g == got[0] for g in got)
    print("%d clients saw %d lines each%s" % (CLIENTS, len(got[0]), "" if good else ", WRONGLY"))
    return 0 if good and not counter.exitcode else 1


if __name__ == "__main__":
    sys.exit(main())
