# SPDX-License-Identifier: GPL-2.0 OR MIT
# The benchmark: build/tools/bench.  A transport whose headers are missing is left
# out; the program names it as skipped.  build/tools/bench_vm is the benchmark for
# an emulated machine: it runs on any processor, and needs no library of a transport.
#
# make growth           measure how the cost of a reader grows with the number of readers
# make wake-cost        measure what a wake-up costs the writer, in the virtual machine
# make recovery         measure how long the others stand still when a process is killed
# make bridge-bench     compare ringbuf-bridge with a program that only calls libnats

BENCH_CORE := bench proc report targets wake transport_ring transport_device transport_hand transport_wake transport_pipe transport_unix transport_mqueue
BENCH_C := $(BENCH_CORE)
BENCH_CXX :=
BENCH_LIBS := -pthread -lrt
# Without CCACHE_DISABLE, ccache would write its statistics even for make -n.
BENCH_MACHINE := $(shell CCACHE_DISABLE=1 $(CC) -dumpmachine)
BENCH_ICEORYX := $(firstword $(wildcard /usr/include/iceoryx/v2*))

ifneq ($(wildcard /usr/include/zmq.h),)
BENCH_C += transport_zmq
BENCH_LIBS += -lzmq
endif
ifneq ($(wildcard /usr/include/dpdk/rte_ring.h),)
BENCH_C += transport_dpdk
BENCH_LIBS += -lrte_ring -lrte_eal
endif
ifneq ($(wildcard /usr/include/boost/lockfree/spsc_queue.hpp),)
BENCH_CXX += transport_boost
endif
ifneq ($(wildcard $(BENCH_ICEORYX)/iceoryx_posh/popo/untyped_publisher.hpp),)
BENCH_CXX += transport_iceoryx
ICEORYX_LIBS := -liceoryx_posh -liceoryx_hoofs -liceoryx_platform
BENCH_LIBS += $(ICEORYX_LIBS)
endif

ifneq ($(wildcard /usr/include/liburing.h),)
BENCH_URING := -luring
$(O)/tools/obj/bench/transport_device.o $(O)/tools/obj/bench_vm/transport_device.o: BENCH_FLAGS += -DBENCH_URING
endif

BENCH_OBJ := $(BENCH_C:%=$(O)/tools/obj/bench/%.o) $(BENCH_CXX:%=$(O)/tools/obj/bench/%.o)
BENCH_VM_OBJ := $(BENCH_CORE:%=$(O)/tools/obj/bench_vm/%.o)
BENCH_FLAGS = -O2 -g $(WARN) $(INCLUDES) -MMD -MP

$(BENCH_OBJ): BENCH_FLAGS += -march=native

$(O)/tools/obj/bench/transport_dpdk.o: BENCH_FLAGS += -isystem /usr/include/dpdk \
	-isystem /usr/include/$(BENCH_MACHINE)/dpdk
$(O)/tools/obj/bench/transport_iceoryx.o $(O)/tools/obj/bench_vm/transport_iceoryx.o: BENCH_FLAGS += -isystem $(BENCH_ICEORYX)

bench-tools: $(O)/tools/bench $(O)/tools/bench_vm $(O)/tools/growth $(O)/tools/recovery

$(O)/tools/obj/bench/%.o: tools/bench/%.c | packages
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu11 $(BENCH_FLAGS) -c $< -o $@

$(O)/tools/obj/bench_vm/%.o: tools/bench/%.c | packages
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu11 $(BENCH_FLAGS) -c $< -o $@

$(O)/tools/obj/bench/%.o: tools/bench/%.cpp | packages
	@mkdir -p $(@D)
	$(call say,CXX)
	$(Q)$(CXX) -std=gnu++20 $(BENCH_FLAGS) -c $< -o $@

$(O)/tools/obj/bench_vm/%.o: tools/bench/%.cpp | packages
	@mkdir -p $(@D)
	$(call say,CXX)
	$(Q)$(CXX) -std=gnu++20 $(BENCH_FLAGS) -c $< -o $@

$(O)/tools/bench: $(BENCH_OBJ) $(TOOLS_COMMON) $(O)/lib/libringbuf.a
	$(call say,LD)
	$(Q)$(CXX) -o $@ $^ $(BENCH_LIBS) $(BENCH_URING)

$(O)/tools/bench_vm: $(BENCH_VM_OBJ) $(TOOLS_COMMON) $(O)/lib/libringbuf.a
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ -pthread -lrt $(BENCH_URING)

$(O)/tools/growth: $(O)/tools/obj/bench_vm/growth.o $(O)/lib/libringbuf.a
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ -pthread

RECOVERY_OBJ := $(patsubst %,$(O)/tools/obj/bench_vm/%.o, \
	recovery proc transport_ring $(filter transport_iceoryx,$(BENCH_CXX)))

$(O)/tools/recovery: $(RECOVERY_OBJ) $(TOOLS_COMMON) $(O)/lib/libringbuf.a
	$(call say,LD)
	$(Q)$(CXX) -o $@ $^ -pthread $(ICEORYX_LIBS)

growth: packages-BUILD $(O)/tools/growth
	$(Q)$(O)/tools/growth

recovery: packages-BENCH $(O)/tools/recovery kmod-6.12
	$(Q)tools/bench/compare --recovery
	$(Q)selftests/vm/run --kernel 6.12 -- env RINGBUF_HOST=module $(O)/tools/recovery

wake-cost: packages-WAKE lib $(O)/tools/bench_vm kmod-6.12
	$(Q)selftests/vm/run --kernel 6.12 -- $(O)/tools/bench_vm --vm --only=/W

$(O)/tools/nats_plain: $(O)/tools/obj/bench_vm/nats_plain.o
	$(call say,LD)
	$(Q)$(CC) -o $@ $^ -lnats

bridge-bench: packages packages-BRIDGE packages-PYTHON lib
	@$(MAKE) --no-print-directory python-built bridge $(O)/tools/nats_plain PYTHON=/usr/bin/python3
	$(Q)tools/bench/bridge

.PHONY: growth recovery wake-cost bridge-bench

-include $(patsubst %,$(O)/tools/obj/bench_vm/%.d,growth nats_plain) $(RECOVERY_OBJ:.o=.d) $(BENCH_OBJ:.o=.d) $(BENCH_VM_OBJ:.o=.d)
