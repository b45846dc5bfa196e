# SPDX-License-Identifier: GPL-2.0
# The tools: build/tools/...
#
# make perf-examples    run the five examples of the table in tools/bench/README.md, and print its rows

PACKAGES_DEMO := alsa-utils
# The build dependencies of tools/debian/control, and lintian, which checks the packages.
PACKAGES_BRIDGE_DEV := libnats-dev libmicrohttpd-dev libsystemd-dev libtomlplusplus-dev
PACKAGES_DEB := dpkg-dev debhelper dh-dkms dh-python pybuild-plugin-pyproject python3-all-dev \
	python3-setuptools python3-wheel lintian $(PACKAGES_BRIDGE_DEV)
PACKAGES_WAKE := $(PACKAGES_BUILD) liburing-dev
PACKAGES_BRIDGE := $(PACKAGES_BRIDGE_DEV) nats-server
PACKAGES_CHARTS := python3-matplotlib
PACKAGES_BENCH := libboost-dev libzmq3-dev libdpdk-dev iceoryx libiceoryx-posh-dev \
	libiceoryx-hoofs-dev

TOOL_FLAGS = -D_GNU_SOURCE -std=gnu11 $(CFLAGS) $(WARN) $(INCLUDES) -MMD -MP

# $(call tool_objects,SOURCES): the objects of one tool, and the archive of what all tools share,
# from which the linker takes what this tool calls.
tool_objects = $(patsubst tools/%.c,$(O)/tools/obj/%.o,$(1)) $(TOOLS_COMMON)
TOOLS_COMMON := $(O)/tools/obj/common.a
COMMON_OBJ := $(patsubst tools/%.c,$(O)/tools/obj/%.o,$(wildcard tools/common/*.c))
PERF_OBJ := $(call tool_objects,$(wildcard tools/perf_*.c))
CTL_OBJ := $(call tool_objects,tools/ringbufctl.c $(wildcard tools/ctl_*.c))
DEMO_OBJ := $(call tool_objects,$(wildcard tools/demo_*.c))

# The bridge needs libraries without which the other tools are built; NATS= leaves it out, too.  A goal
# that installs packages does so before the headers are looked for.
NATS ?= /usr/include/nats/nats.h
BRIDGE_HEADERS = $(NATS) $(addprefix /usr/include/,microhttpd.h systemd/sd-daemon.h toml++/toml.h)
BRIDGE_OBJ := $(O)/tools/obj/bridge/config_file.o $(call tool_objects,$(wildcard tools/bridge/*.c))
BRIDGE_LIBS := -lnats -ljansson -lmicrohttpd -lsystemd -ltomlplusplus -pthread

# $(call if_bridge,COMMAND,ELSE): a shell command that runs one of these.
if_bridge = if [ "$(NATS)" ] && ls $(BRIDGE_HEADERS) >/dev/null 2>&1; then $(1); else $(2); fi

tools: bridge

bridge: $(O)/tools/ringbufctl | packages
ifneq ($(NATS),)
	$(Q)$(call if_bridge,$(MAKE) --no-print-directory $(O)/tools/ringbuf-bridge, \
		echo '  SKIP    tools/ringbuf-bridge; run: apt-get install $(PACKAGES_BRIDGE)')
endif

tools: $(O)/tools/perf_test_ringbuffer $(O)/tools/demo_stream $(O)/tools/ringbufctl

$(O)/tools/obj/%.o: tools/%.c | packages-BUILD
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(TOOL_FLAGS) -c $< -o $@

$(TOOLS_COMMON): $(COMMON_OBJ)
	$(call say,AR)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/tools/perf_test_ringbuffer: $(PERF_OBJ) $(O)/lib/libringbuf.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -ldeflate -ljansson -lm -pthread

$(O)/tools/ringbufctl: $(CTL_OBJ) $(O)/lib/libringbuf.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -ljansson -pthread

$(O)/tools/demo_stream: $(DEMO_OBJ) $(O)/lib/libringbuf.a
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -ldeflate -lm -pthread

$(O)/tools/ringbuf-bridge: $(BRIDGE_OBJ) $(O)/lib/libringbuf-inside.a
	$(call say,LD)
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(BRIDGE_LIBS)

# The library is used, not the headers alone, which would take long to compile.
$(O)/tools/obj/bridge/config_file.o: tools/bridge/config_file.cpp | packages-BUILD
	@mkdir -p $(@D)
	$(call say,CXX)
	$(Q)$(CXX) -std=c++17 $(CFLAGS) $(WARN) -DTOML_HEADER_ONLY=0 -DTOML_SHARED_LIB=1 -MMD -MP -c $< -o $@

perf-examples: packages tools
	@tools/perf_examples

.PHONY: perf-examples bridge

-include $(patsubst %.o,%.d,$(filter %.o,$(PERF_OBJ) $(CTL_OBJ) $(DEMO_OBJ) $(BRIDGE_OBJ)) $(COMMON_OBJ))
