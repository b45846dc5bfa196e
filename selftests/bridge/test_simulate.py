# SPDX-License-Identifier: GPL-2.0
"""tools/bridge/simulate: beside what queueing theory says, and beside a real server."""
import glob
import importlib.machinery
import importlib.util
import os
import statistics

import ringbuffer
from world import ALONE, TOP, Half, World, until


def load(path):
    """The module in a file without .py, of which no compiled copy is kept."""
    loader = importlib.machinery.SourceFileLoader(os.path.basename(path), path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    with open(path, encoding="utf-8") as f:
        exec(compile(f.read(), path, "exec"), vars(module))     # pylint: disable=exec-used
    return module


simulate = load(os.path.join(TOP, "tools/bridge/simulate"))


def near(got, want, part):
    assert abs(got - want) <= part * want, (got, want)


def waiting(service, load_of):
    """The mean wait for a server with random arrivals and jobs of one length (M/D/1)."""
    return load_of * service / (2 * (1 - load_of))


def test_simulated_queue_is_as_long_as_theory_says():
    # The mean of 40000 waits differs by few percent from run to run; the seed is always the same.
    for load_of in 0.3, 0.5, 0.8:
        service = 1e-5
        network = simulate.Network(simulate.Costs(service, 0, 0, 0), 1, 1, 0)
        mean, _, _ = network.run(load_of / service, 40000)
        near(mean, service + waiting(service, load_of), 0.05)


def test_simulated_copies_wait_as_theory_says():
    machines, cost, load_of = 50, 1e-5, 0.6
    job = machines * cost
    for costs in simulate.Costs(0, cost, 0, 0), simulate.Costs(0, 0, cost, 0):
        network = simulate.Network(costs, machines, 1, 0)
        mean, last, _ = network.run(load_of / job, 20000)
        near(mean, waiting(job, load_of) + cost * (machines + 1) / 2, 0.05)
        near(last, waiting(job, load_of) + job, 0.05)


def test_simulated_message_takes_the_sum_of_its_steps_while_nothing_else_is_sent():
    store, send, wire, hop = 7e-6, 1e-6, 3e-6, 50e-6
    costs = simulate.Costs(store, send, wire, hop)
    _, last, _ = simulate.Network(costs, 100, 1, 0).run(1, 3)
    near(last, store + send + 100 * wire + hop, 1e-9)
    _, last, _ = simulate.Network(costs, 100, 1, 10).run(1, 3)
    near(last, store + send + 10 * wire + hop + store + send + 10 * wire + hop, 1e-9)
    # One of two followers has stored it before the leader sends; the leader's network is free then.
    _, last, _ = simulate.Network(costs, 99, 3, 0).run(1, 3)
    near(last, wire + hop + store + hop + send + 33 * wire + hop, 1e-9)


def test_simulated_network_is_as_busy_as_its_load():
    costs = simulate.Costs(7e-6, 1e-6, 3e-6, 50e-6)
    for replicas, leaves in (1, 0), (3, 0), (3, 10), (1, 100):
        network = simulate.Network(costs, 1000, replicas, leaves)
        most, _ = min(network.limits())
        messages, load_of = 1000, 0.5
        network.run(load_of * most, messages)
        busy = max(queue.busy for server in network.core + network.leaves
                   for queue in (server.disk, server.cpu, server.nic))
        # Each message takes as much of the busiest part as the limit says.
        near(busy / messages, 1 / most, 1e-9)


def processor_time(pid):
    """Seconds that the threads of a process have run."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total * 1e-9


def server_time(world, rings, count, name):
    """Processor time of the server while subscribers, one for each ring, get `count` messages."""
    before = processor_time(world.server.process.pid)
    halves = []
    for number, ring in enumerate(rings):
        folder = f"{world.folder}/{name}.{number}"
        os.mkdir(folder)
        halves.append(Half(world, "subscribe", "s", ring.name, "--state", folder))
    world.halves += halves
    for half in halves:
        status, report = half.end()
        assert (status, report["messages"]) == (0, count), report
    return processor_time(world.server.process.pid) - before


def test_server_takes_as_long_for_each_subscriber_as_simulated():
    count, rounds, tries = 5000, 7, 3
    with World(slots=count) as w:
        w.server.start()
        publish = w.publish(ALONE)
        until(lambda: w.server.stored() is not None, "no stream")
        with w.here.writer() as writer:
            for _ in range(count):
                writer.write(bytes(4096), timeout=0)
        assert publish.end()[0] == 0
        rings = [ringbuffer.Ring.create(4096, 64, name=f"{w.name}.{n}", exclusive=True)
                 for n in range(2)]
        for attempt in range(tries):
            taken = {1: [], 2: []}
            for number in range(rounds):
                for some in (1, 2) if number % 2 else (2, 1):
                    taken[some].append(
                        server_time(w, rings[:some], count, f"{attempt}.{number}.{some}"))
            one, two = (statistics.median(taken[some]) for some in (1, 2))
            network = simulate.Network(simulate.Costs(0, one / count, 0, 0), 2, 1, 0)
            network.run(1, count)
            # This has to be nearer to what is simulated, twice as much for two, than to what it
            # would be if the server read each message once for all: as much as for one.
            try:
                near(two, network.core[0].cpu.busy, 0.25)
                break
            except AssertionError:
                # Beside other programs both times vary.
                if attempt == tries - 1:
                    raise
        for ring in rings:
            ring.close()
