#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""usage: selftests/prose.py [--self-test | FILE...]

Looks for words that make comments, documents and commit subjects hard to read, and for names
in the glossary of kmod/protocol.rst that the source does not have.  Prints one line for each,
as file:line: what to write instead.  Given files, it reads these only.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
# What is clean already and stays so; "." once the whole tree is.
CLEAN = ["."]
# Copies of texts of others, and of an ABI that is frozen.
NOT_OURS = ("LICENSES/", "selftests/abi/ver0/", "selftests/harness/kselftest")
COMMITS_SINCE = "2026-11-29 08:00 +0000"

# A space stands for any white space.
PATTERNS = [
    (r"(?:^|[.;!?] )who (?![^.;!?]*\?)|\b(?:and|or|but|for|of|by|with|to|from|as|than|if|when"
     r"|where|while|because|since|also|only|unless|until) who\b", "name the task, reader or writer, not a bare who"),
    (r"\b(?:whoever|whom|somebody|someone|anybody|anyone)\b", "name the task, reader or writer"),
    (r"\b(?:he|him|his|himself)\b", "name the task; a program is it"),
    (r"(?<![@.])\bours\b", "name what it belongs to"),
    (r"\banew\b", "again"),
    (r"\bawaken(?:s|ed|ing)?\b", "wake, woken"),
    (r"\blikewise\b|\bso to say\b|\bditto\b", "say it again, so that the sentence stands alone"),
    (r"\bas above\b", "say it again, so that the sentence stands alone"),
    (r"\b(?:go|goes|going|went|gone) on\b", "continue"),
    (r"\b(?:come|comes|coming|came) to\b", "reach, become, return"),
    (r"\bha(?:s|ve) it that\b", "say what it states"),
    (r"\b(?:is|are|was|were) there\b(?! (?:a|an|any|no)\b)", "exists, is loaded, is available"),
    (r"\b(?:mourn(?:s|ed|ing)?|bury|buries|buried|lent)\b", "defer, reclaim, leftover"),
]
PATTERNS = [(re.compile(p.replace(" ", r"\s+"), re.I), advice) for p, advice in PATTERNS]

SUBJECT = re.compile(r"[\w./,* -]+: [a-z]\S* \S.*")
NOT_IN_SUBJECTS = re.compile(r"\b(?:WIP|fixup|squash|review|merge)\b", re.I)

BAD = """
who sleeps arms a target, who gets there wakes
It is woken. Who sleeps arms a target.
the name of a ring; who has it open keeps it
readers of who lacks that need /dev/ringbuf
whoever made the file closed it
the one for whom it waits
0 unless somebody moved the reader
Who writes alone goes on where he is
a part of his own
in another's mapping, not in ours
It attaches anew.
times it was awakened
holes that it skipped (likewise)
first use as above
so to say the end
It goes on in the middle of a slot.
It comes to the same
The rule has it that the floor is first.
the module is used where /dev/ringbuf is there
what is there, is taken
its claims are buried
"""
GOOD = """
A waiter arms a target before it sleeps; the writer that reaches the target wakes it.
the task who holds the lock
It tells who holds the lock: a reader or a writer.
A user who may not remove the file can open it.
Who is it?
There is a hole.
Is there a writer that has not finished?
the position above the cursor
This has the same effect, and is silent.
as the table above shows
A reader that comes later
The file that it comes from
the header of hex digits
"""
BAD_SUBJECTS = """
rework everything
kmod: WIP
lib: what a review found
Merge branch 'h-words'
fixup! lib: add a call
lib: Add a call
lib: add a call that has a subject which is longer than seventy-two chars
"""
GOOD_SUBJECTS = """
lib: add a call
kmod, lib: use one word
lib/python: remove leftovers without opening their rings
"""


def find(text):
    """Yield the offset of each pattern in the text, what was found and the advice."""
    for pattern, advice in PATTERNS:
        for match in pattern.finditer(text):
            yield match.start(), " ".join(match.group().split()), advice


def c_comments(text):
    """Blank all but comments; line ends and the places of words stay."""
    token = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.S)
    parts = ["."]
    last = 0
    for match in token.finditer(text):
        comment = match.group()
        if comment[0] != "/":
            comment = ""
        parts.append("\n" * text.count("\n", last, match.start()))
        # The end of a comment ends its sentence.
        parts.append(re.sub(r"^[ \t]*\*|^/[/*]+|\*/$", "", comment, flags=re.M))
        parts.append("." if comment else "")
        last = match.end()
    return "".join(parts)


def hash_comments(text):
    """Keep what follows a # at the begin of a word, and docstrings."""
    text = re.sub(r'"""(.*?)"""', lambda m: re.sub(r"^", "# ", m.group(1), flags=re.M), text,
                  flags=re.S)
    lines = (re.search(r"(?:^|\s)#+\s(.*)", line) for line in text.split("\n"))
    return "\n".join(line.group(1) if line else "" for line in lines)


