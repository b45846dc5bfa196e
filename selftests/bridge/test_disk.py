# SPDX-License-Identifier: GPL-2.0
"""The disk of the server is full."""
import os

import ringbuffer
from spaces import Space
from world import Server, Task, World, check_all, until, write

COUNT = 2000        # messages: 3.4 MB
MOST = 4096


class SmallDisk(Server):
    """A server whose files are on a small disk of its own."""

    def __init__(self, folder, conf=""):
        self.files = os.path.join(folder, "jetstream")
        os.mkdir(self.files)
        space = Space("mount")
        space.run(f"mount -t tmpfs -o size=1m none {self.files}")
        # With this limit the server does not look how large the disk is.
        super().__init__(folder, conf + f"jetstream {{ store_dir: '{folder}', max_file: 1G }}\n",
                         space=space)

    def grow(self):
        self.space.run(f"mount -o remount,size=64m {self.files}")

    def close(self):
        super().close()
        self.space.close()


def test_full_disk_lets_writers_wait_and_loses_nothing():
    with World(slots=16, slot_bytes=MOST, server=SmallDisk) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(), w.subscribe()

        def pause(number):
            # A server whose disk is full would not let the subscriber begin.
            if number == 1:
                until(lambda: reader.position, "nothing comes")
        writing = Task(write, w.here, COUNT, MOST, pause)
        checking = Task(check_all, reader, COUNT, MOST)
        until(lambda: reader.position > 1, "nothing comes")
        before = publish.said().count("cannot use the stream")
        # nats-server 2.9.10 says nothing, and does not answer for this stream until it is restarted.
        until(lambda: publish.said().count("cannot use the stream") > before,
              "the server has room for all")
        assert writing.is_alive() and w.here.stats().readers[0].lag == 16
        w.server.grow()
        w.server.kill()
        w.server.start()
        writing.finish()
        checking.finish()
        for half in publish, subscribe:
            status, report = half.end()
            assert (status, report["lost"]) == (0, 0), report
