# SPDX-License-Identifier: GPL-2.0
"""--metrics: what Prometheus gets."""
import socket
import time
import urllib.error
import urllib.request

import ringbuffer
from prometheus_client.parser import text_string_to_metric_families
from test_command import refused
from test_config import BOTH, running
from world import PATIENCE, World, check_all, until, write


def free_port(family=socket.AF_INET, host="127.0.0.1"):
    with socket.socket(family) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def get(port, path="/metrics", host="127.0.0.1", **options):
    request = urllib.request.Request(f"http://{host}:{port}{path}", **options)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read().decode()


def scrape(port):
    """The samples: (name, direction) -> value; each has the labels ring and stream, too."""
    found = {}
    for family in text_string_to_metric_families(get(port)):
        assert family.documentation and family.type in ("counter", "gauge"), family
        assert family.type != "counter" or family.samples[0].name.endswith("_total"), family
        for sample in family.samples:
            assert sample.name.startswith("ringbuf_bridge_"), sample
            assert set(sample.labels) == {"direction", "ring", "stream"}, sample
            key = sample.name[len("ringbuf_bridge_"):], sample.labels["direction"]
            assert key not in found, key
            found[key] = sample.value
    return found


def answers(port):
    try:
        get(port)
        return True
    except urllib.error.URLError:
        return False


def test_metrics_count_what_was_passed():
    port = free_port()
    with World() as w:
        w.server.start()
        w.server.make_stream()
        reader = w.there.reader(ringbuffer.OLDEST)
        with running(w, BOTH, f"--metrics={port}"):
            until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
            write(w.here, 50, 1000)
            until(lambda: scrape(port).get(("messages_total", "subscribe")) == 50,
                  "not all comes")
            got = scrape(port)
            for half in "publish", "subscribe":
                assert got["messages_total", half] == 50, got
                assert got["lost_total", half] == got["repeated_total", half] == 0, got
                assert got["connected", half] == got["connections_total", half] == 1, got
                assert got["ring_slots", half] == 64, got
            assert got["bytes_total", "publish"] == got["bytes_total", "subscribe"] > 0, got
            assert got["position", "publish"] == 50, got
            assert got["ring_fill_slots", "subscribe"] == 50, got
            check_all(reader, 50, 1000)
            until(lambda: scrape(port)["ring_fill_slots", "subscribe"] == 0, "the ring stays full")


def test_metrics_tell_that_the_server_is_away():
    port = free_port()
    with World() as w:
        before = time.time()
        with running(w, BOTH, f"--metrics={port}"):
            until(lambda: answers(port), "no metrics")
            until(lambda: scrape(port)["errors_total", "publish"] +
                  scrape(port)["errors_total", "subscribe"] >= 1, "no complaint")
            got = scrape(port)
            when = max(got.get(("last_error_timestamp_seconds", half), 0)
                       for half in ("publish", "subscribe"))
            assert int(before) <= when <= time.time(), got
            assert got["connected", "publish"] == got["connected", "subscribe"] == 0, got
            w.server.start()
            until(lambda: scrape(port)["connected", "publish"] == 1, "it does not connect")


def test_metrics_serve_one_page_and_no_other():
    port = free_port()
    with World() as w, running(w, BOTH, f"--metrics=localhost:{port}"):
        until(lambda: answers(port), "no metrics")
        for path, options, status in (("/", {}, 404), ("/metrics/", {}, 404),
                                      ("/metrics", {"data": b"x" * 100000}, 405),
                                      ("/metrics", {"method": "DELETE"}, 405)):
            try:
                get(port, path, **options)
                raise AssertionError(f"{path} {options}")
            except urllib.error.HTTPError as error:
                assert error.code == status, (path, error)
        assert not get(port, method="HEAD")
        assert "ringbuf_bridge_" in get(port)


def test_label_of_metrics_may_have_any_character():
    port = free_port()
    names = 'a"b', "a\\b", "a\\nb", "a\nb", "ä{},="
    tables = "".join(f"[[publish]]\nstream = \"s{n}\"\nring = '''{name}'''\n"
                     for n, name in enumerate(names))
    with World() as w, running(w, tables, f"--metrics={port}", "--server", w.server.url):
        until(lambda: answers(port), "no metrics")
        until(lambda: get(port).count("ringbuf_bridge_connected{") == len(names), "no routes")
        shown = [s.labels["ring"] for f in text_string_to_metric_families(get(port))
                 for s in f.samples if s.name == "ringbuf_bridge_connected"]
        assert sorted(shown) == sorted(names), shown


def test_metrics_are_served_though_many_files_are_open():
    port = free_port()
    # Each route has some files, so that the sockets get numbers that select(2) does not allow.
    many = "ulimit -n 4096; for ((i = 3; i < 1100; i++)); do eval \"exec $i</dev/null\"; done; "
    with World() as w, running(w, BOTH, f"--metrics={port}",
                               wrapper=["bash", "-c", many + 'exec "$@"', "bash"]):
        until(lambda: answers(port), "no metrics")


def test_metrics_listen_where_they_are_told():
    for address, host in ("127.0.0.2:", "127.0.0.2"), ("[::1]:", "[::1]"), ("", "127.0.0.1"):
        port = free_port()
        with World() as w, running(w, BOTH, f"--metrics={address}{port}"):
            def listens(at=host):
                try:
                    return get(port, host=at)
                except urllib.error.URLError:
                    return None
            until(listens, f"no metrics at {host}")
            assert not listens("127.0.0.3")
    with World() as w, socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        for address, words in ((s.getsockname()[1], "Address already in use"), ("x", "not"),
                               ("no-host.invalid:1", "no-host.invalid:1: "), ("", "not"),
                               ("127.0.0.1:65536", "not")):
            refused(words, "publish", w.here.name, "s", f"--metrics={address}")
