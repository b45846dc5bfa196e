# SPDX-License-Identifier: GPL-2.0
# As root, with the module loaded: it opens /dev/ringbuf and mounts the file system.
CFLAGS += -std=gnu11 -O2 -Wall -D_FILE_OFFSET_BITS=64 -I.. -I. $(KHDR_INCLUDES)
LDLIBS += -lpthread -luring

TEST_GEN_PROGS := $(patsubst abi/%.c,%,$(wildcard abi/*.c))
TEST_GEN_PROGS_EXTENDED :=

include ../lib.mk

$(OUTPUT)/%: abi/%.c $(wildcard harness/*.[ch])
	$(LINK.c) $< $(wildcard harness/*.c) $(LDLIBS) -o $@
