# SPDX-License-Identifier: GPL-2.0
"""What the tests of ringbuf-bridge share: servers, processes of the bridge, rings, messages."""
import argparse
import contextlib
import ctypes
import glob
import importlib
import inspect
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "lib/python"))
BRIDGE = os.path.join(TOP, "build/tools/ringbuf-bridge")
ASAN = os.path.join(TOP, "build/selftests/bridge/asan")
FRAGILE = os.path.join(TOP, "build/selftests/bridge/fragile")   # see fragile.c
ALONE = "--batch-bytes=1"       # publish: each slot in a message of its own
PATIENCE = 60       # seconds until a test that waits for something has failed
MAX_PAYLOAD = 65536     # of the server, so that longer messages are split
LIBC = ctypes.CDLL(None)
os.environ.setdefault("RINGBUF_HOST", "embedded")

for missing, why in ((not shutil.which("nats-server"), "nats-server is not installed"),
                     (not os.path.exists(BRIDGE), "ringbuf-bridge is not built"),
                     (not os.path.exists(FRAGILE), "make tests-quick has not been run")):
    if missing:
        print(f"1..1\nok 1 # SKIP {why}")
        sys.exit(0)
import ringbuffer       # noqa: E402  pylint: disable=wrong-import-position


class Skip(Exception):
    """A test cannot run here, for this reason."""


def child(command, space=None, **options):
    """A process, in a namespace if one is given, that ends with this one even if this is killed."""
    return subprocess.Popen([*(space.prefix if space else ()), *command],
                            preexec_fn=lambda: LIBC.prctl(1, signal.SIGKILL), **options)


class Server:
    """A nats-server with files in a folder of its own, which survive kill()."""

    spaces = {}         # namespaces for halves of the bridge, by the name of the half

    def __init__(self, folder, conf="", address=("127.0.0.1", 0), space=None):
        """Make the configuration.

        conf: more lines of it
        address: where to listen; port 0: one that is free now
        space: the namespace in which it is to run, or None
        """
        self.folder = folder
        self.space = space
        self.address = address
        if not address[1]:
            with socket.socket() as s:
                s.bind(address)
                self.address = s.getsockname()
        self.port = self.address[1]
        self.url = "nats://{}:{}".format(*self.address)
        self.conf = os.path.join(folder, "server.conf")
        self.configure(conf)
        self.process = None

    def configure(self, conf=""):
        """Write the configuration for the next start, with `conf` as the last lines."""
        with open(self.conf, "w", encoding="ascii") as f:
            f.write("listen: {}:{}\n".format(*self.address) +
                    f"max_payload: {MAX_PAYLOAD}\n"
                    f"jetstream {{ store_dir: '{self.folder}' }}\n{conf}")

    def start(self):
        self.process = child(["nats-server", "-c", self.conf, "-l",
                              os.path.join(self.folder, "server.log")], self.space)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def save(self):
        """Copy the files, between two starts."""
        self.kill()
        shutil.copytree(os.path.join(self.folder, "jetstream"), os.path.join(self.folder, "saved"))
        self.start()

    def lose(self, start=True):
        """Lose all that was stored after save(), or all if there is no copy.

        start: start the server again
        """
        self.kill()
        shutil.rmtree(os.path.join(self.folder, "jetstream"))
        with contextlib.suppress(FileNotFoundError):
            os.rename(os.path.join(self.folder, "saved"), os.path.join(self.folder, "jetstream"))
        if start:
            self.start()

    def close(self):
        self.kill()

    def connect(self):
        connect = self.space.connect if self.space else socket.create_connection
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return connect(self.address)
            except ConnectionRefusedError:
                assert time.monotonic() < end, "the server does not start"
                time.sleep(0.02)

    def request(self, subject, body, headers=b""):
        """Send a message and return the answer."""
        with self.connect() as s, s.makefile("rwb") as f:
            s.settimeout(PATIENCE)
            f.write(b'CONNECT {"verbose": false, "headers": true}\r\nSUB answer 1\r\n'
                    b"HPUB %s answer %d %d\r\n%s%s\r\n"
                    % (subject.encode(), len(headers), len(headers + body), headers, body)
                    if headers else
                    b'CONNECT {"verbose": false}\r\nSUB answer 1\r\n'
                    b"PUB %s answer %d\r\n%s\r\n" % (subject.encode(), len(body), body))
            f.flush()
            while True:
                line = f.readline()
                assert line, "the server has closed the connection"
                if line == b"PING\r\n":
                    f.write(b"PONG\r\n")
                    f.flush()
                if line.startswith(b"MSG answer "):
                    return json.loads(f.read(int(line.split()[-1])))

    def ask(self, subject, **question):
        """Call the API of JetStream and return its answer."""
        return self.request("$JS.API." + subject, json.dumps(question).encode())

    def make_stream(self, verb="CREATE", **config):
        answer = self.ask(f"STREAM.{verb}.s", **{
            "name": "s", "subjects": ["ringbuf.s"], "storage": "file", "num_replicas": 1,
            "retention": "limits", "discard": "new", "duplicate_window": 120 * 10**9, **config})
        assert "error" not in answer, answer

    def put(self, data, subject="ringbuf.s", **headers):
        """Store a message that no bridge has sent."""
        text = b"NATS/1.0\r\n"
        for key, value in headers.items():
            text += f"{key.replace('_', '-')}: {value}\r\n".encode()
        answer = self.request(subject, data, text + b"\r\n")
        assert "error" not in answer, answer

    def stored(self):
        """The number of messages that the stream has."""
        return self.ask("STREAM.INFO.s").get("state", {}).get("messages")


