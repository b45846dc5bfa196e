# SPDX-License-Identifier: GPL-2.0
"""What the subscribing half makes of streams that are not as it would have left them."""
import os
import signal
import time

import ringbuffer
from world import ALONE, PATIENCE, Half, World, ended, read_numbers, until, until_read, write_one


def store(server, uuid, numbers, offset=0):
    """Store messages as a bridge does, those numbers of a ring with this UUID."""
    for number in numbers:
        server.put(b"%d" % number, Nats_Msg_Id=f"{uuid}:{number + offset}")


OTHER = "00000000-0000-4000-8000-00000000000%d"     # UUIDs of rings that are elsewhere


def test_subscriber_starts_again_with_a_stream_that_was_made_again():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        w.server.make_stream()
        store(w.server, OTHER % 1, range(20))
        subscribe = w.subscribe()
        read_numbers(reader, 20)
        for ring, restart in ((2, True), (3, False)):
            if restart:
                subscribe.kill()
            else:
                w.server.kill()
                w.server.start()
            w.server.ask("STREAM.DELETE.s")
            w.server.make_stream()
            store(w.server, OTHER % ring, range(21 if restart else 5))
            if restart:
                subscribe.start()
                read_numbers(reader, 21)
            else:
                read_numbers(reader, 5)
        assert subscribe.said().count("is another one than before") == 2
        for ring, count in (3, 5), (4, 2):
            # The end of a stream that is made again after its end is an end, too.
            w.server.put(b"", Nats_Msg_Id=OTHER % ring + f":end.{count}", Ringbuf_End="done")
            status, report = subscribe.end()
            assert (status, report["lost"]) == (0, 0) and ended(reader), report
            if ring == 3:
                w.server.ask("STREAM.DELETE.s")
                w.server.make_stream()
                store(w.server, OTHER % 4, range(2))
                subscribe.start()
                read_numbers(reader, 2)


def test_subscriber_goes_back_with_a_stream_that_has_lost_its_last_messages():
    for count in 3, 10:         # fewer messages than there were, or more
        with World() as w:
            w.server.start()
            reader = w.there.reader(ringbuffer.OLDEST)
            w.server.make_stream()
            store(w.server, OTHER % 1, range(5))
            w.server.save()
            subscribe = w.subscribe()
            store(w.server, OTHER % 1, range(5, 10))
            read_numbers(reader, 10)
            w.server.lose()
            subscribe.kill()
            store(w.server, OTHER % 2, range(count))
            subscribe.start()
            read_numbers(reader, count)
            w.server.put(b"", Nats_Msg_Id=OTHER % 2 + f":end.{count}", Ringbuf_End="done")
            status, report = subscribe.end()
            assert (status, report["lost"], report["messages"]) == (0, 0, count), report
            assert ended(reader)


def test_subscriber_that_went_back_does_not_end_at_an_old_end():
    """What was lost, and came before, comes again and is left out; then another ring follows."""
    with World() as w:
        w.server.start()
        w.server.make_stream()
        reader = w.there.reader(ringbuffer.OLDEST)
        store(w.server, OTHER % 1, range(2))
        w.server.save()
        store(w.server, OTHER % 1, range(2, 5))
        subscribe = w.subscribe()
        read_numbers(reader, 5)
        subscribe.kill()
        w.server.lose()
        store(w.server, OTHER % 1, range(2, 5))
        w.server.put(b"", Nats_Msg_Id=OTHER % 1 + ":end.5", Ringbuf_End="done")
        subscribe.start()
        status, report = subscribe.end()
        assert (status, report["messages"], report["repeated"]) == (0, 0, 3), report
        store(w.server, OTHER % 2, range(5, 7), -5)
        for number in range(5, 7):
            subscribe.start()
            until_read(reader, b"%d" % number)
            subscribe.kill()
        w.server.put(b"", Nats_Msg_Id=OTHER % 2 + ":end.2", Ringbuf_End="done")
        subscribe.start()
        assert subscribe.end()[0] == 0 and ended(reader)
        assert subscribe.said().count("does not have the messages") == 1, subscribe.said()


