#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rings from Python beside what else there is: separate processes, every message checked.

Repetitions of all transports are interleaved.  Writes build/bench-python/results.jsonl,
a line per result, and plot.png, and prints a table.

usage: compare.py [--quick] [--only TEXT] [--reps N] [--seconds S]
"""

import argparse
import gc
import json
import mmap
import os
import statistics
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(TOP, "lib", "python"))
import ringbuffer  # noqa: E402
import transports  # noqa: E402

OUT = os.path.join(TOP, "build", "bench-python")
HEAD = transports.HEAD
BATCH = 64
POOL = 4096
MIB = 1 << 20
CPUS = sorted(os.sched_getaffinity(0))
C_TRANSPORT = "ring, the C benchmark"
PLACE_TRANSPORT = "ring, reserve and peek_many"


class Wrong(Exception):
    pass


def child(cpu, body, *args):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.sched_setaffinity(0, {CPUS[cpu % len(CPUS)]})
        gc.disable()
        body(*args)
        status = 0
    except BaseException as e:
        print("%s: %r" % (body.__name__, e), file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(status)


class Shared:
    """Figures that the processes leave for their parent."""

    def __init__(self):
        self.view = memoryview(mmap.mmap(-1, 1 << 16)).cast("d")

    def __getitem__(self, i):
        return self.view[i]

    def __setitem__(self, i, value):
        self.view[i] = value


# ---- a stream of messages, one call each ----------------------------------------


def stream_writer(transport, size, seconds, shared):
    transport.ready("writer", 0)
    message = bytearray(size)
    pack, send, now = HEAD.pack_into, transport.send, time.perf_counter
    every = 64 if size < 65536 else 1
    n = last = 0
    start = now()
    end = start + seconds
    while not last:
        if n % every == 0 and now() >= end:
            last = 1
        pack(message, 0, n, last)
        send(message)
        n += 1
    shared[0], shared[1] = start, n
    if isinstance(transport, transports.Queue):
        transport.queue.close()
        transport.queue.join_thread()
    if isinstance(transport, transports.Zmq):
        transport.context.destroy(linger=10000)


def stream_reader(transport, size, number, shared):
    transport.ready("reader", number)
    unpack, recv = HEAD.unpack_from, transport.recv
    expected = last = 0
    while not last:
        data = recv()
        n, last = unpack(data)
        if n != expected or len(data) != size:
            raise Wrong("message %d of %d bytes instead of %d" % (n, len(data), expected))
        expected += 1
    shared[8 + 2 * number], shared[9 + 2 * number] = time.perf_counter(), expected


def stream(kind, size, readers, seconds):
    transport = kind(size, readers, 1024 if size < 65536 else 8)
    shared = Shared()
    pids = [child(1 + n, stream_reader, transport, size, n, shared) for n in range(readers)]
    pids.append(child(0, stream_writer, transport, size, seconds, shared))
    return rate(pids, readers, shared)


def rate(pids, readers, shared):
    """Messages per second, from the first that was sent to the last reader's end."""
    finish(pids)
    counts = {shared[9 + 2 * n] for n in range(readers)}
    if counts != {shared[1]}:
        raise Wrong("sent %d, received %s" % (shared[1], counts))
    return shared[1] / (max(shared[8 + 2 * n] for n in range(readers)) - shared[0])


def finish(pids):
    status = [os.waitpid(pid, 0)[1] for pid in pids]
    if any(status):
        raise Wrong("a process failed")


# ---- batches -------------------------------------------------------------------


def batch_pool():
    return [HEAD.pack(n, 0) + bytes(48) for n in range(POOL)]


def batch_writer(ring, writer, seconds, shared):
    pool = batch_pool()
    batches = [pool[n:n + BATCH] for n in range(0, POOL, BATCH)]
    write_many, now = writer.write_many, time.perf_counter
    start = now()
    end, n = start + seconds, 0
    while now() < end:
        for batch in batches:
            write_many(batch)
        n += POOL
    writer.close()
    shared[0], shared[1] = start, n


def batch_reader(reader, shared):
    pool = batch_pool()
    pool += pool[:BATCH]
    read_many = reader.read_many
    at = n = 0
    try:
        while True:
            got = read_many(BATCH)
            k = len(got)
            if got != pool[at:at + k]:
                raise Wrong("batch at %d is not what was written" % n)
            n += k
            at = (at + k) % POOL
    except ringbuffer.WriterFinishedError:
        shared[8], shared[9] = time.perf_counter(), n


def batch(seconds):
    ring = ringbuffer.Ring.create(64, 1024, exclusive=True)
    reader, writer = ring.reader(), ring.writer()
    shared = Shared()
    pids = [child(1, batch_reader, reader, shared),
            child(0, batch_writer, ring, writer, seconds, shared)]
    reader.close()
    writer.close()
    finish(pids)
    if shared[1] != shared[9]:
        raise Wrong("sent %d, received %d" % (shared[1], shared[9]))
    return shared[1] / (shared[8] - shared[0])


