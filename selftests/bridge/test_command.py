# SPDX-License-Identifier: GPL-2.0
"""The command line, the output, and the demo."""
import os
import subprocess
import tempfile

from world import BRIDGE, FRAGILE, PATIENCE, World, until


def refused(words, *arguments):
    run = subprocess.run([BRIDGE, *arguments], capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode in (1, 2) and words in run.stderr, (run.returncode, run.stderr)
    return run


def test_wrong_use_fails_with_the_reason():
    refused("give publish RING STREAM", "publish", "ring")
    refused("give publish RING STREAM")
    refused("too many arguments", "publish", "a", "b", "c")
    for name in "a.b", "a b", 'a"b', "", "ä", "a" * 256:
        refused("a stream's name has 1 to 255 characters", "publish", "ring", name)
    refused("--slots is for subscribe only", "publish", "--slots=3", "a", "b")
    refused("--retain is for publish only", "subscribe", "--retain=3", "a", "b")
    for port in "0", "65536", "x", "", "-1":
        refused("a port is a number", "publish", "--server=nats://h:" + port, "a", "b")
        refused("not [HOST:]PORT", "publish", "--metrics=h:" + port, "a", "b")
    refused("not a whole number from 1 to 1024", "publish", "--window=1025", "a", "b")
    refused("not a whole number", "publish", "--window-bytes=-1", "a", "b")
    refused("not a whole number from 1 to 5", "publish", "--replicas=6", "a", "b")
    for subject in "", "a.*.*", "a.>", "a b", ".a", "a.", "a..b":
        refused("not words with dots", "publish", "--subject=" + subject, "a", "b")
    refused("has a *, but a has none", "publish", "--subject=a.*", "a", "b")
    refused("has a *, but a has none", "publish", "a", "b*")
    refused("has a *, but b has none", "subscribe", "b", "a*")
    refused("one * at most", "publish", "a**", "b*")
    refused("a folder's name has no *", "publish", "/dev/*/a", "b*")
    refused("give these a *", "publish", "a*", "b")
    refused("give these a *", "publish", "--subject=a", "a*", "b*")
    for name in "", "a.b", "a" * 65:
        refused("not 1 to 64 characters", "subscribe", "--share=" + name, "a", "b")
    refused("not new or old", "publish", "--discard=none", "a", "b")
    refused("not a number of seconds", "publish", "--status=nan", "a", "b")
    refused("there is no ring of that name", "publish", "no-such-ring-of-this-test", "s")
    with World() as w:
        refused("other processes may write to this ring", "subscribe", "s", w.here.name,
                "--state", w.folder)
        refused("No such file", "subscribe", "s", w.there.name, "--state", w.folder + "/none")
        w.subscribe()
        until(lambda: w.there.stats().writers, "the bridge does not attach")
        refused("another ringbuf-bridge uses it", "subscribe", "s", w.there.name,
                "--state", w.folder)


def test_demo_ends_though_its_server_does_not_start():
    with tempfile.TemporaryDirectory() as folder:
        server = os.path.join(folder, "nats-server")
        with open(server, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\nexec /bin/sleep 1000\n")
        os.chmod(server, 0o755)
        run = subprocess.run([BRIDGE, "demo"], capture_output=True, text=True, timeout=PATIENCE,
                             env=dict(os.environ, PATH=folder))
        assert run.returncode == 1, run


def test_demo_ends_when_one_of_its_processes_dies():
    for step in "send:1:0", "release:3:0", "commit:9:0":
        run = subprocess.run([FRAGILE, "demo"], capture_output=True, text=True, timeout=PATIENCE,
                             env=dict(os.environ, RINGBUF_FRAGILE=step))
        assert run.returncode == 1 and " of 20000 messages" in run.stdout, run


def test_demo_succeeds():
    run = subprocess.run([BRIDGE, "demo"], capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 0 and "20000 of 20000 messages" in run.stdout, run
