# SPDX-License-Identifier: GPL-2.0
"""A cluster of three servers, each in a network namespace, whose processes die and links are cut."""
import base64
import os
import random
import re
import threading
import time

import ringbuffer
from spaces import CUTS, Network, Space
from world import (PATIENCE, Half, Server, Skip, Task, World, check_all, ended, until, until_read,
                   write)

SERVERS = "node1", "node2", "node3"
HALVES = "publish", "subscribe"
MESSAGES = 300      # that are written for each trouble
MOST_TROUBLES = 2   # at a time


class Cluster:
    """Three servers: one network connects them, another one connects them and the bridge."""

    def __init__(self, folder, conf=""):
        self.spaces = {name: Space("net") for name in (*SERVERS, *HALVES)}
        peers = Network("peers", "10.77.1", {name: self.spaces[name] for name in SERVERS})
        clients = Network("clients", "10.77.2", self.spaces)
        self.networks = [peers, clients]
        routes = ", ".join(f"nats://{peers.address[name]}:6222" for name in SERVERS)
        self.servers = []
        for name in SERVERS:
            os.mkdir(os.path.join(folder, name))
            # The servers notice a link that drops all silently after three times ping_interval.
            self.servers.append(Server(os.path.join(folder, name), conf + f"""
server_name: {name}
ping_interval: "1s"
cluster {{ name: c, listen: {peers.address[name]}:6222, routes: [{routes}] }}
""", (clients.address[name], 4222), self.spaces[name]))
        self.url = ",".join(server.url for server in self.servers)

    def start(self):
        for server in self.servers:
            server.start()

    def close(self):
        for server in self.servers:
            server.close()
        for space in (*self.networks, *self.spaces.values()):
            space.close()


class Killed:
    """A process that is killed and started again."""

    def __init__(self, process):
        self.process = process

    def begin(self, rng):
        del rng
        self.process.kill()

    def end(self):
        self.process.start()


class Cut:
    """A link that is cut, in some way, and healed."""

    def __init__(self, network, name):
        self.network = network
        self.name = name
        self.how = None

    def begin(self, rng):
        self.how = rng.choice(sorted(CUTS))
        self.network.cut(self.name, self.how)

    def end(self):
        self.network.heal(self.name, self.how)


def last_stored(servers):
    """Position behind the last slot that the servers tell of, 0 if none of them tells."""
    for server in servers:
        try:
            answer = server.ask("STREAM.MSG.GET.s", last_by_subj="ringbuf.s")
        except (OSError, AssertionError):
            continue
        if "message" in answer:
            headers = base64.b64decode(answer["message"]["hdrs"]).decode()
            return int(re.search(r"Nats-Msg-Id: [^:]*:(?:end\.)?(\d+)", headers)[1]) + 1
    return 0


def wait_for(condition, servers, position):
    """Wait, and restart the servers once if they do not find together again by themselves.

    nats-server 2.9.10 can stay without a leader, or with an empty replica, though all of them run
    and all links are healed.  But if they have all up to `position`, the bridge is at fault.
    """
    try:
        until(condition, "")
        return
    except AssertionError:
        assert last_stored(servers) < position, "the servers have all, but it does not come"
        print("# nothing comes, though all is healed: all servers are restarted", flush=True)
    for server in servers:
        server.restart()
    until(condition, "not all comes, though all is healed and the servers were restarted",
          2 * PATIENCE)


def test_cluster_loses_and_repeats_nothing_by_kills_and_cuts(kills, seed):
    rng = random.Random(seed)
    count, most = MESSAGES * kills + 1, 100
    with World(slots=count, slot_bytes=128, server=Cluster) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        halves = [w.publish("--replicas=3"), w.subscribe()]
        possible = [Killed(process) for process in (*w.server.servers, *halves)]
        possible += [Cut(net, name) for net in w.server.networks for name in net.address]
        troubles = []
        go = threading.Semaphore(0)

        def pause(number):
            if number % MESSAGES == 0:
                go.acquire()
        writing = Task(write, w.here, count, most, pause)
        checking = Task(check_all, reader, count, most, 4 * PATIENCE)
        for number in range(kills):
            go.release()
            if len(troubles) == MOST_TROUBLES or (troubles and rng.random() < 0.5):
                troubles.pop(0).end()
            troubles.append(rng.choice([one for one in possible if one not in troubles]))
            troubles[-1].begin(rng)
            time.sleep(rng.random() * rng.choice((0.1, 1, 4)))
            # Without a trouble all comes, so that the next ones do not find the same state again.
            if number % 5 == 4 or number == kills - 1:
                while troubles:
                    troubles.pop(0).end()
                position = MESSAGES * (number + 1)
                wait_for(lambda: reader.position >= position or checking.error, w.server.servers,
                         position)
        info = w.server.servers[0].ask("STREAM.INFO.s")
        assert info["config"]["num_replicas"] == 3, info
        go.release()
        writing.finish(4 * PATIENCE)
        checking.finish(4 * PATIENCE)
        for half in halves:
            status, report = half.end()
            assert (status, report["lost"]) == (0, 0), report
        # The ring has all of its messages until the end of the test.
        for line in halves[0].said().splitlines():
            if "the stream lacks" in line:
                print(f"# {line}")
        assert ended(w.there.reader(ringbuffer.HEAD))


def connected_to(half, network):
    """The servers that a process has connections to."""
    hosts = {address: name for name, address in network.address.items() if name in SERVERS}
    with open(f"/proc/{half.process.pid}/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f][1:]
    remote = [bytes.fromhex(row[2].split(":")[0])[::-1] for row in rows if row[3] == "01"]
    return {hosts[".".join(map(str, address))] for address in remote
            if ".".join(map(str, address)) in hosts}


def leaves_a_server_that_is_cut_off(which, kills):
    """Cut the server of one half off from the others, but not from the bridge."""
    if kills < 100:
        raise Skip("elections take minutes beside other tests; --kills 100 runs it")
    with World(server=Cluster) as w:
        w.server.start()
        peers, clients = w.server.networks
        rings = [ringbuffer.Ring.create(100, 64, name=f"{w.name}.in-{n}", wait_readers=1)
                 for n in "abc"]
        w.halves += [Half(w, "publish", w.name + ".in-*", "s-*", "--replicas=3"),
                     Half(w, "subscribe", "s-*", w.there.name, "--state", w.folder)]
        reader = w.there.reader(ringbuffer.OLDEST)
        writers = [ring.writer() for ring in rings]

        def passes(text):
            for writer in writers:
                writer.write(text, timeout=PATIENCE)
            for _ in writers:
                until_read(reader, text)
        passes(b"before")
        server = connected_to(w.halves[which], clients).pop()
        peers.cut(server, "silent")
        for number in range(5):
            passes(b"%d" % number)
        peers.heal(server, "silent")
        passes(b"after")
        for ring in rings:
            ring.close()


def test_publishers_of_many_rings_leave_a_server_that_is_cut_off(kills, seed):
    del seed
    leaves_a_server_that_is_cut_off(0, kills)


def test_subscribers_of_many_streams_leave_a_server_that_is_cut_off(kills, seed):
    del seed
    leaves_a_server_that_is_cut_off(1, kills)
