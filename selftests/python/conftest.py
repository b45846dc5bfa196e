# SPDX-License-Identifier: GPL-2.0
"""Lets pytest print the last line that run-tests reads: the numbers of test cases."""


def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    count = {k: len(v) for k, v in reporter.stats.items()}
    failed = count.get("failed", 0) + count.get("error", 0)
    print("\n%d passed, %d failed, %d skipped" % (count.get("passed", 0), failed,
                                                 count.get("skipped", 0)))
