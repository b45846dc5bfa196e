# SPDX-License-Identifier: GPL-2.0
"""How the publishing half continues with what it finds in the stream."""
import random
import signal
import time

import ringbuffer
from world import (ALONE, MAX_PAYLOAD, PATIENCE, Task, World, ended, read_numbers, restart, until,
                   until_read, write, write_one)


def test_publisher_continues_a_ring_whose_writers_ended_before():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(), w.subscribe()
        for end in range(1, 4):
            write_one(w.here, b"%d" % end)
            if end > 1:
                publish.start()
                subscribe.start()
            assert publish.end()[0] == 0, publish.said()
            until_read(reader, b"%d" % end)
            assert subscribe.end()[0] == 0 and ended(reader)
            publish.start()
            # The ring has the same end still: it is not sent twice.
            assert publish.end()[0] == 0 and w.server.stored() == 2 * end


def test_end_that_the_server_has_refused_is_sent_again():
    with World() as w:
        w.server.start()
        w.server.make_stream(max_msgs=1)
        w.server.put(b"no message of a ring")
        publish = w.publish()
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        w.here.writer().close()
        until(lambda: "the server refused a message" in publish.said() or publish.process.poll()
              is not None, "no complaint")
        w.server.make_stream("UPDATE", max_msgs=100)
        assert publish.end()[0] == 0
        assert w.server.stored() == 2


def loses_what_it_has_stored(behind, lost, retain=0, **options):
    """Let the server lose three messages; write that many behind them, and the end."""
    with World(**options) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish = w.publish(ALONE, *([f"--retain={retain}"] if retain else []))
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        with w.here.writer() as writer:
            for count in 3, 6:
                for number in range(count - 3, count):
                    writer.write(b"%d" % number, timeout=PATIENCE)
                until(lambda: w.server.stored() == count, "not all is stored")
                # The slots were given back, too.
                until(lambda: w.here.stats().readers[0].lag == retain, "not all is released")
                if count == 3:
                    w.server.save()
            w.server.kill()
            for number in range(6, 6 + behind):
                writer.write(b"%d" % number)
            w.server.lose()
        numbers = [n for n in range(6 + behind) if not 3 <= n < 3 + lost]
        status, report = publish.end()
        assert (status, report["lost"], w.server.stored()) == (0, lost, len(numbers) + 1), report
        status, report = w.subscribe().end()
        assert (status, report["messages"], report["lost"]) == (0, len(numbers), lost), report
        for number in numbers:
            until_read(reader, b"%d" % number)


def test_what_the_server_has_lost_is_sent_again():
    for behind in 0, 1:
        loses_what_it_has_stored(behind, 0)


def test_slots_that_are_retained_are_sent_again():
    loses_what_it_has_stored(0, 0, retain=3, slots=4)
    loses_what_it_has_stored(1, 0, retain=3, slots=4)
    loses_what_it_has_stored(2, 1, retain=2, slots=4)


def test_publisher_that_retains_slots_sends_nothing_twice():
    with World(slots=8) as w:
        w.server.start()
        # The server does not recognize by an id what it has.
        w.server.make_stream(duplicate_window=100_000_000)
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(ALONE, "--retain=7"), w.subscribe()
        with w.here.writer() as writer:
            for number in range(100):
                writer.write(b"%d" % number, timeout=PATIENCE)
                until_read(reader, b"%d" % number)
                if number % 30 == 10:
                    time.sleep(0.2)
                    restart(publish, [w.here])
                if number % 30 == 20:
                    time.sleep(0.2)
                    w.server.restart()
        for half in publish, subscribe:
            status, report = half.end()
            assert (status, report["lost"], report["repeated"]) == (0, 0, 0), report
        assert w.server.stored() == 101


def test_ring_full_of_retained_slots_and_holes_does_not_stop():
    for retain in 0, 3:
        with World(slots=4) as w:
            w.server.start()
            reader = w.there.reader(ringbuffer.OLDEST)
            w.publish(ALONE, f"--retain={retain}")
            w.subscribe()
            with w.here.writer() as writer:
                for number in range(10):
                    writer.write(b"%d" % number, timeout=PATIENCE)
                    until_read(reader, b"%d" % number)
                    for _ in range(number % 5):
                        writer.reserve(timeout=PATIENCE).discard()


def test_messages_that_the_stream_has_dropped_are_not_sent_again():
    for retain in 0, 3:
        for last in False, True:
            with World(slots=16) as w:
                w.server.start()
                w.server.make_stream(duplicate_window=100_000_000)
                publish = w.publish(ALONE, f"--retain={retain}")
                until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
                with w.here.writer() as writer:
                    for number in range(6):
                        writer.write(b"%d" % number, timeout=PATIENCE)
                    until(lambda: w.here.stats().readers[0].lag == retain, "not all is stored")
                    time.sleep(0.2)
                    if last:
                        w.server.ask("STREAM.MSG.DELETE.s", seq=6)
                    else:
                        w.server.ask("STREAM.PURGE.s")
                    w.server.restart()
                    writer.write(b"6", timeout=PATIENCE)
                status, report = publish.end()
                assert (status, report["lost"], report["messages"]) == (0, 0, 7), report
                assert w.server.stored() == (7 if last else 2)


