# SPDX-License-Identifier: GPL-2.0
"""Namespaces, and a network between them that can be cut.

A process holds each namespace and dies with the test, even if the test is killed.  The namespaces,
and all in them, end with their last process.
"""
import ctypes
import os
import socket
import subprocess

from world import LIBC, Skip, child

CLONE_NEWNET = 0x40000000


def switch(namespace):
    """Move this thread to the network namespace that is open as `namespace`."""
    if LIBC.setns(namespace, ctypes.c_int(CLONE_NEWNET)):
        raise OSError("setns")


class Space:
    """A namespace of one kind: "net" or "mount"."""

    def __init__(self, kind):
        if os.geteuid():
            raise Skip("only root can make namespaces")
        self.process = child(["unshare", "--" + kind, "sh", "-c", "echo && exec sleep infinity"],
                             stdout=subprocess.PIPE)
        if not self.process.stdout.readline():
            self.close()
            raise Skip("unshare fails: no new namespaces here")
        file = {"net": "net", "mount": "mnt"}[kind]
        self.path = f"/proc/{self.process.pid}/ns/{file}"
        self.prefix = ["nsenter", f"--{kind}={self.path}"]      # of commands that run in it

    def run(self, command):
        """Run a command, which must succeed."""
        subprocess.run([*self.prefix, *command.split()], check=True)

    def connect(self, address):
        """A TCP connection from inside of this namespace, which must be one of networks."""
        with open("/proc/thread-self/ns/net", "rb") as old, open(self.path, "rb") as new:
            switch(new.fileno())
            try:
                return socket.create_connection(address, timeout=2)
            finally:
                switch(old.fileno())

    def close(self):
        self.process.kill()
        self.process.communicate()


class Network:
    """An Ethernet of namespaces, by their names: each has the address PREFIX.N, N from 1 on."""

    def __init__(self, name, prefix, spaces):
        self.hub = Space("net")     # in which the switch is
        self.name = name
        self.address = {}
        self.run("link add name switch type bridge")
        self.run("link set dev switch up")
        for number, (space, inside) in enumerate(spaces.items(), 1):
            self.address[space] = f"{prefix}.{number}"
            self.run(f"link add name {space} type veth peer name {name} netns {inside.process.pid}")
            self.run(f"link set dev {space} master switch up")
            inside.run("ip link set lo up")
            inside.run(f"ip address add {self.address[space]}/24 dev {name}")
            inside.run(f"ip link set dev {name} up")

    def run(self, words):
        self.hub.run("ip " + words)

    def cut(self, space, how):
        """Cut the link to one namespace, with this kind of a cut."""
        CUTS[how][0](self, space)

    def heal(self, space, how):
        CUTS[how][1](self, space)

    def close(self):
        self.hub.close()


# Each kind of a cut: how to make it, and how to heal it.
CUTS = {
    # Without a carrier: both ends can know.
    "down": (lambda net, space: net.run(f"link set dev {space} down"),
             lambda net, space: net.run(f"link set dev {space} up")),
    # All frames are dropped silently.
    "silent": (lambda net, space: net.run(f"link set dev {space} nomaster"),
               lambda net, space: net.run(f"link set dev {space} master switch")),
    # Frames to this namespace are dropped, those from it arrive.
    "deaf": (lambda net, space: net.hub.run(
                f"tc qdisc add dev {space} root tbf rate 8bit burst 1 limit 1"),
             lambda net, space: net.hub.run(f"tc qdisc del dev {space} root")),
}
