# SPDX-License-Identifier: GPL-2.0
"""ringbuf-bridge run: its file."""
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time

import ringbuffer
from test_command import refused
from world import BRIDGE, PATIENCE, Half, World, check_all, child, until, write


@contextlib.contextmanager
def file(text):
    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        yield f.name


@contextlib.contextmanager
def running(world, text, *options, wrapper=()):
    """The bridge with a file; @text may use the names of `world`.

    wrapper: words before its command line
    """
    values = {"here": world.here.name, "there": world.there.name, "folder": world.folder,
              "server": world.server.url}
    for name, value in values.items():
        text = text.replace("@" + name, value)
    with file(text) as path, open(world.folder + "/run.err", "w+", encoding="utf-8") as errors:
        process = child([*wrapper, BRIDGE, "run", "--config", path, *options], stdout=subprocess.PIPE,
                        stderr=errors)
        try:
            yield process
        except BaseException:
            errors.seek(0)
            print("".join("# " + line for line in errors), end="")
            raise
        finally:
            process.kill()
            process.communicate()


BOTH = """
server = "@server"
[[publish]]
ring = "@here"
stream = "s"
[[subscribe]]
stream = "s"
ring = "@there"
state = "@folder"
"""


def reports(process):
    """End the process and return its reports, by direction."""
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, process.returncode
    found = [json.loads(line) for line in out.decode().splitlines()]
    return {report["direction"]: report for report in found}


def test_run_passes_messages_of_all_tables():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        with running(w, BOTH + "json = true\n", "--json") as process:
            until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
            write(w.here, 100, 1000)
            check_all(reader, 100, 1000)
            until(lambda: w.there.stats().ended, "the end does not come")
            got = reports(process)
        assert got["publish"]["messages"] == got["subscribe"]["messages"] == 100, got


def test_signal_ends_run_with_success_though_a_ring_is_missing():
    with World() as w:
        w.server.start()
        text = BOTH + '[[publish]]\nring = "no-such-ring-of-this-test"\nstream = "t"\n'
        with running(w, text) as process:
            until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0


def test_run_without_service_ends_with_the_messages():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        with running(w, BOTH.replace("[[publish]]", "service = false\n[[publish]]")) as process:
            until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
            write(w.here, 10, 100)
            check_all(reader, 10, 100)
            assert process.wait(PATIENCE) == 0


def test_keys_before_the_tables_are_defaults_and_options_replace_them():
    text = """slots = 7
slot-bytes = 100
mode = "660"
subject = "before"
server = "nats://127.0.0.1:1"
json = true
[[subscribe]]
stream = "s"
ring = "@there.a"
state = "@folder"
[[subscribe]]
stream = "s"
ring = "@there.b"
state = "@folder"
slots = 9
subject = "of-the-table"
"""
    with World() as w:
        w.server.start()
        w.server.make_stream(subjects=["on-the-command-line", "of-the-table"])
        for number, subject in enumerate(("on-the-command-line", "of-the-table")):
            w.server.put(b"%d" % number, subject,
                         Nats_Msg_Id=f"00000000-0000-4000-8000-00000000000{number}:0")
        with running(w, text, "--server", w.server.url, "--slot-bytes=200",
                     "--subject=on-the-command-line"):
            rings = []
            for name in "a", "b":
                def exists(name=w.there.name + "." + name):
                    with contextlib.suppress(FileNotFoundError):
                        rings.append(ringbuffer.Ring.open(name))
                        return True
                    return False
                until(exists, "the ring is not made")
            try:
                assert [ring.slot_count for ring in rings] == [7, 9]
                assert [ring.slot_bytes for ring in rings] == [200, 200]
                for ring in rings:      # of the embedded host
                    assert os.stat(f"/dev/shm/ringbuf.{ring.name}").st_mode & 0o777 == 0o660
                for ring, data in zip(rings, (b"0", b"1")):
                    reader = ring.reader(ringbuffer.OLDEST)
                    slot = reader.peek(timeout=PATIENCE)
                    assert bytes(slot) == data
                    slot.release()
                    reader.close()
            finally:
                for ring in rings:
                    ring.close()
                    ringbuffer.Ring.unlink(ring.name)


def route(direction, ring, stream):
    """The table of a route."""
    return f'[[{direction}]]\nring = "{ring}"\nstream = "{stream}"\n'


def wrong(words, text, *options):
    with file(text) as path:
        run = refused(words, "run", "--config", path, *options)
        assert run.returncode == 2, run
        name = os.path.basename(path)
        assert f"{name}:" in run.stderr or "--server" in run.stderr, run.stderr


