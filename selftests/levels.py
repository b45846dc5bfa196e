#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""usage: selftests/levels.py FOLDER

Print the levels of kmod/*.c, the bottom first: a file uses only files of lower levels.
FOLDER is where kbuild has put the objects of the module; they tell which file defines
and which file uses a symbol.

Fail if a file uses one that does not stand before it in kmod/Kbuild and in
kmod/internal.h, if internal.h declares a function in the section of another file, or if
the pair that internal.h exempts is not one any more.
"""
import os
import re
import subprocess
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def text(name):
    with open(os.path.join(TOP, "kmod", name), encoding="utf-8") as f:
        return f.read()


def symbols(path):
    """Return the global symbols that an object defines, and those that it uses."""
    nm = subprocess.run(["nm", "-g", path], check=True, capture_output=True, text=True)
    lines = [line.split()[-2:] for line in nm.stdout.splitlines()]
    used = {name for kind, name in lines if kind == "U"}
    return {name for _, name in lines} - used, used


def links(folder, files):
    """Return {file: {used file: symbols}} and {symbol: file that defines it}."""
    table = {f: symbols(os.path.join(folder, f + ".o")) for f in files}
    owner = {name: f for f in files for name in table[f][0]}
    uses = {f: {} for f in files}
    for f in files:
        for name in table[f][1] & owner.keys():
            uses[f].setdefault(owner[name], set()).add(name)
    return uses, owner


def levels(uses):
    """Return the files level by level, without those in a circle and those above it."""
    done, result = set(), []
    while True:
        ready = [f for f in uses if f not in done and uses[f].keys() <= done]
        if not ready:
            return result
        result.append(ready)
        done.update(ready)


def circle(uses, left):
    """Return a circle of files out of @left, each of which uses another one of @left."""
    path = [left[0]]
    while path[-1] not in path[:-1]:
        path.append(next(f for f in sorted(uses[path[-1]]) if f in left))
    return path[path.index(path[-1]):]


def above(uses, order):
    """Return a line for each use of a file that is later in @order than its user."""
    place = {f: i for i, f in enumerate(order)}
    return [f"{f}.c uses {', '.join(sorted(names))} of {used}.c"
            for f in order for used, names in uses[f].items() if place[used] > place[f]]


def check_pair(uses, header):
    """Remove the exempt pair from @uses.  Return what is wrong with the pair."""
    pairs = re.findall(r"exempt: (\w+)\.c -> (\w+)\.c", header)
    if len(pairs) != 1:
        return ["internal.h names no pair as \"exempt: a.c -> b.c\""]
    low, high = pairs[0]
    if uses.get(low, {}).pop(high, None) is None:
        return [f"internal.h exempts {low}.c -> {high}.c, but {low}.c does not use {high}.c"]
    return []


def check_sections(header, order, owner):
    parts = re.split(r"^/\* ---- (\w+)\.c -+ \*/$", header, flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2]))
    wrong = []
    if list(sections) != [f for f in order if f in sections]:
        wrong.append("the sections of internal.h and kmod/Kbuild differ in order")
    for f, body in sections.items():
        for name in re.findall(r"\b(rb_\w+)(?:\(.*|;)$", re.sub(r"\{[^}]*\}", "", body), re.M):
            if owner.get(name, f) != f:
                wrong.append(f"internal.h declares {name} of {owner[name]}.c under {f}.c")
    return wrong


def main():
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit(__doc__)
    header, kbuild = text("internal.h"), text("Kbuild")
    order = re.findall(r"(\w+)\.o", re.search(r"^ringbuf-y := ((?:.*\\\n)*.*)", kbuild, re.M)[1])
    uses, owner = links(sys.argv[1], order)
    wrong = check_pair(uses, header) + check_sections(header, order, owner)
    wrong += [f"kmod/Kbuild: {line}, which stands later" for line in above(uses, order)]
    found = levels(uses)
    for number, names in enumerate(found):
        print(number, *names)
    left = [f for f in order if not any(f in names for names in found)]
    if left:
        print("circle", *left)
        wrong.append("a circle: " + " -> ".join(f + ".c" for f in circle(uses, left)))
    sys.exit("\n".join(wrong) or 0)


main()