# ---- in place: written and read where it lies, as the C benchmark's T2zc and T5zc ------
#
# A message of 1 MiB has two words in each of its pages, which the writer writes and
# every reader checks: the sum of the numbers of message and page, and its complement.
# Nothing else of it is touched.

PAGES = 256
PERIOD = 1024   # the numbers of messages start again at 0
SLOTS = 4


class Stamps:
    """words[n:n + PAGES] is what the pages of message n begin with; data is its bytes."""

    def __init__(self):
        import numpy
        first = numpy.arange(PERIOD + PAGES, dtype="u8")
        self.words = numpy.stack((first, ~first), 1)
        self.data = self.words.tobytes()
        # A page by its two words, and by the 16 bytes that they are.
        self.words_of = numpy.dtype({"names": ["stamp"], "formats": [("u8", 2)], "itemsize": 4096})
        self.bytes_of = numpy.dtype({"names": ["stamp"], "formats": ["V16"], "itemsize": 4096})


def place_writer(writer, seconds, shared):
    stamps = Stamps()
    words, pages = stamps.words, stamps.words_of
    reserve, now = writer.reserve, time.perf_counter
    n = 0
    start = now()
    end = start + seconds
    while n % 64 or now() < end:
        at = n % PERIOD
        with reserve() as slot:
            ringbuffer.asarray(slot, pages)["stamp"] = words[at:at + PAGES]
        n += 1
    writer.close()
    shared[0], shared[1] = start, n


def place_reader(reader, number, shared):
    stamps = Stamps()
    data, pages = stamps.data, stamps.bytes_of
    peek_many = reader.peek_many
    n = 0
    try:
        while True:
            for slot in peek_many(SLOTS):
                at = n % PERIOD * 16
                with slot:
                    if slot.asarray(pages)["stamp"].tobytes() != data[at:at + PAGES * 16]:
                        raise Wrong("message %d is not what was written" % n)
                n += 1
    except ringbuffer.WriterFinishedError:
        shared[8 + 2 * number], shared[9 + 2 * number] = time.perf_counter(), n


def place(readers, seconds):
    ring = ringbuffer.Ring.create(MIB, SLOTS, exclusive=True)
    shared, writer = Shared(), ring.writer()
    pids = [child(1 + n, place_reader, ring.reader(), n, shared) for n in range(readers)]
    pids.append(child(0, place_writer, writer, seconds, shared))
    writer.close()
    return rate(pids, readers, shared) * MIB / 1e6


def place_in_c(scenario):
    """One repetition of the C benchmark, beside that of the package."""
    program = os.path.join(TOP, "build", "tools", "bench")
    out = os.path.join(OUT, "c.jsonl")
    subprocess.run([program, "--reps=1", "--only=ringbuf_exclusive/" + scenario, "--json=" + out],
                   check=True, stdout=subprocess.DEVNULL)
    with open(out) as f:
        return json.loads(f.readline())["value"]


# ---- waking a reader that sleeps -------------------------------------------------


def latency_writer(transport, size, count):
    transport.ready("writer", 0)
    message = bytearray(size)
    for n in range(count):
        time.sleep(0.002)  # the reader is asleep by then, that is what is measured
        HEAD.pack_into(message, 0, n, time.perf_counter_ns())
        transport.send(message)
    if isinstance(transport, transports.Zmq):
        transport.context.destroy(linger=10000)