def test_subscriber_with_another_ring_repeats_nothing_that_a_server_lost():
    """The ring is another one, as after a reboot, so it does not tell what came last."""
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        w.server.make_stream()
        store(w.server, OTHER % 1, range(5))
        w.server.save()
        subscribe = w.subscribe()
        store(w.server, OTHER % 1, range(5, 10))
        read_numbers(reader, 10)
        subscribe.kill()
        reader.close()
        w.there.close()
        w.there = ringbuffer.Ring.create(4096, 64, name=w.name + ".there", exclusive=True)
        w.server.lose()
        # The publisher sends again what the server has lost.
        store(w.server, OTHER % 1, range(5, 12))
        reader = w.there.reader(ringbuffer.OLDEST)
        subscribe.start()
        for number in 10, 11:
            until_read(reader, b"%d" % number)
        w.server.put(b"", Nats_Msg_Id=OTHER % 1 + ":end.12", Ringbuf_End="done")
        status, report = subscribe.end()
        assert (status, report["lost"], report["messages"]) == (0, 0, 2), report
        assert ended(reader)


def test_subscriber_notices_that_the_stream_was_deleted():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        w.server.make_stream()
        store(w.server, OTHER % 1, range(20))
        subscribe = w.subscribe()
        read_numbers(reader, 20)
        w.server.ask("STREAM.DELETE.s")
        until(lambda: "cannot read the stream" in subscribe.said(), "no complaint")
        w.server.make_stream()
        store(w.server, OTHER % 2, range(5))
        read_numbers(reader, 5)


def test_second_ring_of_a_stream_follows_the_first_one():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        subscribe = w.subscribe()
        for ring in 1, 2:
            w.server.make_stream("UPDATE" if ring == 2 else "CREATE")
            store(w.server, OTHER % ring, range(10))
            w.server.put(b"", Nats_Msg_Id=OTHER % ring + ":end.10", Ringbuf_End="done")
            read_numbers(reader, 10)
            status, report = subscribe.end()
            assert (status, report["lost"]) == (0, 0) and ended(reader), report
            subscribe.start()


def test_each_message_that_is_left_out_or_dropped_is_counted_once():
    most = 4000
    with World(there=most) as w:
        w.server.start()
        w.server.make_stream()
        reader = w.there.reader(ringbuffer.OLDEST)
        name = OTHER % 1 + ":%d"

        def part(position, number, parts, data, size=2400, length=4000):
            w.server.put(data, Nats_Msg_Id=name % position + f".{number}.{size}",
                         Ringbuf_Parts=parts, Ringbuf_Bytes=length)
        w.server.put(b"garbage")
        w.server.put(b"garbage", Nats_Msg_Id="x" * 36 + ":18446744073709551616")
        w.server.put(b"garbage", Nats_Msg_Id=name % 0 + ".4294967296.1")
        w.server.put(b"garbage", Nats_Msg_Id=name % 0, Ringbuf_Parts="0")
        w.server.put(b"garbage", Nats_Msg_Id=name % 0 + ".1.1", Ringbuf_Parts="1")
        for number in range(3):         # longer than a slot
            part(1, number, 3, b"x" * 2400, length=7200)
        for number in 1, 2:             # the first part is missing
            part(2, number, 3, b"x" * 1200, size=1600)
        part(3, 0, 2, b"x" * 4001)       # more than its headers tell
        part(4, 0, 2, b"x" * 2400)        # less than its headers tell
        part(4, 1, 2, b"x" * 1599)
        part(5, 0, 2, b"x" * 2400)        # no second part
        w.server.put(b"y", Nats_Msg_Id=name % 6, Ringbuf_Lost=6)      # message 5 is one of these
        part(7, 0, 2, b"x" * 2400)        # begun again with parts of another size: not lost
        part(7, 0, 2, b"x" * 2800, size=2800)
        part(7, 1, 2, b"x" * 1200, size=2800)
        part(8, 0, 4, b"x" * 1000, size=1000)   # smaller parts than a bridge makes
        part(9, 0, 2, b"x" * 2400)      # an end in the middle, after another connection
        subscribe = w.subscribe("--status=0.05", "--drop-long")
        until_read(reader, b"y")
        until_read(reader, b"x" * 4000)
        w.server.kill()
        w.server.start()
        w.server.put(b"", Nats_Msg_Id=name % 10 + "", Ringbuf_End="done")
        w.server.put(b"", Nats_Msg_Id=OTHER % 1 + ":end.10", Ringbuf_End="done")
        status, report = subscribe.end()
        assert (status, report["messages"], report["lost"]) == (0, 2, 5 + 7), report
        assert subscribe.said().count("is left out") == 6 and ended(reader), subscribe.said()