def test_messages_whose_acknowledgment_was_lost_are_counted_once(kills, seed):
    rng = random.Random(seed)
    count = 50 * kills
    with World(slots=256, slot_bytes=40000) as w:
        w.server.start()
        publish = w.publish()
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        writing = Task(write, w.here, count, 40000)
        for _ in range(kills):
            time.sleep(0.1 + rng.random() * 0.2)
            w.server.restart()
        writing.finish()
        status, report = publish.end()
        assert (status, report["messages"], report["lost"]) == (0, count, 0), report


def test_slots_that_a_lossy_ring_loses_are_counted_though_the_server_is_away():
    with World(slots=8, policy=ringbuffer.Policy.LOSSY) as w:
        publish = w.publish(ALONE)
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        with w.here.writer() as writer:
            for _ in range(20):
                writer.write(b"x", timeout=0)
            status, report = publish.end(signal.SIGTERM)
        assert status == 0 and 12 <= report["lost"] < 20 and "are lost" in publish.said(), report


def test_lossy_ring_that_laps_a_publisher_that_has_sent_all_is_not_damaged():
    with World(slots=8, policy=ringbuffer.Policy.LOSSY) as w:
        w.server.start()
        publish = w.publish(ALONE)
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        with w.here.writer() as writer:
            for number in range(6):
                writer.write(b"x", timeout=0)
                until(lambda n=number: w.server.stored() == n + 1, "not all is stored")
            publish.process.send_signal(signal.SIGSTOP)
            for _ in range(20):
                writer.write(b"x", timeout=0)
            publish.process.send_signal(signal.SIGCONT)
        status, report = publish.end()
        assert status == 0 and report["messages"] + report["lost"] == 26 and report["lost"], report


def test_ring_that_has_too_few_slots_to_retain_is_refused():
    with World(slots=8) as w:
        w.server.start()
        publish = w.publish("--retain=8")
        assert publish.end()[0] == 1
        assert "it has 8 slots, so --retain must be less" in publish.said(), publish.said()
    with World(slots=64, policy=ringbuffer.Policy.EVICT, policy_lag=5) as w:
        w.server.start()
        publish = w.publish("--retain=5")
        assert publish.end()[0] == 1
        assert "allows readers to lag 5 slots" in publish.said(), publish.said()


def test_what_the_server_has_lost_is_counted_if_it_was_overwritten():
    loses_what_it_has_stored(4, 3, slots=4)


def test_what_the_server_has_lost_is_counted_if_no_other_reader_may_attach():
    for behind in 0, 1:
        loses_what_it_has_stored(behind, 3, max_readers=1)


def test_stream_that_the_server_has_lost_is_sent_again():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(ALONE), w.subscribe()
        with w.here.writer() as writer:
            for number in range(3):
                writer.write(b"%d" % number, timeout=PATIENCE)
            read_numbers(reader, 3)
            subscribe.kill()
            for number in range(3, 6):
                writer.write(b"%d" % number, timeout=PATIENCE)
            until(lambda: w.server.stored() == 6 and not w.here.stats().readers[0].lag,
                  "not all is stored")
            w.server.lose()
            subscribe.start()
            for number in range(3, 6):
                until_read(reader, b"%d" % number)
            assert w.server.stored() == 6
        assert publish.end()[0] == 0 and "the stream lacks the slots" in publish.said()
        status, report = subscribe.end()
        assert (status, report["lost"]) == (0, 0), report


def loses_after_a_restart(rest):
    """Start the publisher again, and let the server lose all but `rest` messages of six."""
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish = w.publish(ALONE)
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        with w.here.writer() as writer:
            for number in range(6):
                writer.write(b"%d" % number, timeout=PATIENCE)
                until(lambda n=number: w.server.stored() == n + 1, "not all is stored")
                if number + 1 == rest:
                    w.server.save()
            restart(publish, [w.here])
            # It knows what the stream has.
            until(lambda: not w.here.stats().readers[0].lag, "not all is released")
            if not rest:
                writer.write(b"6", timeout=PATIENCE)
                until(lambda: w.server.stored() == 7, "not all is stored")
            w.server.lose()
            if rest:
                writer.write(b"6", timeout=PATIENCE)
        w.subscribe()
        read_numbers(reader, 7)
        status, report = publish.end()
        assert (status, report["lost"]) == (0, 0), report


def test_what_the_server_has_lost_after_a_restart_is_sent_again():
    loses_after_a_restart(3)


def test_stream_that_the_server_has_lost_after_a_restart_is_sent_again():
    loses_after_a_restart(0)


