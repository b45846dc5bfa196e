# SPDX-License-Identifier: GPL-2.0
# The Python package: build/python/ringbuffer/_ringbuf.<version>.so, found by lib/python.
#
# make python           the Python package for python3, or PYTHON=...
# make python-all       for every Python from 3.8 to 3.13 on this machine
# make bench-python     the Python package beside what a program would take instead

PYTHON ?= python3
PACKAGES_PYTHON := $(PACKAGES_BUILD) python3 python3-dev
PACKAGES_PYTEST := $(PACKAGES_PYTHON) python3-pytest python3-numpy python3-matplotlib \
	python3-setuptools python3-wheel python3-pip alsa-utils
PACKAGES_BENCHPY := $(PACKAGES_PYTHON) python3-numpy python3-matplotlib python3-zmq

PY_SRC := $(wildcard lib/python/src/*.c)
PY_FLAGS = -D_GNU_SOURCE -std=gnu11 $(CFLAGS) $(WARN) -Wno-missing-field-initializers -Iinclude -Ilib \
	-fPIC -fvisibility=hidden

# What the interpreter $(1) says of itself.
py_say = $(shell $(1) -c 'import sysconfig; print($(2))')
PY_INCLUDE = $(eval PY_INCLUDE := $(call py_say,$(PYTHON),sysconfig.get_paths()["include"]))$(PY_INCLUDE)
PY_OBJ = $(O)/python/obj/$(subst /,_,$(PYTHON))
PY_SUFFIX = $(call py_say,$(PYTHON),sysconfig.get_config_var("EXT_SUFFIX"))
PY_SO = $(O)/python/ringbuffer/_ringbuf$(PY_SUFFIX)

python: packages-PYTHON lib
	@$(MAKE) --no-print-directory python-built

# Asks the interpreter only when the package is wanted.
python-built: $(O)/python/.built-$(subst /,_,$(PYTHON))

$(PY_OBJ)/%.o: lib/python/src/%.c $(wildcard lib/python/src/*.h) include/ringbuf.h lib/inside.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(PY_FLAGS) -isystem $(PY_INCLUDE) -c $< -o $@

# Without this make would delete the objects, as intermediate files.
.PRECIOUS: $(PY_OBJ)/%.o

$(O)/python/.built-%: $(PY_SRC:lib/python/src/%.c=$(PY_OBJ)/%.o) $(O)/lib/libringbuf-inside.a
	@mkdir -p $(O)/python/ringbuffer
	$(call say,LD,$(PY_SO:$(O)/%=%))
	$(Q)$(CC) -shared $^ -Wl,--exclude-libs,ALL -pthread -o $(PY_SO)
	@touch $@

# After that for Debian's, which is one of them.
python-all: packages-PYTHON lib python-debian
	@for p in $$(selftests/python/pythons); do \
		$(MAKE) --no-print-directory python-built PYTHON=$$p || exit; done

# Beside plain alternatives, and in place beside the C benchmark.
bench-python: packages-BENCHPY lib
	@$(MAKE) --no-print-directory python-built PYTHON=/usr/bin/python3
	@$(MAKE) --no-print-directory $(O)/tools/bench
	$(Q)/usr/bin/python3 lib/python/bench/compare.py

.PHONY: python python-built python-all bench-python