def test_message_that_is_longer_than_a_slot_waits_for_a_longer_one():
    data = b"x" * 101, b"y" * 50
    for options, service in ([], []), ([], ["--service"]), (["--share=work"], []):
        for batched in False, True:
            with World(there=100) as w:
                w.server.start()
                publish = w.publish(*([] if batched else [ALONE]))
                until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
                publish.kill()
                write_one(w.here, data[1])
                with w.here.writer() as writer:
                    for one in data:
                        writer.write(one, timeout=PATIENCE)
                publish.start()
                assert publish.end()[0] == 0
                reader = w.there.reader(ringbuffer.OLDEST)
                subscribe = w.subscribe(*options, *service)
                if not batched:
                    until_read(reader, data[1])
                if not service:
                    assert subscribe.end()[0] == 1
                until(lambda: "has 101 bytes, a slot of the ring 100" in subscribe.said(),
                      "no complaint")
                assert subscribe.said().count("has 101 bytes") == 1, subscribe.said()
                reader.close()
                w.there.close()
                if service:
                    # The bridge makes a ring itself, with longer slots.
                    ringbuffer.Ring.unlink(w.name + ".there")
                    until(lambda: os.path.exists(f"/dev/shm/ringbuf.{w.name}.there"), "no ring")
                    w.there = ringbuffer.Ring.open(w.name + ".there")
                else:
                    w.there = ringbuffer.Ring.create(101, 64, name=w.name + ".there",
                                                     exclusive=True)
                    subscribe.start()
                reader = w.there.reader(ringbuffer.OLDEST)
                for one in (data[1], *data) if batched else data:
                    until_read(reader, one)
                status, report = subscribe.end(signal.SIGTERM if service else None)
                assert (status, report["lost"]) == (0, 0), report


def test_message_that_is_too_long_counts_nothing_each_time_it_is_tried():
    with World(there=100) as w:
        w.server.start()
        w.server.make_stream()
        for number in range(4):
            store(w.server, OTHER % 1, [number])
        for number in 1, 2:
            w.server.ask("STREAM.MSG.DELETE.s", seq=number)
        w.server.put(b"x" * 101, Nats_Msg_Id=OTHER % 1 + ":9", Ringbuf_Lost=5)
        subscribe = w.subscribe("--service")
        until(lambda: "has 101 bytes" in subscribe.said(), "no complaint")
        time.sleep(1)       # in which it tries several times
        status, report = subscribe.end(signal.SIGTERM)
        assert (status, report["messages"], report["lost"]) == (0, 2, 2), report
        status, report = subscribe_dropping(w)
        assert (status, report["messages"], report["lost"]) == (0, 0, 6), report


def subscribe_dropping(w):
    w.server.put(b"", Nats_Msg_Id=OTHER % 1 + ":end.10", Ringbuf_End="done")
    return w.subscribe("--drop-long").end()


def passed_is_replaced(what, options=()):
    """Let the server replace messages behind one that was passed and did not come into the ring."""
    with World(there=100) as w:
        w.server.start()
        w.server.make_stream()
        reader = w.there.reader(ringbuffer.OLDEST)
        store(w.server, OTHER % 1, range(3))
        w.server.save()
        subscribe = w.subscribe(*options)
        read_numbers(reader, 3)
        if what == "end":
            w.server.put(b"", Nats_Msg_Id=OTHER % 1 + ":end.3", Ringbuf_End="done")
            assert subscribe.end()[0] == 0
        elif what == "foreign":
            w.server.put(b"x")
            until(lambda: "left out" in subscribe.said(), "no complaint")
        elif what == "long":
            w.server.put(b"x" * 101, Nats_Msg_Id=OTHER % 1 + ":3")
            until(lambda: "1 lost" in subscribe.said(), "no complaint")
        else:
            store(w.server, OTHER % 1, range(3, 4))
            until_read(reader, b"3")
        subscribe.kill()
        if what == "ring":
            reader.close()
            w.there.close()
            w.there = ringbuffer.Ring.create(100, 64, name=w.name + ".there", exclusive=True)
            reader = w.there.reader(ringbuffer.OLDEST)
        w.server.lose()
        store(w.server, OTHER % 2, range(4), 10)
        subscribe.start()
        for number in range(4):
            until_read(reader, b"%d" % number)
        w.server.put(b"", Nats_Msg_Id=OTHER % 2 + ":end.14", Ringbuf_End="done")
        status, report = subscribe.end()
        assert (status, report["messages"], report["lost"]) == (0, 4, 0), report


