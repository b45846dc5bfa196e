# SPDX-License-Identifier: GPL-2.0
"""Several slots in one message of the stream."""
import signal
import struct

import ringbuffer
from world import PATIENCE, World, check_all, ended, until, until_read, write

UUID = "00000000-0000-4000-8000-%012d"      # of rings that are elsewhere


def batch(*slots):
    """The payload of a batch, of (position, flags, data)."""
    return b"".join(struct.pack("<QQII", position, 0, flags, len(data)) + data
                    for position, flags, data in slots)


def put(w, position, slots, data, ring=1, **headers):
    # The server ignores an id that it has seen.
    w.server.put(data, Nats_Msg_Id=f"{UUID % ring}:{position}", Ringbuf_Slots=slots, **headers)


def test_slots_that_are_there_together_go_in_one_message():
    count = 1000
    with World(slots=count, slot_bytes=128) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(), w.subscribe()
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        publish.kill()
        write(w.here, count, 128)
        publish.start()
        check_all(reader, count, 128)
        for half in publish, subscribe:
            status, report = half.end()
            assert (status, report["messages"], report["lost"]) == (0, count, 0), report
        # 64 slots at a time, and the end.
        assert w.server.stored() == count // 64 + 2


def test_batch_comes_whole_or_is_left_out():
    with World(there=100) as w:
        w.server.start()
        w.server.make_stream()
        reader = w.there.reader(ringbuffer.OLDEST)
        good = batch((3, 7, b"3"), (5, 0, b""), (6, 1, b"x" * 101), (9, 2**32 - 1, b"9" * 100))
        wrong = (
            (10, 4, good), (9, 3, good), (9, 5, good), (9, 4, good[:-1]), (9, 4, good + b"x"),
            (9, 0, good), (9, 2, b""), (9, 2, good[:24]),
            (2, 2, batch((2, 0, b"x"), (2, 0, b"x"))), (2, 2, batch((3, 0, b"x"), (2, 0, b"x"))),
            (9, 2, batch((1, 0, b"x")) + struct.pack("<QQII", 9, 0, 0, 2**32 - 1)))
        for ring, (position, slots, data) in enumerate(wrong, 10):
            put(w, position, slots, data, ring)
        put(w, "9.0.60", 4, good, 2, Ringbuf_Parts=2, Ringbuf_Bytes=len(good))
        put(w, 9, 4, good, 3, Ringbuf_End="done")
        put(w, 9, 4, good)
        put(w, 12, 3, batch((8, 0, b"8"), (9, 0, b"9"), (12, 12, b"12")))   # 8 and 9 come again
        w.server.put(b"", Nats_Msg_Id=UUID % 1 + ":end.13", Ringbuf_End="done")
        subscribe = w.subscribe("--drop-long")
        for flags, data in (7, b"3"), (0, b""), (2**32 - 1, b"9" * 100), (12, b"12"):
            slot = reader.peek(timeout=PATIENCE)
            assert (slot.flags, bytes(slot)) == (flags, data)
            slot.release()
        status, report = subscribe.end()
        assert ended(reader) and (status, report["messages"], report["lost"], report["repeated"]) \
            == (0, 4, 1, 2), report
        assert subscribe.said().count("is left out") == len(wrong) + 2, subscribe.said()


def test_subscriber_that_dies_inside_a_batch_continues_there_in_another_ring():
    with World() as w:
        w.server.start()
        w.server.make_stream()
        put(w, 8, 9, batch(*((n, 0, b"%d" % n) for n in range(9))))
        subscribe = w.subscribe()
        reader = w.there.reader(ringbuffer.OLDEST)
        for number in range(9):
            until_read(reader, b"%d" % number)
        assert subscribe.end(signal.SIGTERM)[0] == 0
        put(w, 17, 9, batch(*((n, 0, b"%d" % n) for n in range(9, 18))))
        # Three commits, then five, and the last one.
        for first, last in (9, 12), (12, 17), (17, 18):
            reader.close()
            w.there.close()
            w.there = ringbuffer.Ring.create(4096, 64, name=w.name + ".there", exclusive=True)
            reader = w.there.reader(ringbuffer.OLDEST)
            if last < 18:
                subscribe.die(1, f"commit:{last - first + 1}:0", restart=False)
            else:
                w.server.put(b"", Nats_Msg_Id=UUID % 1 + ":end.18", Ringbuf_End="done")
                subscribe.start()
                assert subscribe.end()[0] == 0
            for number in range(first, last):
                until_read(reader, b"%d" % number)
            try:
                reader.peek(timeout=0)
                raise AssertionError("a message came again")
            except (ringbuffer.ReadTimeoutError, ringbuffer.WriterFinishedError):
                pass


