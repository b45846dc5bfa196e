# SPDX-License-Identifier: GPL-2.0
# The tests: build/selftests/...

PACKAGES_LINT := $(PACKAGES_BUILD) clang-format clang-14 sparse shellcheck python3-pyflakes git perl
PACKAGES_TEST := $(PACKAGES_BUILD) alsa-utils clang-14 libclang-rt-14-dev gcc-multilib \
	libc6-dev-i386 pkg-config python3

# kselftest_harness.h comes from Debian's linux-source-6.12; selftests/vm/fetch unpacks it.
KSFT = $(shell selftests/vm/kernel source | sed -n 's/^source=//p')/tools/testing/selftests
TEST_FLAGS = -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) $(INCLUDES) -Iselftests -Iselftests/harness \
	-I$(KSFT) -MMD -MP

LIB_TESTS := $(patsubst selftests/%.c,$(O)/selftests/%,$(wildcard selftests/lib/*.c))
ABI_TESTS := $(patsubst selftests/%.c,$(O)/selftests/%,$(wildcard selftests/abi/*.c))
KILL_TESTS := $(patsubst selftests/%.c,$(O)/selftests/%,$(wildcard selftests/kill/*.c))

ksft-source:
	@selftests/vm/fetch source

$(LIB_TESTS) $(KILL_TESTS): $(O)/selftests/%: selftests/%.c $(O)/lib/libringbuf.a | ksft-source
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) $< $(O)/lib/libringbuf.a -o $@ -pthread

$(ABI_TESTS): $(O)/selftests/%: selftests/%.c | ksft-source
	@mkdir -p $(@D)
	$(CC) $(TEST_FLAGS) $< $(O)/lib/libringbuf.a -o $@ -pthread

-include $(wildcard $(O)/selftests/*/*.d)

tests: packages-TEST lib tools $(LIB_TESTS) $(ABI_TESTS) $(KILL_TESTS)

check: tests
	selftests/check full

check-quick: tests
	selftests/check quick

.PHONY: tests ksft-source
