# SPDX-License-Identifier: GPL-2.0
# The tests: build/selftests/...

PACKAGES_LINT := $(PACKAGES_BUILD) ccache clang-format clang-14 sparse shellcheck python3-pyflakes mypy git perl \
	unifdef patch mandoc man-db coccinelle
PACKAGES_QUICK := $(PACKAGES_BUILD) ccache alsa-utils pkg-config procps python3 liburing-dev \
	$(PACKAGES_BRIDGE) python3-cryptography python3-prometheus-client
PACKAGES_TEST := $(PACKAGES_QUICK) clang-14 libclang-rt-14-dev lib32gcc-12-dev libc6-dev-i386 pv \
	socat ffmpeg cmake zsh

# _FILE_OFFSET_BITS: 32-bit programs have file offsets of 64 bits, too.
TEST_FLAGS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -std=gnu11 -O1 -g $(WARN) $(INCLUDES) -Iselftests -Iselftests/harness
# Each test case is a process of its own, and under the debug kernel a static program starts and
# ends in three quarters of the time of a shared one.
# Linking with gold, if it is installed, takes half the time.
GOLD := $(if $(shell command -v ld.gold),-fuse-ld=gold)
TEST_LINK = -static -pthread $(GOLD)

comma := ,
LIB_TESTS := $(patsubst selftests/%.c,$(O)/selftests/%,$(wildcard selftests/lib/*.c))
ABI_TESTS := $(patsubst selftests/%.c,$(O)/selftests/%,$(wildcard selftests/abi/*.c))
KILL_TESTS := $(O)/selftests/kill/kill
KILL_OBJ := $(patsubst selftests/%.c,$(O)/selftests/%.o,$(wildcard selftests/kill/*.c))
STEPS_TESTS := $(O)/selftests/steps/steps $(O)/selftests/steps/ends
STEPS_OBJ := $(patsubst selftests/%.c,$(O)/selftests/%.o, \
	$(filter-out %/ends.c,$(wildcard selftests/steps/*.c)))

# The program that selftests/run starts.
$(O)/selftests/runner: selftests/harness/runner.c | packages
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) $< -o $@

$(O)/selftests/harness/outcomes: selftests/harness/outcomes.c | packages
	$(call program,$(CC) $(TEST_FLAGS),$<,$(TEST_LINK))

# The fuzzer of /dev/ringbuf.
FUZZ := $(O)/selftests/fuzz/fuzz
FUZZ_OBJ := $(patsubst selftests/%.c,$(O)/selftests/%.o,$(wildcard selftests/fuzz/*.c))

$(FUZZ_OBJ): $(O)/selftests/%.o: selftests/%.c | packages
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(TEST_FLAGS) -MMD -MP -c $< -o $@

$(FUZZ): $(FUZZ_OBJ)
	$(call say,LD)
	$(Q)$(CC) $^ -o $@ $(TEST_LINK) -luring

# These tests call functions that the library does not export.
INSIDE_TESTS := $(addprefix $(O)/selftests/lib/,ahead watch)

$(filter-out $(INSIDE_TESTS),$(LIB_TESTS)) $(O)/selftests/steps/ends: $(O)/selftests/%: selftests/%.c $(O)/lib/libringbuf.a
	$(call program,$(CC) $(TEST_FLAGS),$<,$(O)/lib/libringbuf.a $(TEST_LINK))

$(INSIDE_TESTS): $(O)/selftests/%: selftests/%.c $(O)/lib/libringbuf-inside.a
	$(call program,$(CC) $(TEST_FLAGS),$<,$(O)/lib/libringbuf-inside.a $(TEST_LINK))

# These tests include headers of the embedded host.
$(addprefix $(O)/selftests/lib/,ahead hostile inside header locked torn watch): TEST_FLAGS += -Ilib -Ikmod

# The test growth counts the system calls of the library.
$(O)/selftests/lib/growth: TEST_LINK += $(patsubst %,-Wl$(comma)--wrap=%,fcntl fcntl64 syscall ioctl)

# The test watch counts the system calls of its thread.
$(O)/selftests/lib/watch: TEST_LINK += -Wl,--wrap=syscall

# The test torn changes a message while it is copied.
$(O)/selftests/lib/torn: TEST_LINK += -Wl,--wrap=memcpy

# The test first_use stops a thread in fcntl().
$(O)/selftests/lib/first_use: TEST_LINK += -Wl,--wrap=fcntl64

# The kill test reads the shared memory of the embedded host.
$(KILL_OBJ) $(STEPS_OBJ): $(O)/selftests/%.o: selftests/%.c | packages
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(TEST_FLAGS) -MMD -MP -Ilib -Ikmod -c $< -o $@

$(KILL_TESTS): $(KILL_OBJ) $(O)/lib/libringbuf.a
	$(call say,LD)
	$(Q)$(CC) $^ -o $@ $(TEST_LINK)

$(O)/selftests/steps/steps: $(STEPS_OBJ) $(O)/lib/libringbuf.a
	$(call say,LD)
	$(Q)$(CC) $^ -o $@ $(TEST_LINK)

$(addprefix $(O)/selftests/abi/abi_,hostile uring wakes direct pairs stuck): TEST_LIBS := -luring

# System calls of these tests go through harness/faults.c, which lets them fail with RINGBUF_FAULTS.
# The tests abi_fail and abi_load inject faults by themselves, abi_layout makes no calls, and the
# processes of abi_neighbours belong to users who may inject no faults.  The kernel runs requests of
# abi_uring inside of its other calls, where they would meet the faults.
FAULTS := $(O)/selftests/harness/faults.o
FAULTS_LINK = $(FAULTS) $(patsubst %,-Wl$(comma)--wrap=%,open open64 close ioctl mmap mmap64 read write \
	readv writev splice sendfile sendfile64 poll epoll_ctl epoll_wait sigaction)
ABI_FAULTS := $(filter-out %/abi_fail %/abi_layout %/abi_load %/abi_neighbours \
	%/abi_uring,$(ABI_TESTS))
$(ABI_FAULTS): $(FAULTS)
$(ABI_FAULTS): TEST_LIBS += $(FAULTS_LINK)

$(FAULTS): selftests/harness/faults.c | packages
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(TEST_FLAGS) -MMD -MP -c $< -o $@

$(ABI_TESTS): $(O)/selftests/%: selftests/%.c $(O)/lib/libringbuf.a
	$(call program,$(CC) $(TEST_FLAGS),$<,$(O)/lib/libringbuf.a $(TEST_LINK) $(TEST_LIBS))

# The tests of the ABI as 32-bit programs, except those that need the library, perf events or
# liburing.
ABI32_TESTS := $(patsubst $(O)/selftests/abi/%,$(O)/selftests/abi32/%, \
	$(filter-out %/abi_order %/abi_uring %/abi_wakes %/abi_direct %/abi_pairs %/abi_hostile \
	%/abi_stuck,$(ABI_TESTS)))

$(ABI32_TESTS): $(O)/selftests/abi32/%: selftests/abi/%.c | packages
	$(call program,$(CC32) $(TEST_FLAGS),$<,$(TEST_LINK))

$(O)/selftests/tools/message: selftests/tools/message.c tools/common/message.c tools/perf_pool.c | packages
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) $(INCLUDES) -Itools $^ -o $@ -ldeflate

# The bridge, killed at certain steps.  It needs the libraries of the bridge.
FRAGILE := $(O)/selftests/bridge/fragile
FRAGILE_WRAP := $(patsubst %,-Wl$(comma)--wrap=%,js_PublishMsgAsync lib_reader_release_to ringbuf_writer_commit)

$(FRAGILE): selftests/bridge/fragile.c $(BRIDGE_OBJ) $(O)/lib/libringbuf-inside.a
	$(call program,$(CC) $(TEST_FLAGS),$<,$(BRIDGE_OBJ) $(O)/lib/libringbuf-inside.a $(FRAGILE_WRAP) $(BRIDGE_LIBS) -lstdc++)

# The bridge under sanitizers, for a server that answers garbage.
BRIDGE_ASAN := $(O)/selftests/bridge/asan

$(BRIDGE_ASAN): $(wildcard tools/bridge/*.[ch]) $(O)/tools/obj/bridge/config_file.o $(TOOLS_COMMON) $(O)/lib/libringbuf-inside.a
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(TEST_FLAGS) $(ASAN) $(filter %.c %.o %.a,$^) -o $@ $(BRIDGE_LIBS) -lstdc++

bridge-tests: bridge
	$(Q)$(call if_bridge,$(MAKE) --no-print-directory $(FRAGILE) $(BRIDGE_ASAN),:)

# The tests of the engine alone: natively under sanitizers, with a fuzzer, and in the model.
ENGINE_FLAGS = -D_GNU_SOURCE -std=gnu11 -g $(WARN) -Iselftests/engine -Ilib -Ikmod $(INCLUDES)
ASAN := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
ENGINE_DEPS := $(wildcard selftests/engine/*.h kmod/engine/*.h) lib/engine_arch.h \
	include/uapi/linux/ringbuf.h
ENGINE_TESTS := $(addprefix $(O)/selftests/engine/,words rules policies hostile stress-asan stress-tsan)
FUZZER := $(O)/selftests/engine/fuzz_engine
MODEL_OBJ := $(patsubst selftests/%.c,$(O)/selftests/%.o,$(wildcard selftests/model/*.c))

$(O)/selftests/engine/%: selftests/engine/%.c $(ENGINE_DEPS) | packages
	$(call program,$(CC) $(ENGINE_FLAGS) $(ASAN),$<,-pthread)

$(O)/selftests/engine/stress-asan: selftests/engine/stress.c $(ENGINE_DEPS) | packages
	$(call program,$(CC) $(ENGINE_FLAGS) $(ASAN),$<,-pthread)

$(O)/selftests/engine/stress-tsan: selftests/engine/stress.c $(ENGINE_DEPS) | packages
	$(call program,$(CC) $(ENGINE_FLAGS) -O1 -fsanitize=thread,$<,-pthread)

$(FUZZER): selftests/engine/fuzz_engine.c $(ENGINE_DEPS) | packages
	$(call program,clang-14 $(ENGINE_FLAGS) $(ASAN) -fsanitize=fuzzer,$<,)

$(MODEL_OBJ): $(O)/selftests/model/%.o: selftests/model/%.c $(wildcard selftests/model/*.h kmod/engine/*.h) \
		include/uapi/linux/ringbuf.h | packages
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) -Iselftests/model -Ikmod $(INCLUDES) -c $< -o $@

$(O)/selftests/model/model: $(MODEL_OBJ)
	$(call say,LD)
	$(Q)$(CC) $^ -o $@

-include $(wildcard $(O)/selftests/*/*.d)

# The programs that run in the virtual machines of arm64, in build/arm64: their root file system has
# the headers and libraries, and the folder of its Python 3.11 tells the name of the package.
ARM64_TESTS := $(O)/selftests/runner $(LIB_TESTS) $(ABI_TESTS) $(KILL_TESTS) $(STEPS_TESTS)
ARM64_ROOT = $(shell selftests/vm/kernel arm64-root)
ARM64 = aarch64-linux-gnu-
ARM64_MAKE = $(MAKE) --no-print-directory O=build/arm64 CC="$(ARM64)gcc --sysroot=$(ARM64_ROOT)" \
	LD=$(ARM64)ld AR=$(ARM64)ar OBJCOPY=$(ARM64)objcopy GOLD= NATS= PYTHON=python3.11 \
	PY_INCLUDE=$(ARM64_ROOT)/usr/include/python3.11 PY_SUFFIX=.cpython-311-aarch64-linux-gnu.so

arm64-programs: lib tools python-built $(ARM64_TESTS)

tests-arm64: packages-ARM64 $(KERNELS_ARM64:%=kmod-%)
	+@$(ARM64_MAKE) arm64-programs

# tests-quick builds what check-quick runs, and tests what check runs.
tests-quick: packages-QUICK packages-PYTEST lib tools python-debian $(O)/selftests/runner \
	$(LIB_TESTS) $(ABI_TESTS) $(KILL_TESTS) $(STEPS_TESTS) $(ENGINE_TESTS) $(O)/selftests/harness/outcomes \
	$(O)/selftests/tools/message $(O)/tools/bench_vm bridge-tests

tests: packages-TEST tests-quick python-all $(ABI32_TESTS) $(FUZZER) $(FUZZ) $(O)/selftests/model/model

python-debian: packages-PYTHON lib
	@$(MAKE) --no-print-directory python-built PYTHON=/usr/bin/python3

check: packages tests tests-arm64 kmod-all
	$(Q)selftests/check full

check-quick: packages tests-quick kmod-6.12
	$(Q)selftests/check quick

# check-full also runs the tests that take too long for each time.
check-full: check packages-DEB
	$(Q)selftests/check arm64
	$(Q)selftests/check steps
	$(Q)selftests/check fuzz
	$(Q)selftests/check instruments
	$(Q)kmod/upstream/series --check
	$(Q)$(O)/selftests/model/model --full --model rc11
	$(Q)selftests/bridge/test --kills 500 --only kills
	$(Q)selftests/bridge/test --kills 500 --only cut_off
	$(Q)selftests/bridge/test --kills 500 --only the_server_lies
	$(Q)selftests/bridge/test --kills 500 --only bytes_that_change
	$(Q)selftests/packages/test
	$(Q)selftests/packages/bare

# How much of the module the tests run.
coverage: packages tests-quick
	$(Q)selftests/coverage

.PHONY: coverage bridge-tests check-full arm64-programs tests-arm64 tests tests-quick python-debian check check-quick
