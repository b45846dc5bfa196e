# SPDX-License-Identifier: GPL-2.0
#
# The target help prints the lines that begin with "# make" here and in the build.mk files.
#
# make                  the library, the tools and the Python package; the module, if the headers of the running kernel are installed
# make lib              build/lib/libringbuf.so and .a, the man pages
# make tools            ringbufctl, perf_test_ringbuffer, demo_stream, in build/tools; ringbuf-bridge, if its libraries are installed
# make module           kmod/ringbuf.ko for the running kernel, or for that of KDIR=/path/to/its/build
# make load             load it, with PARAMS="default_slot_count=32 ..." if wanted
# make unload           unload it
# make modules_install  for modprobe, below INSTALL_MOD_PATH=
# make kmod-6.12        build/kmod/RELEASE/ringbuf.ko for a test kernel: 6.1, 6.12, 6.12-rt, debug, kcsan,
#                       all, 6.12-arm64, 6.12-arm64-16k
# make install          library, tools and man pages, below DESTDIR= PREFIX=/usr/local LIBDIR=$(PREFIX)/lib
# make uninstall        remove what make install has installed there
# make deb              Debian packages, in build/deb; SUFFIX= is added to their version
# make deps             install the Debian packages that make needs
# make demo             the main job, on both hosts
# make check            every test
# make tests-arm64      the module and the tests for arm64, in build/arm64, for selftests/vm/run
# make check-quick      the native tests and those of one kernel
# make check-full       every test, and what takes longer
# make coverage         the lines of the module that the tests do not run, on the debug kernel
# make lint             every static check
# make bench            the benchmark
# make charts           the same, and the charts of its results in README.md
# make upstream         the module as a series of patches for the kernel, in build/upstream
# make clean            remove what was built
# make help             this list; V=1 with any target shows the whole commands
#
# demo, check, lint, bench and the kmod-6.12 family install and fetch what they need
# (selftests/vm/deps and selftests/vm/fetch); without root they print the apt-get line
# instead.  All other targets print that line and stop if a package is missing.

# As many jobs as there are processors, unless -j says otherwise.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

VERSION := 0.1.0
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
ZSH_FUNCTIONS ?= $(PREFIX)/share/zsh/site-functions
UNITS ?= $(PREFIX)/lib/systemd/system
DESTDIR ?=
CC := gcc
CXX := g++
# gcc-multilib, which would make /usr/include/asm, cannot be installed beside a cross compiler.
CC32 = $(CC) -m32 -idirafter /usr/include/$(shell uname -m)-linux-gnu
OBJCOPY := objcopy
O := build
KERNELS := 6.1 6.12 6.12-rt
KERNELS_ARM64 := 6.12-arm64 6.12-arm64-16k

WARN := -Wall -Wextra -Wshadow
CFLAGS ?= -O2 -g
INCLUDES := -Iinclude -Iinclude/uapi
LIBFLAGS = -D_GNU_SOURCE -std=gnu11 $(CFLAGS) $(WARN) -Ilib -Ikmod $(INCLUDES) \
	-DRINGBUF_VERSION='"$(VERSION)"' -MMD -MP

# ccache and go keep what they compiled beside the kernels, or in the build folder if
# the user may not write there.  They make these folders themselves.
CACHE := $(shell bash -c '. selftests/vm/lib.sh && can_write "$$cache"/{ccache,go} && echo "$$cache"')
KEEP := $(or $(CACHE),$(abspath $(O)))
ifndef CCACHE_DIR
export CCACHE_DIR := $(KEEP)/ccache
export CCACHE_MAXSIZE := 1G
# What one checkout has compiled, another one need not, though it has another path: debug
# information may then name the first one's.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
endif
CCACHE_BIN := /usr/lib/ccache
export PATH := $(if $(filter $(CCACHE_BIN):%,$(PATH)),,$(CCACHE_BIN):)$(PATH)