def test_wrong_file_ends_the_bridge_with_file_and_line():
    table = '[[publish]]\nring = "r"\nstream = "s"\n'
    for words, text in (
            (":1: colour: unknown key", "colour = 1\n" + table),
            (":1: serv: unknown key", 'serv = "nats://h"\n' + table),   # no abbreviations
            (":1: ring: unknown key", 'ring = "r"\n' + table),
            (":1: config: unknown key", 'config = "r"\n' + table),
            (":4: colour: unknown key", table + "colour = 1\n"),
            (":4: config: unknown key", table + 'config = "x"\n'),
            (":4: server: belongs before the tables", table + 'server = "nats://h"\n'),
            (":4: slots: only for [[subscribe]]", table + "slots = 4\n"),
            (":1: mode: not a text", "mode = 0o660\n" + table),
            (":1: --mode=888: not an octal", 'mode = "888"\n' + table),
            (":1: --mode=0: not an octal", 'mode = "0"\n' + table),
            (":1: --mode=1777: not an octal", 'mode = "1777"\n' + table),
            (":2: replicas: only for [[publish]]", "[[subscribe]]\nreplicas = 3\n"),
            (":1: window: not a number", 'window = "5"\n' + table),
            (":1: window: not a number", "window = true\n" + table),
            (":1: json: not true or false", 'json = "yes"\n' + table),
            (":1: server: not a text", "server = 5\n" + table),
            (":1: server: not text, a number", 'server = ["nats://h"]\n' + table),
            (":1: --window=0: not a whole number", "window = 0\n" + table),
            (":1: --window=1.500000: not a whole number", "window = 1.5\n" + table),
            (":1: --status=0.000000: not a number", "status = 0.0\n" + table),
            (":1: --host=x: not one of", 'host = "x"\n' + table),
            (":1: --server: a URL with a password", 'server = "nats://a:b@h"\n' + table),
            (":2: ring: not a text", "[[publish]]\nring = 1\n"),
            (":1: [[publish]] needs ring and stream", '[[publish]]\nring = "r"\n'),
            (":1: a.b: a stream's name has 1 to 255", '[[publish]]\nring = "r"\nstream = "a.b"\n'),
            (":4: ring r and stream s have a table before", table + table),
            (":4: stream s: another ring has it", table + table.replace('"r"', '"q"')),
            (":4: stream s-y: another ring has it", route("publish", "x-*", "s-*") +
             route("publish", "y", "s-y")),
            (":4: stream s-*: another ring has it", route("publish", "y", "s-y") +
             route("publish", "x-*", "s-*")),
            (":4: stream s-*: another ring has it", route("publish", "x-*", "s-*") +
             route("publish", "y-*", "s-*")),
            (":4: ring r and stream s: a table before has the other direction",
             table + route("subscribe", "r", "s")),
            (":4: ring x-* and stream *: a table before has the other direction",
             route("publish", "*", "y-*") + route("subscribe", "x-*", "*")),
            (":1: ring a-x and stream s-x: a table before has the other direction",
             route("subscribe", "a-x", "s-x") + route("publish", "a-*", "s-*")),
            (":1: the name of the ring is empty", table.replace('"r"', '""')),
            (":1: publsh: unknown table", table.replace("publish", "publsh")),
            (":1: publsh: unknown table", "[publsh]\n"),
            (":1: --metrics=99999: not [HOST:]PORT", "metrics = 99999\n" + table),
            (":1: --metrics=x: not [HOST:]PORT", 'metrics = "x"\n' + table),
            (":1: --server: a port is a number", 'server = "nats://h:70000"\n' + table),
            ("cannot redefine", table + 'ring = "r"\n'),
            (":4: ", table + "ring r\n"),
            (":1: publish: write [[publish]]", "[publish]\n"),
            (": no [[publish]] and no [[subscribe]]", "window = 5\n")):
        wrong(words, text)


def test_routes_that_do_not_disturb_each_other_are_accepted():
    for routes in ((("publish", "cam-a", "cam-a"), ("publish", "cam-*", "cam-*")),
                   (("publish", "cam-*", "cam-*"), ("publish", "cam-a", "cam-a")),
                   (("publish", "a-*", "s1-*"), ("subscribe", "a-y", "s1-x")),
                   (("publish", "a-*", "s1-*"), ("subscribe", "a-*", "s2-*")),
                   (("subscribe", "b", "s"), ("subscribe", "c", "s")),
                   (("publish", "a", "s"), ("subscribe", "b", "s"))):
        with World() as w:
            text = "".join(route(direction, f"{w.name}.{ring}", stream)
                           for direction, ring, stream in routes)
            with file(text) as path:
                w.halves.append(Half(w, "run", "--config", path, "--state", w.folder))
                time.sleep(0.2)     # in which it would end
                assert w.halves[0].end(signal.SIGTERM)[0] == 0, w.halves[0].said()


def test_run_needs_a_file_that_can_be_read():
    refused("run needs --config=FILE", "run")
    refused("none: No such file", "run", "--config", "/none")
    refused("Is a directory", "run", "--config", "/")
    refused("--config is for run only", "publish", "a", "b", "--config", "/none")
    refused("give publish RING STREAM", "run", "a", "--config", "/none")
