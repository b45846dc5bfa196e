#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""usage: selftests/model/barriers.py [FUNCTION...]

Weakens each acquire, release and barrier of kmod/engine in turn, or those of the functions
named, in a private copy.  The model must find a violation in the configuration that TABLE
gives, under RC11.  TABLE has a reason for those that stay although no configuration needs
them: all of these are weakened at once, and the model must find nothing.  Checks also that
TABLE has each of them.  Prints TAP.  CC and O (the build folder) come from the environment.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
ENGINE = TOP / "kmod/engine"
OUT = TOP / os.environ.get("O", "build") / "selftests/model/barriers"
CC = os.environ.get("CC", "gcc")
FLAGS = ["-std=gnu11", "-U_FORTIFY_SOURCE", "-w", "-I" + str(TOP / "selftests/model"),
         "-I" + str(TOP / "include/uapi")]

# Why some stay.
REASONS = {
    "GATE": "(H) covers it in the gate; hosts scan the rows without the generation",
    "SLOT": "(H) in rb_gate_raise() covers it; without it a new caller would need a barrier",
    "AGAIN": "rb_peek_run() loads the state again before bytes are read",
    "HOST": "for hosts, not in the model; rb_peek_run() loads the state again",
}
# In these configurations nothing needs them.
ENOUGH = "x1-wait x1-alone-oldest x1-leaves x2-sync x2-evict s1-1w1r s1-1w2r x1-skipped x1-lossy\
 s2-lossy"

# function operation number: configuration, or a reason to stay.
TABLE = """
rb_row_cursor smp_load_acquire 1: SLOT
rb_row_cursor smp_load_acquire 2: SLOT
rb_rows smp_load_acquire 1: GATE
rb_gate_min smp_load_acquire 1: GATE
rb_gate_limit smp_load_acquire 1: GATE
rb_gate_closed smp_load_acquire 1: GATE
rb_gate_raise smp_load_acquire 1: x1-oldest
rb_gate_raise smp_mb 1: x1-oldest
rb_gate_open smp_store_release 1: GATE
rb_overtaken smp_rmb 1: x2-lossy
rb_attach_reader smp_store_release 1: GATE
rb_gate_by smp_store_release 1: GATE
rb_gate_by smp_store_release 2: x1-oldest
rb_gate_by smp_mb 1: x1-oldest
rb_skip_reader smp_store_release 1: x1-skipped
rb_detach_reader smp_store_release 1: x1-leaves
rb_move_reader smp_store_release 1: x1-skips
rb_evict_reader smp_store_release 1: x2-evict
rb_count_writer smp_store_release 1: x1-first
rb_discount_writer smp_store_release 1: s1-killed
rb_cursor_publish xchg 1: x1-1w1r
rb_cursor_publish smp_mb__after_atomic 1: x1-1w1r
rb_skip_holes smp_load_acquire 1: AGAIN
rb_peek_run smp_load_acquire 1: x1-1w1r
rb_peek_why smp_load_acquire 1: x2-sync
rb_reader_holds smp_rmb 1: x2-sync
rb_ended smp_load_acquire 1: x1-first
rb_ended smp_load_acquire 2: x1-1w1r
rb_first_unfinished smp_load_acquire 1: HOST
rb_reader_ready smp_load_acquire 1: HOST
rb_wake_word_clear smp_mb__after_atomic 1: x1-1w1r
rb_arm smp_mb 1: x1-1w1r
rb_arm smp_mb 2: x1-1w1r
rb_wake_end smp_mb 1: x1-1w2r-wake
rb_finished smp_load_acquire 1: x1-lossy-held
rb_slots_free smp_load_acquire 1: s1-2w
rb_claim_stamp smp_wmb 1: s2-lossy
rb_clear_states smp_wmb 1: x1-lossy
rb_finish_slot cmpxchg 1: s1-1w1r
rb_publish_shared smp_mb__after_atomic 1: s1-1w1r
rb_publish_exclusive smp_store_release 1: x2-batch
rb_publish_exclusive smp_store_release 2: x2-batch
rb_publish_exclusive xchg 1: x1-1w1r
rb_publish_exclusive smp_mb__after_atomic 1: x1-lossy-held
"""

OPERATIONS = "smp_load_acquire|smp_store_release|smp_mb__after_atomic|smp_mb|smp_rmb|smp_wmb|xchg|cmpxchg"


