#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: stream_write.py [FILE] - stdin into the default ring"""
import os
import sys


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def main(name="/dev/ringbuf"):
    fd = os.open(name, os.O_WRONLY)
    while data := os.read(0, 65536):
        write_all(fd, data)
    os.close(fd)


try:
    main(*sys.argv[1:])
except OSError as e:
    sys.exit(f"stream_write: {e}")