class Half:
    """A process of the bridge."""

    def __init__(self, world, *words):
        self.command = [world.program, *words, "--server", world.server.url, "--json"]
        self.space = world.server.spaces.get(words[0])
        self.errors = open(os.path.join(world.folder, words[0] + ".err"), "a+", encoding="utf-8")
        self.process = None
        self.start()

    def start(self):
        self.process = child(self.command, self.space, stdout=subprocess.PIPE, stderr=self.errors)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def die(self, times, step, restart=True):
        """Let a process of its own take its place that dies at a step, and again that often."""
        self.kill()
        for _ in range(times):
            self.process = child([FRAGILE, *self.command[1:]], stderr=self.errors,
                                 stdout=subprocess.PIPE, env=dict(os.environ, RINGBUF_FRAGILE=step))
            self.process.communicate(timeout=PATIENCE)
            assert self.process.returncode == -signal.SIGKILL, self.said()
        if restart:
            self.start()

    def end(self, sign=None):
        """Wait for its end, after a signal if one is given; return status and last report."""
        if sign:
            self.process.send_signal(sign)
        out, _ = self.process.communicate(timeout=PATIENCE)
        lines = out.decode().splitlines()
        return self.process.returncode, json.loads(lines[-1]) if lines else None

    def said(self):
        self.errors.seek(0)
        return self.errors.read()


class World:
    """A server, the ring `here`, the ring `there`, and a folder; all ends with the test."""

    def __init__(self, slots=64, slot_bytes=4096, there=None, conf="", halves=(), program=BRIDGE,
                 server=Server, **options):
        """Make the rings.

        slots, slot_bytes: of `here`; there: bytes of a slot of `there`, if not the same
        conf: more lines for the configuration of the server
        halves: more options for both halves of the bridge
        program: that of both halves
        server: what makes the server, from a folder and `conf`
        options: more arguments of Ring.create() for `here`
        """
        # A virtual machine has its own /tmp, but the tree is the host's, and slow.
        self.folder = tempfile.mkdtemp(
            prefix="bridge-", dir=None if "RINGBUF_VM" in os.environ else os.path.join(TOP, "build"))
        self.name = f"bridge-{os.getpid()}-{os.path.basename(self.folder)}"
        self.server = server(self.folder, conf)
        self.program = program
        self.options = halves
        self.halves = []
        self.here = ringbuffer.Ring.create(slot_bytes, slots, name=self.name + ".here",
                                           wait_readers=1, **options)
        self.there = ringbuffer.Ring.create(there or slot_bytes, 64, name=self.name + ".there",
                                            exclusive=True)

    def publish(self, *options):
        self.halves.append(Half(self, "publish", self.here.name, "s", *self.options,
                                *options))
        return self.halves[-1]

    def subscribe(self, *options):
        self.halves.append(Half(self, "subscribe", "s", self.there.name, "--state", self.folder,
                                *self.options, *options))
        return self.halves[-1]

    def close(self):
        for half in self.halves:
            half.kill()
            half.errors.close()
        self.server.close()
        self.here.close()
        self.there.close()
        # A test that has failed may leave rings that are kept.
        for path in glob.glob(f"/dev/shm/ringbuf.{self.name}.*") + glob.glob(
                f"/dev/rings/{self.name}.*"):
            os.unlink(path)
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if error[1]:
            for half in self.halves:
                for line in half.said().splitlines():
                    print(f"# {half.command[1]}: {line}")
        self.close()