def latency_reader(transport, count, shared):
    transport.ready("reader", 0)
    times = []
    for expected in range(count):
        n, sent = HEAD.unpack_from(transport.recv())
        times.append(time.perf_counter_ns() - sent)
        if n != expected:
            raise Wrong("message %d instead of %d" % (n, expected))
    times.sort()
    shared[0], shared[1] = times[count // 2] / 1000, times[count * 99 // 100] / 1000


def latency(kind, count):
    transport, shared = kind(64, 1, 16), Shared()
    finish([child(1, latency_reader, transport, count, shared),
            child(0, latency_writer, transport, 64, count)])
    return shared[0], shared[1]


# ---- 100 readers -------------------------------------------------------------------


def hundred(seconds):
    """Writes that found a slow reader, those that were made, those that were due."""
    program = os.path.join(TOP, "lib", "python", "perf_test_ringbuffer.py")
    out = subprocess.run([sys.executable, program, "--slot-bytes=1000000", "--slots=10",
                          "--duration-seconds=%g" % seconds, "--writes-per-second=24",
                          "--readers=100", "--no-verify_writes"], check=True,
                         stdout=subprocess.PIPE, universal_newlines=True).stdout
    line = next(line for line in out.splitlines() if line.startswith("Writer:")).split()
    return int(line[-6]), int(line[1]), int(seconds * 24)


# ---- the whole -----------------------------------------------------------------------


def scenarios(given):
    """(scenario, transport, metric, unit, run) of all that is measured."""
    for kind in transports.TRANSPORTS:
        yield "T1 64 B", kind.name, "messages/s", lambda k=kind: stream(k, 64, 1, given.seconds)
    yield "T1 64 B", "ring, batches of 64", "messages/s", lambda: batch(given.seconds)
    for kind in transports.TRANSPORTS:
        yield ("T2 1 MiB", kind.name, "MB/s",
               lambda k=kind: stream(k, MIB, 1, given.seconds) * MIB / 1e6)
    for kind in transports.TRANSPORTS:
        if kind.many >= 5:
            yield ("T5 1 MiB, 5 readers", kind.name, "MB/s",
                   lambda k=kind: stream(k, MIB, 5, given.seconds) * MIB / 1e6)
    for scenario, readers, c in (("T2zc 1 MiB, in place", 1, "T2zc"),
                                 ("T5zc 1 MiB, in place, 5 readers", 5, "T5zc")):
        yield scenario, C_TRANSPORT, "MB/s", lambda c=c: place_in_c(c)
        yield scenario, PLACE_TRANSPORT, "MB/s", lambda n=readers: place(n, given.seconds)
    for kind in (transports.DropIn, transports.OsPipe, transports.Seqpacket, transports.Pipe):
        yield ("L2 wake a sleeping reader", kind.name, "us p50, p99",
               lambda k=kind: latency(k, given.wakes))


def measure(given):
    todo = [s for s in scenarios(given) if given.only in " ".join(s[:2])]
    values = {s[:3]: [] for s in todo}
    for rep in range(given.reps):
        for scenario, transport, unit, run in todo:
            try:
                got = run()
            except (Wrong, ImportError, OSError, subprocess.SubprocessError) as e:
                got = None
                print("%s, %s: %s" % (scenario, transport, e), file=sys.stderr)
            values[scenario, transport, unit].append(got)
        print("repetition %d of %d" % (rep + 1, given.reps), file=sys.stderr)
    return values


def summary(values):
    """A dict per result; latencies give two."""
    for (scenario, transport, unit), all_got in values.items():
        got = [value for value in all_got if value is not None]
        if not got:
            continue
        if isinstance(got[0], tuple):
            for name, column in zip(("p50", "p99"), zip(*got)):
                yield line(scenario, transport, name, "us", column)
        else:
            yield line(scenario, transport, "throughput", unit, got)
        if transport == PLACE_TRANSPORT:
            pairs = zip(all_got, values.get((scenario, C_TRANSPORT, unit), ()))
            ratios = [ours / c for ours, c in pairs if ours and c]
            if ratios:
                yield line(scenario, transport, "beside the C benchmark", "ratio", ratios)


def line(scenario, transport, metric, unit, got):
    return {"transport": transport, "scenario": scenario, "params": {"python": sys.version.split()[0]},
            "metric": metric, "unit": unit, "value": round(statistics.median(got), 2),
            "min": round(min(got), 2), "max": round(max(got), 2), "reps": len(got)}


def table(results):
    print("| scenario | transport | | median | least | most |\n| --- | --- | --- | --- | --- | --- |")
    for r in results:
        print("| %s | %s | %s, %s | %s | %s | %s |" % (
            r["scenario"], r["transport"], r["metric"], r["unit"], number(r["value"]),
            number(r["min"]), number(r["max"])))


def number(value):
    if value < 10:
        return "%.2f" % value
    return "%.1f" % value if value < 1000 else "{:,.0f}".format(value)


def color(transport):
    if transport == C_TRANSPORT:
        return "#47c"
    return "#2a7" if transport.startswith("ring") else "#999"


def plot(results, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = sorted({r["scenario"] for r in results})
    figure, axes = pyplot.subplots(len(names), 1, figsize=(9, 2.6 * len(names)), squeeze=False)
    for ax, name in zip(axes[:, 0], names):
        rows = [r for r in results if r["scenario"] == name and r["unit"] != "ratio"][::-1]
        labels = [r["transport"] + (" " + r["metric"] if r["unit"] == "us" else "") for r in rows]
        ax.barh(labels, [r["value"] for r in rows],
                color=[color(r["transport"]) for r in rows],
                xerr=[[r["value"] - r["min"] for r in rows], [r["max"] - r["value"] for r in rows]])
        ratio = ["%s: %s %.2f" % (r["transport"], r["metric"], r["value"]) for r in results
                 if r["scenario"] == name and r["unit"] == "ratio"]
        ax.set(title="\n".join([name] + ratio), xlabel=rows[0]["unit"])
        if rows[0]["unit"] != "MB/s":
            ax.set_xscale("log")
        ax.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--reps", type=int)
    parser.add_argument("--seconds", type=float)
    given = parser.parse_args()
    given.reps = given.reps or (2 if given.quick else 5)
    given.seconds = given.seconds or (0.1 if given.quick else 0.5)
    given.wakes = 100 if given.quick else 500
    os.makedirs(OUT, exist_ok=True)
    results = list(summary(measure(given)))
    with open(os.path.join(OUT, "results.jsonl"), "w") as f:
        for r in results:
            f.write(json.dumps(r) + "\n")
    table(results)
    if not given.only:
        slow, written, due = hundred(3 if given.quick else 10)
        print("\n100 readers, 24 writes/s of 1 MB: %d of %d written, %d found a slow reader" % (
            written, due, slow))
    plot(results, os.path.join(OUT, "plot.png"))
    print("\n%s" % os.path.relpath(os.path.join(OUT, "plot.png")))


if __name__ == "__main__":
    main()