def test_subscriber_notices_another_message_in_place_of_one_that_it_passed():
    passed_is_replaced("end")
    passed_is_replaced("foreign")
    passed_is_replaced("long", ["--drop-long"])


def test_subscriber_with_another_ring_notices_another_message():
    passed_is_replaced("ring")


def test_messages_of_rings_in_turns_do_not_come_again():
    with World() as w:
        w.server.start()
        w.server.make_stream(duplicate_window=100_000_000)
        reader = w.there.reader(ringbuffer.OLDEST)
        subscribe = w.subscribe()
        store(w.server, OTHER % 1, range(5))
        store(w.server, OTHER % 2, range(5, 9), -5)
        read_numbers(reader, 9)
        time.sleep(0.2)
        # Its publisher sends again all that the ring has, after that of another ring.
        store(w.server, OTHER % 1, range(5))
        subscribe.kill()
        subscribe.start()
        store(w.server, OTHER % 1, range(9, 12), -4)
        for number in range(9, 12):
            until_read(reader, b"%d" % number)
        w.server.put(b"", Nats_Msg_Id=OTHER % 1 + ":end.8", Ringbuf_End="done")
        status, report = subscribe.end()
        assert (status, report["lost"]) == (0, 0) and ended(reader), report


def test_subscriber_says_that_its_ring_has_lost_its_name():
    with World() as w:
        w.server.start()
        w.server.make_stream()
        reader = w.there.reader(ringbuffer.OLDEST)
        subscribe = w.subscribe()
        store(w.server, OTHER % 1, range(3))
        read_numbers(reader, 3)
        ringbuffer.Ring.unlink(w.there.name)
        until(lambda: "has lost its name" in subscribe.said(), "no complaint")
        store(w.server, OTHER % 1, range(3, 4))
        until_read(reader, b"3")
        assert subscribe.end(signal.SIGTERM)[0] == 0
        assert subscribe.said().count("has lost its name") == 1


def test_new_ring_waits_for_readers():
    with World() as w:
        w.server.start()
        w.server.make_stream()
        store(w.server, OTHER % 1, range(200))
        name = w.name + ".new"
        w.halves.append(Half(w, "subscribe", "s", name, "--state", w.folder, "--slots=64",
                             "--slot-bytes=64", "--wait-readers=1"))
        until(lambda: os.path.exists("/dev/shm/ringbuf." + name), "no ring")
        time.sleep(0.5)     # in which it would fill a ring that does not wait
        ring = ringbuffer.Ring.open(name)
        read_numbers(ring.reader(ringbuffer.OLDEST), 200)
        ring.close()


def test_messages_of_other_subjects_are_not_counted_as_lost():
    for subjects, lost in (["ringbuf.s", "other"], 0), (["ringbuf.s"], 2):
        with World() as w:
            w.server.start()
            w.server.make_stream(subjects=subjects)
            reader = w.there.reader(ringbuffer.OLDEST)
            for number in range(3):
                w.server.put(b"x", subjects[-1])
                store(w.server, OTHER % 1, [number])
            if lost:
                for number in 1, 3:
                    w.server.ask("STREAM.MSG.DELETE.s", seq=number)
            w.server.put(b"", Nats_Msg_Id=OTHER % 1 + ":end.3", Ringbuf_End="done")
            subscribe = w.subscribe()
            read_numbers(reader, 3)
            status, report = subscribe.end()
            assert (status, report["lost"]) == (0, lost), report


def test_messages_are_not_left_out_while_the_server_gives_no_headers():
    with World() as w:
        w.server.start()
        w.server.make_stream()
        store(w.server, OTHER % 1, range(5))
        reader = w.there.reader(ringbuffer.OLDEST)
        w.server.configure("no_header_support: true\n")
        w.server.restart()
        subscribe = w.subscribe()
        until(lambda: "the server gives no headers" in subscribe.said(), "no complaint")
        w.server.configure()
        w.server.restart()
        read_numbers(reader, 5)
        assert "left out" not in subscribe.said()