def message(number, most):
    """Message of this number: any length up to most, also 0; its bytes and its flags tell it."""
    rng = random.Random(number)
    length = rng.choice((0, 1, 8, 100, most // 2, most - 1, most))
    return rng.randbytes(length), zlib.crc32(b"%d" % number)


def write(ring, count, most, pause=lambda number: None):
    with ring.writer() as writer:
        for number in range(count):
            pause(number)
            data, flags = message(number, most)
            slot = writer.reserve(timeout=PATIENCE)
            slot.flags = flags
            slot[:len(data)] = data
            slot.commit(len(data))


def write_one(ring, data):
    with ring.writer() as writer:
        writer.write(data, timeout=PATIENCE)


def check_all(reader, count, most, patience=PATIENCE):
    """Read messages until the end, which may come early while the bridge is not running."""
    end = time.monotonic() + patience
    number = 0
    while number < count:
        try:
            slot = reader.peek(timeout=patience)
        except ringbuffer.WriterFinishedError:
            assert time.monotonic() < end, f"only {number} of {count} messages came"
            time.sleep(0.01)
            continue
        data, flags = message(number, most)
        assert (bytes(slot), slot.flags) == (data, flags), f"message {number} is another one"
        slot.release()
        number += 1
        end = time.monotonic() + patience


class Task(threading.Thread):
    """A thread whose failure is raised by finish()."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)
        self.work = function, arguments
        self.error = None
        self.start()

    def run(self):
        try:
            self.work[0](*self.work[1])
        except Exception as error:      # pylint: disable=broad-except
            self.error = error

    def finish(self, seconds=PATIENCE):
        self.join(seconds)
        if self.error:
            raise self.error
        assert not self.is_alive(), "not all messages came in time"


def restart(half, rings=(), lock=None):
    """
    Kill a process and start it again.  For a publisher, of these rings, the lock keeps writers from
    writing meanwhile: they would not wait for a publisher that is away.
    """
    with lock or contextlib.nullcontext():
        half.kill()
        half.start()
        for ring in rings:
            # A publisher ends if the writers have ended.
            until(lambda ring=ring: ring.stats().readers or not ring.stats().writers,
                  "the bridge does not attach")


def end_of(reader):
    """How the stream ends: "done", "died", or None if a message comes."""
    try:
        reader.peek(timeout=PATIENCE)
    except ringbuffer.WriterDiedError:
        return "died"
    except ringbuffer.WriterFinishedError:
        return "done"
    return None


def ended(reader):
    """Whether the reader gets the end of a stream whose writer was done, and no message."""
    return end_of(reader) == "done"


def died(reader):
    """Whether the reader gets the end of a stream whose writer was not done."""
    return end_of(reader) == "died"


def until(condition, what, patience=PATIENCE):
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def until_read(reader, data):
    """Read one message, which must be `data`, though the writer may have been killed before."""
    slot = None
    end = time.monotonic() + PATIENCE
    while slot is None:
        try:
            slot = reader.peek(timeout=PATIENCE)
        except ringbuffer.WriterFinishedError:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert bytes(slot) == data, bytes(slot)
    slot.release()


def read_numbers(reader, count):
    for number in range(count):
        until_read(reader, b"%d" % number)


def tests_of(pattern):
    """The tests in the files of this folder: pairs of name and function."""
    for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), pattern))):
        module = importlib.import_module(os.path.basename(path)[:-len(".py")])
        yield from ((name, function) for name, function in vars(module).items()
                    if name.startswith("test_"))


def main(description):
    """Run the tests of the test_*.py files.  Return the exit status."""
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--only", help="a part of the names of tests")
    a = parser.parse_args()
    tests = [(name, function) for name, function in tests_of("test_*.py")
             if (a.only or "") in name]
    failed = 0
    print(f"1..{len(tests)}")
    for n, (name, function) in enumerate(tests, 1):
        words = name[len("test_"):].replace("_", " ")
        try:
            if inspect.signature(function).parameters:
                print(f"# {a.kills} kills, --seed {a.seed}")
                function(a.kills, a.seed)
            else:
                function()
            print(f"ok {n} - {words}", flush=True)
        except Skip as reason:
            print(f"ok {n} - {words} # SKIP {reason}", flush=True)
        except Exception as error:      # pylint: disable=broad-except
            print(f"# {type(error).__name__}: {error}\nnot ok {n} - {words}", flush=True)
            failed += 1
    return int(failed > 0)
