// SPDX-License-Identifier: GPL-2.0
/* Test cases that end in different ways; counts.sh checks how the harness reports each. */
#include "harness.h"
#include <sys/wait.h>

FIXTURE(set_up)
{
	int unused;
};

FIXTURE_SETUP(set_up)
{
}

FIXTURE_TEARDOWN(set_up)
{
	dprintf(STDOUT_FILENO, "# torn down after %s\n", _metadata->name);
}

TEST_F(set_up, passes)
{
	EXPECT_EQ(1, 1);
}

TEST_F(set_up, expects_in_vain)
{
	EXPECT_EQ(1, 2);
}

TEST_F(set_up, asserts_in_vain)
{
	ASSERT_EQ(1, 2);
}

TEST_F(set_up, skips)
{
	SKIP(return, "of a reason");
}

TEST_F(set_up, crashes)
{
	raise(SIGSEGV);
}

TEST_F(set_up, exits)
{
	_exit(1);
}

TEST_F(set_up, expects_in_vain_and_exits)
{
	EXPECT_EQ(1, 2);
	_exit(0);
}

TEST_F_SIGNAL(set_up, ends_by_its_signal, SIGTERM)
{
	raise(SIGTERM);
}

TEST_F_SIGNAL(set_up, ends_without_its_signal, SIGTERM)
{
}

TEST_F(set_up, child_expects_in_vain)
{
	if (!fork()) {
		EXPECT_EQ(1, 2);
		_exit(0);
	}
	wait(NULL);
}

TEST_F(set_up, child_asserts_in_vain)
{
	if (!fork()) {
		ASSERT_EQ(1, 2);
		_exit(0);
	}
	wait(NULL);
}

TEST_F_TIMEOUT(set_up, takes_too_long, 1)
{
	pause();
}

TEST_F(set_up, passes_after_all_that)
{
}

FIXTURE(not_set_up)
{
	int unused;
};

FIXTURE_SETUP(not_set_up)
{
	ASSERT_EQ(1, 2);
}

FIXTURE_TEARDOWN(not_set_up)
{
	dprintf(STDOUT_FILENO, "# torn down after %s\n", _metadata->name);
}

TEST_F(not_set_up, is_not_run)
{
	dprintf(STDOUT_FILENO, "# was run\n");
}

TEST(alone_passes)
{
}

TEST(alone_asserts_in_vain)
{
	ASSERT_EQ(1, 2);
}

TEST_HARNESS_MAIN
