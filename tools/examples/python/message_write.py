#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: message_write.py FILE - stdin in numbered messages, one write(2) each"""
import os
import struct
import sys

import ring


def main(name):
    writer = ring.Ring(name, ring.WRITER)
    if writer.slot_bytes <= 8:
        sys.exit(f"{name}: no room for a message")
    number = 0
    while data := os.read(0, writer.slot_bytes - 8):
        os.write(writer.fd, struct.pack("<Q", number) + data)
        number += 1


try:
    main(*sys.argv[1:])
except OSError as e:
    sys.exit(f"message_write: {e}")
