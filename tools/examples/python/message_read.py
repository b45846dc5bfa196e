#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: message_read.py FILE - numbered messages to stdout, one read(2) each"""
import os
import struct
import sys

import ring


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def main(name):
    reader = ring.Ring(name, ring.READER)
    wanted = 0
    while message := os.read(reader.fd, reader.slot_bytes):
        if message[:8] != struct.pack("<Q", wanted):
            sys.exit(f"{name}: message {wanted} is missing")
        write_all(1, message[8:])
        wanted += 1


try:
    main(*sys.argv[1:])
except OSError as e:
    sys.exit(f"message_read: {e}")
