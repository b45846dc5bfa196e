#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""usage: selftests/coverage.py OBJECTS TABLE COUNTS...

Print for each source file of the module how many of its lines ran, and those that did not.

OBJECTS is where kbuild has put the module and the compiler's notes (.gcno); each folder of
COUNTS has the counts (.gcda) of one machine.  TABLE is selftests/uncovered.

Fail if a line did not run and TABLE does not have it, if TABLE has a line that the module does not
have, or if the share of lines that ran is below LEAST.
"""
import collections
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

LEAST = 95  # percent of the lines


def short(path):
    """Return the path of a source file in this tree, or None if it is one of the kernel."""
    for folder in ("/kmod/", "/include/uapi/"):
        head, found, tail = os.path.realpath(path).rpartition(folder)
        if found and os.path.realpath(head) == os.path.realpath("."):
            return folder[1:] + tail
    return None


def gcov(objects, counts):
    """Return what gcov says of each object of the module, for one machine."""
    with tempfile.TemporaryDirectory() as folder:
        for note in glob.glob(os.path.join(objects, "*.gcno")):
            os.symlink(os.path.abspath(note), os.path.join(folder, os.path.basename(note)))
        data = sorted(glob.glob(os.path.join(counts, "*.gcda")))
        for file in data:
            os.symlink(os.path.abspath(file), os.path.join(folder, os.path.basename(file)))
        out = subprocess.run(
            ["gcov-12", "--json-format", "--stdout"] + [os.path.basename(f) for f in data],
            cwd=folder, check=True, capture_output=True, text=True)
    if not data or "stamp mismatch" in out.stderr:
        sys.exit(f"{counts} has no counts of this module: {out.stderr}")
    return [json.loads(line) for line in out.stdout.splitlines() if line]


def add_up(objects, folders):
    """Return {file: {line: count}} over all objects and machines."""
    lines = collections.defaultdict(dict)
    for folder in folders:
        for unit in gcov(objects, folder):
            for file in unit["files"]:
                path = short(os.path.join(unit["current_working_directory"], file["file"]))
                for line in file["lines"] if path else ():
                    number = line["line_number"]
                    lines[path][number] = lines[path].get(number, 0) + line["count"]
    return lines


def functions(text):
    """Return the name of the function that each line belongs to; such a name begins a line."""
    names, name = [], "-"
    for line in text:
        found = re.match(r"[a-z][^;=]*?(\w+)\(", line)
        if found and not line.rstrip().endswith(";"):
            name = found[1]
        names.append(name)
    return names


def read_table(path):
    """Return the entries (file, function, text) of the table; each block begins with a reason."""
    entries, reason = set(), False
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                reason = line.startswith("#")
                continue
            where, colon, text = line.partition(": ")
            if not reason or not colon or len(where.split()) != 2:
                sys.exit(f"{path}:{number}: not 'FILE FUNCTION: TEXT' below a reason")
            entries.add((*where.split(), text))
    return entries


class Report:
    """The lines that ran and those that did not, against the table."""

    def __init__(self, lines, table):
        self.lines = lines
        self.table = table
        self.unlisted = []
        self.seen = set()
        self.ran = set()

    def file(self, path):
        """Look at all lines of a file; return how many ran, and how many it has."""
        with open(path, encoding="utf-8") as f:
            text = f.read().splitlines()
        names = functions(text)
        for number, count in sorted(self.lines[path].items()):
            entry = (path, names[number - 1], text[number - 1].strip())
            if entry in self.table:
                self.seen.add(entry)
                if count:
                    self.ran.add(entry)
            elif not count:
                self.unlisted.append((number, *entry))
        counts = self.lines[path].values()
        return sum(map(bool, counts)), len(counts)


def share(ran, lines):
    return f"{100 * ran / lines:5.1f} % {ran:5} of {lines:5}"


def main(objects, table, *folders):
    report = Report(add_up(objects, folders), read_table(table))
    ran = total = 0
    for path in sorted(report.lines):
        some, all_lines = report.file(path)
        ran, total = ran + some, total + all_lines
        print(share(some, all_lines), path)
    print(share(ran, total), "lines of the module ran")
    for entry in sorted(report.ran):
        print("note: ran, though in the table: {} {}: {}".format(*entry))
    unknown = sorted(report.table - report.seen)
    for entry in unknown:
        print("not ok: the module does not have this line: {} {}: {}".format(*entry))
    for number, path, name, text in report.unlisted:
        print(f"not ok: did not run: {path}:{number} {name}: {text}")
    return bool(unknown or report.unlisted or 100 * ran < LEAST * total)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