class Site:
    """One acquire, release or barrier: where it is, and what it is called in TABLE."""

    def __init__(self, file, function, operation, number, start, end):
        self.file, self.operation = file, operation
        self.start, self.end = start, end
        self.name = f"{function} {operation} {number}"

    def weaken(self, engine):
        """Take it out of a copy of the engine; of a file, the last one first."""
        text = (engine / self.file).read_text()
        args = arguments(text, self.end)
        after = self.end + len(",".join(args)) + 1
        if self.operation == "smp_load_acquire":
            new = f"READ_ONCE(*({args[0]}))"
        elif self.operation == "smp_store_release":
            new = f"WRITE_ONCE(*({args[0]}), {','.join(args[1:])})"
        elif self.operation in ("xchg", "cmpxchg"):
            new = f"{self.operation}_relaxed({','.join(args)})"
        else:
            new = "(void)0"
        (engine / self.file).write_text(text[:self.start] + new + text[after:])


def arguments(text, start):
    """The arguments of the call whose parenthesis opens just before @start."""
    depth, args, at = 1, [], start
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if not depth or (depth == 1 and text[i] == ","):
            args.append(text[at:i])
            at = i + 1
        if not depth:
            return args
    raise ValueError("no closing parenthesis")


def has_letter(text, start, end):
    """Whether a comment in this line or the one before names a barrier's letter."""
    line = text.rfind("\n", 0, start)
    before = text.rfind("\n", 0, line)
    return re.search(r"/\*.*\([A-Z]\)", text[before + 1:text.find("\n", end)])


def sites_of(file):
    """All of a file; of the read-modify-writes those whose comment names a letter."""
    text = (ENGINE / file).read_text()
    code = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    functions = [(m.start(), m[1]) for m in
                 re.finditer(r"^static inline [^;{=]*?(\w+)\(", code, re.M)]
    numbers = {}
    for m in re.finditer(rf"\b({OPERATIONS})\(", code):
        if m[1].endswith("xchg") and not has_letter(text, m.start(), m.end()):
            continue
        function = [name for start, name in functions if start < m.start()][-1]
        number = numbers[function, m[1]] = numbers.get((function, m[1]), 0) + 1
        yield Site(file, function, m[1], number, m.start(), m.end())


def compile_model(*arguments_of_cc):
    subprocess.run([CC, *FLAGS, *map(str, arguments_of_cc)], check=True)


def common_objects():
    """All of the model that does not have the engine in it."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for source in sorted((TOP / "selftests/model").glob("*.c")):
        if source.stem != "actors":
            compile_model("-O2", "-c", source, "-o", OUT / f"{source.stem}.o")
    return sorted(OUT.glob("*.o"))


def build(name, sites, objects):
    """The model of an engine without @sites."""
    folder = OUT / name.replace(" ", "-")
    shutil.copytree(ENGINE, folder / "engine")
    for site in sorted(sites, key=lambda s: -s.start):
        site.weaken(folder / "engine")
    compile_model("-O1", f"-I{folder}", TOP / "selftests/model/actors.c", *objects,
                  "-o", folder / "model")
    return folder / "model"


def search(model, config):
    """Whether the search was complete without a violation, and the violation, if any."""
    ran = subprocess.run([str(model), "--only", config, "--model", "rc11"],
                         capture_output=True, text=True, check=False)
    m = re.search(r"^#   => (.*)", ran.stdout, re.M)
    return ran.returncode == 0 and not m, m and m[1]


def main(names):
    table = dict(line.split(": ") for line in TABLE.strip().split("\n"))
    sites = [s for f in sorted(ENGINE.glob("*.h")) for s in sites_of(f.name)]
    odd = set(table) ^ {s.name for s in sites}
    stay = [s for s in sites if table.get(s.name) in REASONS]
    needed = [s for s in sites if s.name in table and s not in stay and
              (not names or s.name.split()[0] in names)]
    enough = [] if names else ENOUGH.split()
    objects = common_objects()
    print(f"TAP version 13\n1..{1 + len(needed) + len(enough)}")
    print(f"{'not ok' if odd else 'ok'} 1 - each barrier of the engine is in the table" +
          "".join(f"\n#   in one alone: {name}" for name in sorted(odd)))
    n, bad = 1, len(odd)
    for n, site in enumerate(needed, 2):
        _, why = search(build(site.name, [site], objects), table[site.name])
        bad += not why
        print(f"{'ok' if why else 'not ok'} {n} - {table[site.name]} needs {site.name}\n#   {why}",
              flush=True)
    for site in stay:
        print(f"#   {site.name} stays: {REASONS[table[site.name]]}")
    model = build("without all that stay", stay, objects) if enough else None
    for n, config in enumerate(enough, n + 1):
        good, why = search(model, config)
        bad += not good
        print(f"{'ok' if good else 'not ok'} {n} - {config} needs none of these" + ("" if good else f"\n#   {why}"),
              flush=True)
    return bool(bad) or not needed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
