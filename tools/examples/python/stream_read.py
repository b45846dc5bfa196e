#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: stream_read.py [FILE] - the default ring to stdout, until its writers are done"""
import os
import sys


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def main(name="/dev/ringbuf"):
    fd = os.open(name, os.O_RDONLY)
    while data := os.read(fd, 65536):
        write_all(1, data)


try:
    main(*sys.argv[1:])
except OSError as e:
    sys.exit(f"stream_read: {e}")
