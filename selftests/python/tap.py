# SPDX-License-Identifier: GPL-2.0
"""Runs the named tests of the Python package, or all; prints TAP.

usage: python3 selftests/python/tap.py [test_module...]
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Tap(unittest.TestResult):

    def __init__(self):
        super().__init__()
        self.passed = self.failed = self.skips = 0

    def _say(self, word, test, more=""):
        n = self.passed + self.failed + self.skips
        print("%s %d - %s%s" % (word, n, test.id(), more), flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._say("ok", test)

    def addSkip(self, test, reason):
        self.skips += 1
        self._say("ok", test, " # SKIP " + reason)

    def _bad(self, test, error):
        self.failed += 1
        print(self._exc_info_to_string(error, test))
        self._say("not ok", test)

    addError = addFailure = _bad

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self._bad(subtest, error)


def main():
    sys.path.insert(0, HERE)
    loader = unittest.TestLoader()
    if sys.argv[1:]:
        suite = loader.loadTestsFromNames(sys.argv[1:])
    else:
        suite = loader.discover(HERE, top_level_dir=HERE)
    result = Tap()
    suite.run(result)
    print("%d passed, %d failed, %d skipped" % (result.passed, result.failed, result.skips))
    return 1 if result.failed or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main())
