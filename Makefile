# SPDX-License-Identifier: GPL-2.0
#
# make              the library, the tools, the Python package and the module for the newest kernel fetched
# make demo         the main job, on both hosts
# make check        all tests; make check-quick: native ones and one kernel;
#                   make check-full: and what takes longer
# make perf-examples  the five examples that ringbuf began with
# make bench        the benchmark; make bench-python: from Python
# make growth       what a reader costs as there are more of them
# make lint         every static check
# make upstream     the module as a series of patches for the kernel, in build/upstream
# make install      DESTDIR= PREFIX=/usr/local
#
# What is needed is installed or fetched on the way (selftests/vm/deps and
# selftests/vm/fetch); without root the apt-get line is printed instead.

# As many jobs as there are processors, unless -j says otherwise.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
CC := gcc
CXX := g++
O := build
KERNELS := 6.1 6.12 6.12-rt

WARN := -Wall -Wextra -Wshadow
CFLAGS ?= -O2 -g
INCLUDES := -Iinclude -Iinclude/uapi
LIBFLAGS = -D_GNU_SOURCE -std=gnu11 $(CFLAGS) $(WARN) -Ilib -Ikmod $(INCLUDES) \
	-DRINGBUF_VERSION='"$(VERSION)"' -MMD -MP

# What was compiled is kept where the kernels are, or in the build folder where that
# may not be written; if there is ccache, which check installs.
CACHE := $(shell bash -c '. selftests/vm/lib.sh && mkdir -p "$$cache"/{ccache,go} && \
	cd "$$cache" && [[ -w ccache && -w go ]] && pwd' 2>/dev/null)
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

# $(call program,COMPILER FLAGS,SOURCE,LIBRARIES): compiled, then linked, since ccache
# keeps objects only.
define program
@mkdir -p $(@D)
$(1) -MMD -MP -MT $@ -c $(2) -o $@.o
$(1) $@.o $(3) -o $@
endef

PACKAGES_BUILD := gcc g++ libc6-dev make perl-base libdeflate-dev libjansson-dev

all: lib tools python kmod

# ---- packages ---------------------------------------------------------------

# What all goals of this call need comes first, so that who is not root is told
# everything in one line.
PACKAGES_VM = $(shell sed 's/\#.*//' selftests/vm/packages)
PACKAGES_FOR_all = $(PACKAGES_BUILD) $(PACKAGES_PYTHON) $(PACKAGES_VM)
PACKAGES_FOR_demo = $(PACKAGES_BUILD) $(PACKAGES_DEMO) $(PACKAGES_VM)
PACKAGES_FOR_perf-examples = $(PACKAGES_BUILD)
PACKAGES_FOR_check = $(PACKAGES_TEST) $(PACKAGES_PYTEST) $(PACKAGES_EXAMPLES) $(PACKAGES_DEMO) \
	$(PACKAGES_VM)
PACKAGES_FOR_check-quick = $(PACKAGES_QUICK) $(PACKAGES_PYTEST) $(PACKAGES_VM)
PACKAGES_FOR_bench = $(PACKAGES_BUILD) $(PACKAGES_BENCH)
PACKAGES_FOR_bench-python = $(PACKAGES_BENCHPY)
PACKAGES_FOR_lint = $(PACKAGES_LINT) $(PACKAGES_VM)
PACKAGES_FOR_upstream = $(PACKAGES_LINT) $(PACKAGES_VM)
PACKAGES_FOR_check-full = $(PACKAGES_FOR_check) $(PACKAGES_LINT)
PACKAGES_FOR_install = $(PACKAGES_BUILD)
PACKAGES_FOR_growth = $(PACKAGES_BUILD)
PACKAGES_FOR_wake-cost = $(PACKAGES_TEST) $(PACKAGES_VM)
$(foreach k,kmod kmod-all kmod-debug $(KERNELS:%=kmod-%), \
	$(eval PACKAGES_FOR_$(k) = $$(PACKAGES_BUILD) $$(PACKAGES_VM)))

packages:
	@selftests/vm/deps $(sort $(foreach goal,$(or $(MAKECMDGOALS),all),$(PACKAGES_FOR_$(goal))) make)

packages-%: packages
	@selftests/vm/deps $(PACKAGES_$*)

# ---- library ----------------------------------------------------------------