def test_what_is_lost_stays_counted_though_the_first_message_behind_is_refused():
    with World(slots=4) as w:
        w.server.start()
        publish = w.publish(ALONE)
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        with w.here.writer() as writer:
            for number in range(10):
                writer.write(b"%d" % number, timeout=PATIENCE)
            until(lambda: w.server.stored() == 10 and not w.here.stats().readers[0].lag,
                  "not all is stored")
            publish.process.send_signal(signal.SIGSTOP)
            w.server.lose()
            w.server.make_stream(max_bytes=10)
            publish.process.send_signal(signal.SIGCONT)
            until(lambda: "the server refused a message" in publish.said(), "no complaint")
            w.server.make_stream("UPDATE", max_bytes=-1)
            writer.write(b"10", timeout=PATIENCE)
        lost = publish.end()[1]["lost"]
        status, report = w.subscribe().end()
        assert lost and (status, report["lost"], report["messages"]) == (0, lost, 11 - lost), report


def test_publisher_believes_no_part_that_does_not_fit_its_slots():
    most = 3 * MAX_PAYLOAD
    size = MAX_PAYLOAD - 1024       # of the parts
    for part, parts, size in ((0, 4, size), (200, 300, 1000), (1, 4, MAX_PAYLOAD - 1), (1, 3, 1),
                              (2**32 - 3, 2**32 - 1, 2**64 - 1)):
        with World(slot_bytes=most) as w:
            w.server.start()
            w.server.make_stream()
            data = random.Random(part).randbytes(most)
            w.server.put(b"x" if part else data[:size], Nats_Msg_Id=f"{w.here.uuid}:0.{part}.{size}",
                         Ringbuf_Parts=parts, Ringbuf_Bytes=most)
            w.server.kill()
            reader = w.there.reader(ringbuffer.OLDEST)
            w.publish()
            subscribe = w.subscribe()
            write_one(w.here, data)
            w.server.start()
            until_read(reader, data)
            assert subscribe.end()[0] == 0
            # All parts are sent again but one that fits, and the end.
            assert w.server.stored() == (5 if part == 0 else 6)


def test_publisher_releases_no_slot_for_a_position_that_the_ring_does_not_have():
    for name in "{}:1000", "{}:18446744073709551615", "{}:end.18446744073709551615", "{}:end.9":
        with World() as w:
            w.server.start()
            w.server.make_stream()
            end = {"Ringbuf_End": "done"} if "end" in name else {}
            w.server.put(b"x", Nats_Msg_Id=name.format(w.here.uuid), **end)
            publish = w.publish(ALONE)
            until(lambda: "claims position" in publish.said(), "no complaint")
            write(w.here, 8, 100)
            status, report = publish.end()
            assert (status, report["messages"], report["lost"]) == (0, 8, 0), report
            assert w.server.stored() == 10


def test_publisher_continues_behind_a_message_of_another_program():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(ALONE), w.subscribe()
        with w.here.writer() as writer:
            for number in range(10):
                writer.write(b"%d" % number, timeout=PATIENCE)
                if number % 3 == 0:
                    until(lambda count=number: (w.server.stored() or 0) > count, "nothing comes")
                    publish.kill()
                    w.server.put(b"x")
                    publish.start()
        read_numbers(reader, 10)
        for half in publish, subscribe:
            status, report = half.end()
            assert (status, report["lost"]) == (0, 0), report


def test_publisher_sends_nothing_again_that_the_stream_has():
    with World(slots=1000) as w:
        w.server.start()
        w.server.make_stream(duplicate_window=100_000_000)
        reader = w.there.reader(ringbuffer.OLDEST)
        publish = w.publish()
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        with w.here.writer() as writer:
            for number in range(500):
                writer.write(b"%d" % number, timeout=PATIENCE)
            until(lambda: not w.here.stats().readers[0].lag, "not all is stored")
            stored = w.server.stored()
            publish.kill()
            # The server does not recognize by an id any more what it has.
            time.sleep(0.3)
            publish.start()
            until(lambda: w.here.stats().readers, "the bridge does not attach")
            writer.write(b"500", timeout=PATIENCE)
        assert publish.end()[0] == 0
        assert w.server.stored() == stored + 2
        w.subscribe()
        for number in range(501):
            until_read(reader, b"%d" % number)


def test_stream_that_the_publisher_makes_has_limits():
    for discard in "new", "old":
        with World(slots=10, slot_bytes=1000) as w:
            w.server.start()
            publish = w.publish(ALONE, "--max-bytes=20000", "--max-age=1000", "--discard=" + discard)
            with w.here.writer() as writer:
                for number in range(100):
                    try:
                        writer.write(b"%d" % number * 300, timeout=PATIENCE if discard == "old" else 2)
                    except ringbuffer.WriteTimeoutError:
                        break
                else:
                    assert discard == "old", "a full stream does not hold the writer up"
            config = w.server.ask("STREAM.INFO.s")["config"]
            assert (config["max_bytes"], config["max_age"]) == (20000, 1000 * 10**9), config
            if discard == "new":
                until(lambda p=publish: "the server refused a message" in p.said(), "no complaint")
                continue
            assert publish.end()[0] == 0
            subscribe = w.subscribe()
            report = subscribe.end()[1]
            assert report["lost"] + report["messages"] == 100 and report["lost"], report