# $(call say,CC): a short line that tells what is made, as kbuild prints; a second
# argument replaces the target's name.  V=1 shows the commands instead, -s nothing.
ifeq ($(V),1)
Q :=
say :=
else
Q := @
say = $(if $(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-7s %s\n' \
	'$(1)' '$(or $(2),$(subst /obj/,/,$(patsubst $(O)/%,%,$(@:build/%=%))))')
endif

# $(call program,COMPILER FLAGS,SOURCE,LIBRARIES): compile, then link, since ccache
# keeps objects only.
define program
@mkdir -p $(@D)
$(call say,$(if $(filter $(CXX),$(firstword $(1))),CXX,CC))
$(Q)$(1) -MMD -MP -MT $@ -c $(2) -o $@.o
$(Q)$(1) $@.o $(3) -o $@
endef

PACKAGES_BUILD := gcc g++ libc6-dev make perl-base libdeflate-dev libjansson-dev

all: lib tools python module-if-headers

# ---- packages ---------------------------------------------------------------

# These targets install what they need, all others only name it.
SET_UP := deps demo tests-arm64 check check-quick check-full coverage lint bench charts bench-python growth recovery perf-examples \
	wake-cost bridge-bench upstream kmod-%
DEPS := selftests/vm/deps $(if $(filter $(SET_UP),$(MAKECMDGOALS)),,--check)

# What all goals of this call need is checked first, so that one line names all of it.
PACKAGES_VM = $(shell sed 's/\#.*//' selftests/vm/packages)
PACKAGES_ARM64 = $(shell sed 's/\#.*//' selftests/vm/packages-arm64)
PACKAGES_FOR_all = $(PACKAGES_BUILD) $(PACKAGES_PYTHON)
PACKAGES_FOR_lib = $(PACKAGES_BUILD)
PACKAGES_FOR_tools = $(PACKAGES_BUILD)
PACKAGES_FOR_python = $(PACKAGES_PYTHON)
PACKAGES_FOR_module = gcc libc6-dev kmod
PACKAGES_FOR_deps = $(PACKAGES_FOR_all) $(PACKAGES_BRIDGE) $(PACKAGES_FOR_module) $(shell kmod/local package)
PACKAGES_FOR_demo = $(PACKAGES_BUILD) $(PACKAGES_DEMO) $(PACKAGES_VM)
PACKAGES_FOR_perf-examples = $(PACKAGES_BUILD)
PACKAGES_FOR_check = $(PACKAGES_TEST) $(PACKAGES_PYTEST) $(PACKAGES_EXAMPLES) $(PACKAGES_DEMO) \
	$(PACKAGES_VM) $(PACKAGES_ARM64)
PACKAGES_FOR_check-quick = $(PACKAGES_QUICK) $(PACKAGES_PYTEST) $(PACKAGES_VM)
PACKAGES_FOR_coverage = $(PACKAGES_FOR_check-quick)
PACKAGES_FOR_bench = $(PACKAGES_BUILD) $(PACKAGES_BENCH)
PACKAGES_FOR_charts = $(PACKAGES_FOR_bench) $(PACKAGES_CHARTS)
PACKAGES_FOR_bench-python = $(PACKAGES_BENCHPY)
PACKAGES_FOR_lint = $(PACKAGES_LINT) $(PACKAGES_VM)
PACKAGES_FOR_upstream = $(PACKAGES_LINT) $(PACKAGES_VM)
PACKAGES_FOR_check-full = $(PACKAGES_FOR_check) $(PACKAGES_LINT) $(PACKAGES_DEB)
PACKAGES_FOR_install = $(PACKAGES_BUILD)
PACKAGES_FOR_deb = $(PACKAGES_BUILD) $(PACKAGES_DEB)
PACKAGES_FOR_uninstall = $(PACKAGES_BUILD)
PACKAGES_FOR_growth = $(PACKAGES_BUILD)
PACKAGES_FOR_recovery = $(PACKAGES_FOR_bench) $(PACKAGES_VM)
PACKAGES_FOR_bridge-bench = $(PACKAGES_BUILD) $(PACKAGES_PYTHON) $(PACKAGES_BRIDGE)
PACKAGES_FOR_wake-cost = $(PACKAGES_WAKE) $(PACKAGES_VM)
$(foreach k,kmod-all kmod-debug kmod-kcsan $(KERNELS:%=kmod-%), \
	$(eval PACKAGES_FOR_$(k) = $$(PACKAGES_BUILD) $$(PACKAGES_VM)))
$(foreach k,tests-arm64 $(KERNELS_ARM64:%=kmod-%), \
	$(eval PACKAGES_FOR_$(k) = $$(PACKAGES_BUILD) $$(PACKAGES_VM) $$(PACKAGES_ARM64)))

packages:
	@$(DEPS) $(sort $(foreach goal,$(or $(MAKECMDGOALS),all),$(PACKAGES_FOR_$(goal))) make)

packages-%: packages
	@$(DEPS) $(PACKAGES_$*)

deps: packages

# ---- library ----------------------------------------------------------------

LIB_SRC := $(wildcard lib/*.c)
LIB_OBJ := $(LIB_SRC:lib/%.c=$(O)/lib/obj/%.o)
SONAME := libringbuf.so.0

lib: $(O)/lib/libringbuf.so $(O)/lib/libringbuf.a $(O)/lib/ringbuf.pc $(O)/lib/man/ringbuf.7

$(O)/lib/obj/%.o: lib/%.c | packages-BUILD
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(LIBFLAGS) -fPIC -fvisibility=hidden -c $< -o $@

# One object, in which what is hidden is local: a static program sees the API only.
$(O)/lib/libringbuf.a: $(LIB_OBJ)
	$(call say,AR)
	$(Q)$(LD) -r -o $(O)/lib/obj/libringbuf-all.o $(LIB_OBJ)
	$(Q)$(OBJCOPY) --localize-hidden $(O)/lib/obj/libringbuf-all.o
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(O)/lib/obj/libringbuf-all.o

# For lib/python: with the calls of lib/inside.h, which are hidden, too.
$(O)/lib/libringbuf-inside.a: $(LIB_OBJ)
	$(call say,AR)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(LIB_OBJ)

$(O)/lib/libringbuf.so: $(LIB_OBJ) lib/libringbuf.map
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/libringbuf.map \
		-Wl,--no-undefined-version -Wl,-z,defs -o $@.$(VERSION) $(LIB_OBJ)
	$(Q)lib/check-map lib/libringbuf.map include/ringbuf.h $@.$(VERSION)
	$(Q)ln -sf libringbuf.so.$(VERSION) $(O)/lib/$(SONAME)
	$(Q)ln -sf $(SONAME) $@

$(O)/lib/ringbuf.pc: lib/ringbuf.pc.in Makefile | packages
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$(fill_in) $< > $@

# All pages of section 3 come with it; of a function that is gone none stays.
$(O)/lib/man/ringbuf.7: include/ringbuf.h lib/man-pages lib/ringbuf.7.in Makefile | packages
	$(call say,MAN,lib/man)
	$(Q)rm -rf $(@D)
	$(Q)mkdir -p $(@D)
	$(Q)lib/man-pages include/ringbuf.h $(@D) $(VERSION)

# ---- module -----------------------------------------------------------------

# For this machine, in kmod/.
module: packages
	@kmod/local build

module-if-headers: packages
	@kmod/local build --if-headers

load:
	@kmod/local load $(PARAMS)

unload:
	@kmod/local unload

modules_install:
	@kmod/local install

# For the test kernels, in build/kmod.
kmod-%: packages-BUILD
	$(Q)kmod/build $*

kmod-all: $(KERNELS:%=kmod-%) kmod-debug

include lib/python/build.mk
include tools/build.mk
include tools/bench/build.mk
include tools/examples/build.mk
include selftests/build.mk

# ---- what one calls ----------------------------------------------------------

demo: packages packages-DEMO lib tools kmod-6.12
	$(Q)tools/demo

bench: packages packages-BENCH lib
	@$(MAKE) --no-print-directory bench-tools
	$(Q)tools/bench/compare

charts: packages packages-BENCH packages-CHARTS lib
	@$(MAKE) --no-print-directory bench-tools
	$(Q)tools/bench/charts --measure

lint: packages packages-LINT
	$(Q)selftests/lint

upstream: packages packages-LINT
	$(Q)kmod/upstream/series

# $(call put,MODE,FILES,FOLDER): install files into a folder below DESTDIR.
define put
$(call say,INSTALL,$(DESTDIR)$(3))
$(Q)install -d $(DESTDIR)$(3)
$(Q)install -m $(1) $(2) $(DESTDIR)$(3)/

endef

# By these other build systems find the library.  The path from LIBDIR to the headers is
# relative, so that the installed tree may be moved.
fill_in = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|' \
	-e 's|@VERSION@|$(VERSION)|' -e 's|@SONAME@|$(SONAME)|' \
	-e "s|@TO_INCLUDE@|$$(realpath -ms --relative-to=$(LIBDIR) $(PREFIX)/include)|"

# $(call put_filled,FILE,FOLDER): install lib/FILE.in, filled in.
define put_filled
$(call say,INSTALL,$(DESTDIR)$(2))
$(Q)install -d $(DESTDIR)$(2)
$(Q)$(fill_in) lib/$(1).in > $(DESTDIR)$(2)/$(1)

endef

# $(call put_unit,FILE): install a unit of systemd, FILE.in, filled in.
define put_unit
$(call say,INSTALL,$(DESTDIR)$(UNITS))
$(Q)install -d $(DESTDIR)$(UNITS)
$(Q)$(fill_in) $(1).in > $(DESTDIR)$(UNITS)/$(notdir $(1))

endef

install: lib tools
	$(call put,644,$(O)/lib/libringbuf.a,$(LIBDIR))
	$(call put,755,$(O)/lib/libringbuf.so.$(VERSION),$(LIBDIR))
	$(Q)ln -sf libringbuf.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	$(Q)ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libringbuf.so
	$(call put_filled,ringbuf.pc,$(LIBDIR)/pkgconfig)
	$(call put_filled,ringbuf-config.cmake,$(LIBDIR)/cmake/ringbuf)
	$(call put_filled,ringbuf-config-version.cmake,$(LIBDIR)/cmake/ringbuf)
	$(call put,644,include/ringbuf.h include/ringbuf_uring.h,$(PREFIX)/include)
	$(call put,644,include/uapi/linux/ringbuf.h,$(PREFIX)/include/linux)
	$(call put,755,$(O)/tools/perf_test_ringbuffer $(O)/tools/ringbufctl,$(PREFIX)/bin)
	$(if $(and $(NATS),$(wildcard $(O)/tools/ringbuf-bridge)),$(call put,755,$(O)/tools/ringbuf-bridge,$(PREFIX)/bin) \
		$(call put,644,tools/bridge/*.1,$(PREFIX)/share/man/man1) \
		$(call put,644,tools/bridge/sysusers.d/*.conf,$(PREFIX)/lib/sysusers.d) \
		$(call put_unit,tools/bridge/ringbuf-bridge@.service))
	$(call put,644,tools/completion/bash/*,$(PREFIX)/share/bash-completion/completions)
	$(call put,644,tools/completion/zsh/*,$(ZSH_FUNCTIONS))
	$(call put,644,tools/*.1,$(PREFIX)/share/man/man1)
	$(call put,644,$(O)/lib/man/*.3,$(PREFIX)/share/man/man3)
	$(call put,644,lib/ringbuf.4,$(PREFIX)/share/man/man4)
	$(call put,644,lib/ringbuf.5,$(PREFIX)/share/man/man5)
	$(call put,644,$(O)/lib/man/ringbuf.7,$(PREFIX)/share/man/man7)

# Installs once more, into the build folder, to see which files these are.
uninstall:
	@rm -rf $(O)/installed
	@$(MAKE) -s --no-print-directory install DESTDIR=$(abspath $(O)/installed)
	$(call say,REMOVE,$(DESTDIR)$(PREFIX))
	$(Q)cd $(O)/installed && find . ! -type d -printf '$(DESTDIR)/%P\0' | xargs -0 rm -f
	$(Q)cd $(O)/installed && find . -depth -type d -name '*ringbuf*' -printf '$(DESTDIR)/%P\0' | \
		xargs -0r rmdir --ignore-fail-on-non-empty

deb: packages packages-DEB
	$(Q)tools/deb $(if $(SUFFIX),--suffix $(SUFFIX))

# .gitignore names what kbuild leaves in kmod/.
clean:
	$(call say,CLEAN,$(O) kmod)
	$(Q)rm -rf $(O) $$(sed -n 's,^/kmod/,kmod/,p' .gitignore)

help:
	@sed -n 's/^# make/make/p' $(filter Makefile %.mk,$(MAKEFILE_LIST))

-include $(LIB_OBJ:.o=.d)

.PHONY: packages deps all lib tools module module-if-headers load unload modules_install kmod-all demo bench \
	bench-tools charts check check-quick lint upstream install uninstall deb clean help