def markup(text):
    """Blank code: fences, literal words, and what roff does not fill; and roff's requests."""
    def blank(match):
        return "\n" * match.group().count("\n")

    text = re.sub(r"^```.*?^```", blank, text, flags=re.M | re.S)
    text = re.sub(r"^\.nf$.*?^\.fi$", blank, text, flags=re.M | re.S)
    text = re.sub(r"``?[^`\n]+``?", "X", text)
    text = re.sub(r"\\f[A-Z]|\\&|\\", "", text)
    return re.sub(r'^\.(?:\\"|[A-Z]+\b)', "", text, flags=re.M)


def prose_of(path, text):
    """Return what is meant for people of a file, each line where it was."""
    if path.suffix in (".c", ".h", ".cpp", ".go", ".rs", ".js", ".java"):
        return c_comments(text)
    if path.suffix in (".rst", ".md", ".in") or re.fullmatch(r"\.[1-8]", path.suffix):
        return markup(text)
    if path.suffix in (".py", ".pyi", ".sh", ".mk", ".pl", ".toml") or text.startswith("#!"):
        return hash_comments(text)
    return hash_comments(text) if path.name in ("Makefile", "Kbuild") else ""


def check_file(path):
    try:
        text = prose_of(path, path.read_text())
    except UnicodeDecodeError:
        return []
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    if path.name == Path(__file__).name:
        text = ""
    return [f"{path}:{text.count(chr(10), 0, at) + 1}: {found}: {advice}"
            for at, found, advice in find(text)]


def subject_errors(subject):
    if len(subject) > 72:
        yield "is longer than 72 characters"
    if not SUBJECT.fullmatch(subject):
        yield "is not of the form area: verb object"
    if NOT_IN_SUBJECTS.search(subject):
        yield "tells how the commit came about, not what it does"


def check_subjects():
    log = git("log", f"--since={COMMITS_SINCE}", "--format=%h %s")
    for commit, subject in (line.split(" ", 1) for line in log):
        for error in subject_errors(subject):
            yield f"commit {commit}: the subject {error}: {subject}"
        for _, found, advice in find(subject):
            yield f"commit {commit}: {found}: {advice}"


def is_known(name, source):
    """Whether a name of the glossary is a file's, or one in the source."""
    if "/" in name:
        return any(TOP.glob(name.rstrip("/")))
    names = re.findall(r"\w+", name)
    return all(re.search(rf"\b{n}" + ("" if name.endswith("*") else r"\b"), source) for n in names)


def check_glossary():
    text = (TOP / "kmod/protocol.rst").read_text()
    at = text.index("\nGlossary\n")
    source = "\n".join(Path(f).read_text() for f in git(
        "ls-files", "include", "kmod/*.[ch]", ":(glob)lib/*.[ch]"))
    for match in re.finditer(r"``(.+?)``", text[at:]):
        if not is_known(match.group(1), source):
            line = text.count("\n", 0, at + match.start()) + 1
            yield f"kmod/protocol.rst:{line}: no {match.group(1)} in the source"


def git(*arguments):
    return subprocess.run(("git", "-C", str(TOP), *arguments), check=True, text=True,
                          stdout=subprocess.PIPE).stdout.splitlines()


def self_test():
    """Each of the bad lines has one finding at least, each of the good ones none."""
    for line in BAD.strip().splitlines():
        if not any(find(line)):
            yield f"is not found: {line}"
    for line in GOOD.strip().splitlines():
        for _, found, _ in find(line):
            yield f"{found} is found in: {line}"
    for line in BAD_SUBJECTS.strip().splitlines():
        if not any(subject_errors(line)):
            yield f"is taken as a subject: {line}"
    for line in GOOD_SUBJECTS.strip().splitlines():
        for error in subject_errors(line):
            yield f"{error}: {line}"
    code = 'he("/* who */"); /* It\n * comes\n * to he */ // anew\n'
    if [f for _, f, _ in sorted(find(c_comments(code)))] != ["comes to", "he", "anew"]:
        yield "comments are not told from code"


def main():
    findings = []
    if sys.argv[1:] == ["--self-test"]:
        findings = list(self_test())
    elif len(sys.argv) > 1:
        findings = [f for name in sys.argv[1:] for f in check_file(Path(name))]
    else:
        os.chdir(TOP)
        for name in git("ls-files", "--cached", "--others", "--exclude-standard", "--", *CLEAN):
            if Path(name).is_file() and not name.startswith(NOT_OURS):
                findings += check_file(Path(name))
        findings += check_subjects()
        findings += check_glossary()
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(bool(findings))


main()