def test_batch_is_not_taken_for_a_shorter_one_that_the_server_knows():
    with World(slots=128) as w:
        w.server.start()
        w.server.make_stream()
        # The server knows slot 127 alone, and publish starts again because of the last message.
        w.server.put(b"x", Nats_Msg_Id=f"{w.here.uuid}:127")
        w.server.put(b"no message of a ring")
        w.server.kill()
        publish = w.publish()
        with w.here.writer() as writer:
            for _ in range(128):
                writer.write(b"x", timeout=PATIENCE)
        w.server.start()
        status, report = publish.end()
        # Two batches of 64, and the end.
        assert (status, report["lost"], w.server.stored()) == (0, 0, 5), report


def test_slots_that_are_sent_again_in_another_batch_come_all():
    """The server loses a slot that came, and gets it again with others, under the same number."""
    for options, dies in ([], True), ([], False), (["--share=work"], False):
        with World() as w:
            w.server.start()
            reader = w.there.reader(ringbuffer.OLDEST)
            publish, subscribe = w.publish(), None
            with w.here.writer() as writer:
                for number in range(2):
                    writer.write(b"%d" % number, timeout=PATIENCE)
                    until(lambda n=number: w.server.stored() == n + 1, "not all is stored")
                    subscribe = subscribe or w.subscribe(*options)
                    until_read(reader, b"%d" % number)
                    if number == 0:
                        w.server.save()
                until(lambda: not w.here.stats().readers[0].lag, "not all is released")
                if dies:
                    subscribe.kill()
                w.server.kill()
                for number in range(2, 6):
                    writer.write(b"%d" % number, timeout=PATIENCE)
                w.server.lose()
                if dies:
                    until(lambda: w.server.stored() == 2, "not all is stored")
                    subscribe.start()
                # What came before may come again only with --share, since the server forgot it.
                if options:
                    until_read(reader, b"1")
                for number in range(2, 6):
                    until_read(reader, b"%d" % number)
            for half in publish, subscribe:
                status, report = half.end()
                assert (status, report["lost"]) == (0, 0), report
            assert ended(reader)


def test_subscriber_that_dies_inside_a_batch_takes_another_one_of_its_number_whole():
    for another in False, True:
        with World(slot_bytes=100) as w:
            w.there.close()
            w.there = ringbuffer.Ring.create(100, 4, name=w.name + ".there", exclusive=True)
            w.server.start()
            w.server.make_stream()
            reader = w.there.reader(ringbuffer.OLDEST)
            put(w, 0, 1, b"0")
            w.server.save()
            put(w, 8, 8, batch(*((n, 0, b"%d" % n) for n in range(1, 9))))
            subscribe = w.subscribe()
            until_read(reader, b"0")
            until(lambda: w.there.stats().head == 5, "the ring is not full")
            subscribe.kill()
            w.server.lose()
            put(w, 27, 8, batch(*((n, 0, b"%d" % n) for n in range(20, 28))), 2)
            w.server.put(b"", Nats_Msg_Id=UUID % 2 + ":end.28", Ringbuf_End="done")
            if another:
                reader.close()
                w.there.close()
                w.there = ringbuffer.Ring.create(100, 64, name=w.name + ".there", exclusive=True)
                reader = w.there.reader(ringbuffer.OLDEST)
            subscribe.start()
            for number in (*(() if another else range(1, 5)), *range(20, 28)):
                until_read(reader, b"%d" % number)
            status, report = subscribe.end()
            assert (status, report["lost"], report["repeated"]) == (0, 0, 0), report