LIB_SRC := $(wildcard lib/*.c)
LIB_OBJ := $(LIB_SRC:lib/%.c=$(O)/lib/obj/%.o)
SONAME := libringbuf.so.0

lib: $(O)/lib/libringbuf.so $(O)/lib/libringbuf.a $(O)/lib/ringbuf.pc $(O)/lib/man/ringbuf.7

$(O)/lib/obj/%.o: lib/%.c | packages-BUILD
	@mkdir -p $(@D)
	$(CC) $(LIBFLAGS) -fPIC -fvisibility=hidden -c $< -o $@

# One object, in which what is hidden is local: a static program sees the API only.
$(O)/lib/libringbuf.a: $(LIB_OBJ)
	$(LD) -r -o $(O)/lib/obj/libringbuf-all.o $(LIB_OBJ)
	objcopy --localize-hidden $(O)/lib/obj/libringbuf-all.o
	rm -f $@
	$(AR) rcs $@ $(O)/lib/obj/libringbuf-all.o

# For lib/python: with the calls of lib/inside.h, which are hidden, too.
$(O)/lib/libringbuf-inside.a: $(LIB_OBJ)
	rm -f $@
	$(AR) rcs $@ $(LIB_OBJ)

$(O)/lib/libringbuf.so: $(LIB_OBJ) lib/libringbuf.map
	$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/libringbuf.map \
		-Wl,--no-undefined-version -Wl,-z,defs -o $@.$(VERSION) $(LIB_OBJ)
	lib/check-map lib/libringbuf.map include/ringbuf.h $@.$(VERSION)
	ln -sf libringbuf.so.$(VERSION) $(O)/lib/$(SONAME)
	ln -sf $(SONAME) $@

$(O)/lib/ringbuf.pc: lib/ringbuf.pc.in Makefile | packages
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< > $@

# All pages of section 3 come with it; of a function that is gone none stays.
$(O)/lib/man/ringbuf.7: include/ringbuf.h lib/man-pages lib/ringbuf.7.in Makefile | packages
	rm -rf $(@D)
	mkdir -p $(@D)
	lib/man-pages include/ringbuf.h $(@D) $(VERSION)

# ---- module -----------------------------------------------------------------

# For the newest kernel that was fetched, 6.12 if none was.
kmod: packages-BUILD
	@for k in 6.12 6.12-rt 6.1; do \
		if selftests/vm/kernel $$k >/dev/null 2>&1; then break; fi; k=6.12; \
	done; kmod/build $$k

kmod-%: packages-BUILD
	kmod/build $*

kmod-all: $(KERNELS:%=kmod-%) kmod-debug

include lib/python/build.mk
include tools/build.mk
include tools/bench/build.mk
include tools/examples/build.mk
include selftests/build.mk

# ---- what one calls ----------------------------------------------------------

demo: packages packages-DEMO lib tools kmod-6.12
	tools/demo

bench: packages packages-BENCH lib
	$(MAKE) bench-tools
	tools/bench/run

lint: packages packages-LINT
	selftests/lint

upstream: packages packages-LINT
	kmod/upstream/series

MAN_SECTIONS := 1 3 4 5 7

install: lib tools
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/linux \
		$(DESTDIR)$(PREFIX)/bin $(MAN_SECTIONS:%=$(DESTDIR)$(PREFIX)/share/man/man%)
	install -m 644 $(O)/lib/libringbuf.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(O)/lib/libringbuf.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/
	ln -sf libringbuf.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(PREFIX)/lib/libringbuf.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' lib/ringbuf.pc.in \
		> $(DESTDIR)$(PREFIX)/lib/pkgconfig/ringbuf.pc
	install -m 644 include/ringbuf.h include/ringbuf_uring.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 include/uapi/linux/ringbuf.h $(DESTDIR)$(PREFIX)/include/linux/
	install -m 755 $(O)/tools/perf_test_ringbuffer $(O)/tools/ringbufctl $(DESTDIR)$(PREFIX)/bin/
	install -m 644 tools/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 $(O)/lib/man/*.3 $(DESTDIR)$(PREFIX)/share/man/man3/
	install -m 644 lib/ringbuf.4 $(DESTDIR)$(PREFIX)/share/man/man4/
	install -m 644 lib/ringbuf.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 $(O)/lib/man/ringbuf.7 $(DESTDIR)$(PREFIX)/share/man/man7/

# .gitignore names what kbuild leaves in kmod/.
clean:
	rm -rf $(O) $$(sed -n 's,^/kmod/,kmod/,p' .gitignore)

-include $(LIB_OBJ:.o=.d)

.PHONY: packages all lib tools kmod kmod-all demo bench bench-tools check check-quick lint upstream install clean
