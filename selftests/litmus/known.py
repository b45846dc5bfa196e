# SPDX-License-Identifier: GPL-2.0
"""Litmus tests whose results under RC11 are known, by which the model's RC11 is tested.

The tests have the names that they have in the literature.
"""

# Each line has: name, result, the steps of each process, and the outcome.  W: store, R: load, Wrel:
# store-release, Racq: load-acquire; F: full barrier, RMB: read barrier, WMB: write barrier;
# U: exchange; CAS: a compare-and-exchange that fails.
KNOWN = """
CoRR|Never|W x 1|R x 0; R x 1|1:r0=1 /\\ 1:r1=0
CoWW|Never|W x 1; W x 2|x=1
CoRW|Never|R x 0; W x 1|W x 2|0:r0=2 /\\ x=2
SB|Sometimes|W x 1; R y 0|W y 1; R x 0|0:r0=0 /\\ 1:r0=0
SB+rel+acq|Sometimes|Wrel x 1; Racq y 0|Wrel y 1; Racq x 0|0:r0=0 /\\ 1:r0=0
SB+mb+po|Sometimes|W x 1; F; R y 0|W y 1; R x 0|0:r0=0 /\\ 1:r0=0
SB+mbs|Never|W x 1; F; R y 0|W y 1; F; R x 0|0:r0=0 /\\ 1:r0=0
SB+rmbs|Sometimes|W x 1; RMB; R y 0|W y 1; RMB; R x 0|0:r0=0 /\\ 1:r0=0
SB+wmbs|Sometimes|W x 1; WMB; R y 0|W y 1; WMB; R x 0|0:r0=0 /\\ 1:r0=0
SB+rmws|Sometimes|U x 1 1; R y 0|U y 1 1; R x 0|0:r0=0 /\\ 1:r0=0
SB+failed-rmws|Sometimes|W x 1; CAS z 1; R y 0|W y 1; CAS z 1; R x 0|0:r0=0 /\\ 1:r0=0
MP|Sometimes|W x 1; W y 1|R y 0; R x 1|1:r0=1 /\\ 1:r1=0
MP+po+acq|Sometimes|W x 1; W y 1|Racq y 0; R x 1|1:r0=1 /\\ 1:r1=0
MP+rel+po|Sometimes|W x 1; Wrel y 1|R y 0; R x 1|1:r0=1 /\\ 1:r1=0
MP+rel+acq|Never|W x 1; Wrel y 1|Racq y 0; R x 1|1:r0=1 /\\ 1:r1=0
MP+mb+rmb|Never|W x 1; F; W y 1|R y 0; RMB; R x 1|1:r0=1 /\\ 1:r1=0
MP+wmb+rmb|Never|W x 1; WMB; W y 1|R y 0; RMB; R x 1|1:r0=1 /\\ 1:r1=0
MP+rmw+rmb|Sometimes|U x 1 0; W y 1|R y 0; RMB; R x 1|1:r0=1 /\\ 1:r1=0
MP+rel+rmb|Never|W x 1; Wrel y 1|R y 0; RMB; R x 1|1:r0=1 /\\ 1:r1=0
MP+rmw+acq|Never|W x 1; U y 1 0|Racq y 0; R x 1|1:r0=1 /\\ 1:r1=0
MP+rel+rmw+acq|Never|W x 1; Wrel y 1|U y 2 0|Racq y 0; R x 1|1:r0=1 /\\ 2:r0=2 /\\ 2:r1=0
MP+failed-rmw|Sometimes|W x 1; Wrel y 1|CAS y 0; R x 1|1:r0=1 /\\ 1:r1=0
S|Sometimes|W x 2; W y 1|R y 0; W x 1|1:r0=1 /\\ x=2
S+rel+acq|Never|W x 2; Wrel y 1|Racq y 0; W x 1|1:r0=1 /\\ x=2
R|Sometimes|W x 1; W y 1|W y 2; R x 0|y=2 /\\ 1:r0=0
R+mbs|Never|W x 1; F; W y 1|W y 2; F; R x 0|y=2 /\\ 1:r0=0
2+2W|Sometimes|W x 1; W y 2|W y 1; W x 2|x=1 /\\ y=1
2+2W+mbs|Never|W x 1; F; W y 2|W y 1; F; W x 2|x=1 /\\ y=1
LB|Never|R x 0; W y 1|R y 0; W x 1|0:r0=1 /\\ 1:r0=1
WRC+rel+acq|Never|W x 1|Racq x 0; Wrel y 1|Racq y 0; R x 1|1:r0=1 /\\ 2:r0=1 /\\ 2:r1=0
WRC+acq+rmb|Sometimes|Wrel x 1|Racq x 0; W y 1|R y 0; RMB; R x 1|1:r0=1 /\\ 2:r0=1 /\\ 2:r1=0
WRC+mb+rmb|Never|W x 1|R x 0; F; W y 1|R y 0; RMB; R x 1|1:r0=1 /\\ 2:r0=1 /\\ 2:r1=0
RMW+RMW|Never|U x 1 0|U x 2 0|0:r0=0 /\\ 1:r0=0
IRIW+acq|Sometimes|W x 1|W y 1|Racq x 0; R y 1|Racq y 0; R x 1|2:r0=1 /\\ 2:r1=0 /\\ 3:r0=1 /\\ 3:r1=0
IRIW+mbs|Never|W x 1|W y 1|R x 0; F; R y 1|R y 0; F; R x 1|2:r0=1 /\\ 2:r1=0 /\\ 3:r0=1 /\\ 3:r1=0
"""


def statement(step):
    """Return a step in C.  The last number of a load is that of its register."""
    what, *args = step.split()
    if what == "F":
        return "smp_mb();"
    if what in ("RMB", "WMB"):
        return f"smp_{what.lower()}();"
    if what in ("W", "Wrel"):
        return f"WRITE_ONCE(*{args[0]}, {args[1]});" if what == "W" else \
            f"smp_store_release({args[0]}, {args[1]});"
    if what in ("R", "Racq"):
        return f"r{args[1]} = READ_ONCE(*{args[0]});" if what == "R" else \
            f"r{args[1]} = smp_load_acquire({args[0]});"
    if what == "U":
        return f"r{args[2]} = xchg({args[0]}, {args[1]});"
    return f"r{args[1]} = cmpxchg({args[0]}, 7, 8);"


def litmus_tests():
    """Yield the name, the result and the text of each test."""
    for line in KNOWN.strip().split("\n"):
        name, result, *processes, bad = line.split("|")
        text = f"C {name.replace('+', '-')}\n\n(*\n * Result: {result}\n *)\n\n{{}}\n\n"
        for i, process in enumerate(processes):
            body = [f"int r{r};" for r in range(2)]
            body += [statement(s) for s in process.split("; ")]
            text += f"P{i}(int *x, int *y, int *z)\n{{\n"
            text += "".join(f"\t{s}\n" for s in body) + "}\n\n"
        yield name, result, text + f"exists ({bad})\n"
