# SPDX-License-Identifier: GPL-2.0
"""The permissions that README.md tells to give to the user of each half of the bridge."""
import contextlib
import os
import re

import ringbuffer
from certificates import secret
from world import Half, TOP, World, check_all, until, until_read, write

SHARE = "subscribe --share=detect"
VIOLATION = r"(?:Publish|Subscription) Violation.*"


def rows():
    """The table of README.md, for stream s: half and case -> (publish to, subscribe to)."""
    with open(os.path.join(TOP, "tools/bridge/README.md"), encoding="utf-8") as f:
        text = f.read().split("### Permissions")[1]
    return {name.replace("`", ""): [re.findall("`([^`]+)`", cell.replace("cam", "s"))
                                    for cell in cells]
            for name, *cells in re.findall(r"^\| (`[^`|]+`[^|]*) \| (.*) \|(.*)\|$", text, re.MULTILINE)}


def conf(users):
    """A configuration with these users, and one for the test itself, who may do all."""
    def block(name, publish, subscribe):
        return (f"{{ user: {name}, password: p, permissions: {{ publish: {publish}, "
                f"subscribe: {subscribe} }} }}\n".replace("'", '"'))
    return ("trace: true\nauthorization { users: [ { user: all, password: p }\n"
            + "".join(block(name, *lists) for name, lists in users.items())
            + "] }\nno_auth_user: all\n")


def merged(**halves):
    """The permissions of both users: those of some rows of the table, of the user all rows."""
    table = rows()
    return {half: [sum((table[row][i] for row in names), ["nothing"]) for i in (0, 1)]
            for half, names in halves.items()}


@contextlib.contextmanager
def started(users, exists=False, inbox=False, share=False):
    """A world whose halves have these permissions, and a function that finds lines of the log."""
    with World(conf=conf(users)) as w:
        def log(pattern):
            with open(os.path.join(w.folder, "server.log"), encoding="utf-8") as f:
                return re.findall(pattern, f.read())
        w.server.start()
        if exists:
            w.server.make_stream()
        else:
            w.server.connect().close()
        for half, start in ("publish", w.publish), ("subscribe", w.subscribe):
            path = secret(os.path.join(w.folder, half + ".user"), f"{half}\np\n")
            start("--user-file", path, *(["--inbox", "_INBOX." + half] if inbox else []),
                  *(["--share=detect"] if share and half == "subscribe" else []))
        yield w, log


def passes(users, **options):
    """Require that messages come, and that the halves try nothing else."""
    with started(users, **options) as (w, log):
        reader = w.there.reader(ringbuffer.OLDEST)
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        writer = w.here.writer()
        write(w.here, 10, 100)
        # The subscriber asks only if nothing comes for a while.
        until(lambda: log(r"\[PUB \$JS\.API\.CONSUMER\.INFO\."), "it does not ask for its consumer")
        check_all(reader, 10, 100)
        # One that starts again finds out whether the stream has the last message still.
        w.halves[1].kill()
        w.halves[1].start()
        until(lambda: log(r"\[PUB \$JS\.API\.STREAM\.MSG\.GET\.") or options.get("share"),
              "it does not ask for the last message")
        writer.close()
        for half in w.halves:
            assert half.end()[0] == 0, half.said()
        assert not log(VIOLATION), log(VIOLATION)


def test_permissions_of_the_table_are_enough():
    passes(merged(publish=["publish", "publish, to make the stream"], subscribe=["subscribe"]))
    passes(merged(publish=["publish"], subscribe=["subscribe"]), exists=True)
    passes(merged(publish=["publish"], subscribe=[SHARE]), exists=True, share=True)


def test_user_may_be_kept_to_answers_of_its_own():
    users = merged(publish=["publish"], subscribe=["subscribe"])
    for half, (_, subscribe) in users.items():
        assert "_INBOX.>" in subscribe
        subscribe[:] = [f"_INBOX.{half}.>"]
    passes(users, exists=True, inbox=True)


def needs(half, names, share=False):
    """Take each permission of one half away, and require that it tries what it may not."""
    rest = {"publish": ["publish", "publish, to make the stream"], "subscribe": ["subscribe"]}
    halves = {**rest, half: names}
    for which in 0, 1:
        for subject in merged(**halves)[half][which][1:]:
            users = merged(**halves)
            users[half][which].remove(subject)
            with started(users, exists=half == "subscribe", share=share) as (w, log), \
                    w.here.writer() as writer:
                writer.write(b"x")
                if half == "subscribe" and not share and "MSG.GET" in subject:
                    until_read(w.there.reader(ringbuffer.OLDEST), b"x")
                    w.halves[1].kill()
                    w.halves[1].start()
                name = subject.rstrip(">*")
                until(lambda: any(name in line for line in log(VIOLATION)),
                      f"nothing needs {subject}")
                said = w.halves[half == "subscribe"].said
                until(lambda: "Permissions Violation" in said() and name in said(),
                      f"{half} does not complain of {subject}")


def test_each_permission_of_the_table_is_needed():
    needs("publish", ["publish", "publish, to make the stream"])
    needs("subscribe", ["subscribe"])
    needs("subscribe", [SHARE], share=True)


def test_permission_to_list_streams_is_needed_for_patterns():
    for names in (["subscribe"], ["subscribe", "subscribe, to find the streams of *"]):
        with World(conf=conf(merged(subscribe=names))) as w:
            w.server.start()
            w.server.make_stream()
            w.server.put(b"x", Nats_Msg_Id="00000000-0000-4000-8000-000000000001:0")
            reader = w.there.reader(ringbuffer.OLDEST)
            half = Half(w, "subscribe", "s*", w.there.name, "--state", w.folder, "--user-file",
                        secret(w.folder + "/user", "subscribe\np\n"))
            w.halves.append(half)
            if len(names) > 1:
                until_read(reader, b"x")
            else:
                until(lambda: "STREAM.NAMES" in half.said(), "no complaint")
