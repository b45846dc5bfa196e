# SPDX-License-Identifier: GPL-2.0
# The examples: build/tools/examples/LANGUAGE/PROGRAM.  Scripts stay where they are.
#
# make examples         writers and readers in every language that this machine can compile

# A language needs its package only if the machine does not have it by other means.
package_unless = $(if $(shell command -v $(1)),,$(2))
PACKAGES_EXAMPLES := $(PACKAGES_BUILD) lib32gcc-12-dev libc6-dev-i386 perl libatomic1 liburing-dev \
	$(call package_unless,python3,python3) $(call package_unless,go,golang-go) \
	$(call package_unless,rustc,rustc) $(call package_unless,node,nodejs) \
	$(call package_unless,javac,default-jdk-headless) $(call package_unless,tclsh,tcl) \
	$(call package_unless,gfortran,gfortran) $(call package_unless,gnatmake,gnat)

EXAMPLES := $(O)/tools/examples
EXAMPLE_SRC := tools/examples
EXAMPLE_STREAM := stream_write stream_read
EXAMPLE_BOUND := message_write message_read map_write map_read
EXAMPLE_NAMES := $(EXAMPLE_STREAM) $(EXAMPLE_BOUND)

EXAMPLE_C := $(EXAMPLE_NAMES:%=$(EXAMPLES)/c/%) $(EXAMPLES)/c/poll_read
EXAMPLE_LIB := $(EXAMPLES)/c/uring_hub $(EXAMPLES)/c/record
EXAMPLE_C32 := $(EXAMPLE_NAMES:%=$(EXAMPLES)/c32/%)
EXAMPLE_CPP := $(EXAMPLE_NAMES:%=$(EXAMPLES)/cpp/%)
EXAMPLE_GO := $(EXAMPLE_NAMES:%=$(EXAMPLES)/go/%)
EXAMPLE_RUST := $(EXAMPLE_NAMES:%=$(EXAMPLES)/rust/%)
EXAMPLE_JAVA := $(EXAMPLES)/java/StreamWrite.class $(EXAMPLES)/java/StreamRead.class
EXAMPLE_FORTRAN := $(EXAMPLE_STREAM:%=$(EXAMPLES)/fortran/%)
EXAMPLE_ADA := $(EXAMPLE_STREAM:%=$(EXAMPLES)/ada/%)

EXAMPLE_FLAGS = -O2 -g $(WARN) -D_FILE_OFFSET_BITS=64 -Iinclude/uapi

$(EXAMPLE_C): $(EXAMPLES)/c/%: $(EXAMPLE_SRC)/c/%.c | packages-EXAMPLES
	$(call program,$(CC) -std=gnu11 $(EXAMPLE_FLAGS),$<,)

# The examples that use the library.
$(EXAMPLE_LIB): $(EXAMPLES)/c/%: $(EXAMPLE_SRC)/c/%.c $(O)/lib/libringbuf.a | packages-EXAMPLES
	$(call program,$(CC) -std=gnu11 -D_GNU_SOURCE $(EXAMPLE_FLAGS) -Iinclude,$<,$(O)/lib/libringbuf.a -luring)

$(EXAMPLE_C32): $(EXAMPLES)/c32/%: $(EXAMPLE_SRC)/c/%.c | packages-EXAMPLES
	$(call program,$(CC32) -std=gnu11 $(EXAMPLE_FLAGS),$<,)

$(EXAMPLE_CPP): $(EXAMPLES)/cpp/%: $(EXAMPLE_SRC)/cpp/%.cpp | packages-EXAMPLES
	$(call program,$(CXX) -std=gnu++20 $(EXAMPLE_FLAGS),$<,)

# The following programs need compilers that not every machine has.  Without one, make leaves
# its programs out, and the tests of them.
define example
$(call say,$(2))
$(Q)mkdir -p $(@D); command -v $(1) >/dev/null || { echo "no $(1): no $@"; exit 0; }
endef

$(EXAMPLES)/go/stream_%: $(EXAMPLE_SRC)/go/stream_%.go $(EXAMPLE_SRC)/go/io.go | packages-EXAMPLES
	$(call example,go,GO); GOCACHE='$(KEEP)/go' GO111MODULE=off go build -o $@ $^

$(EXAMPLES)/go/%: $(EXAMPLE_SRC)/go/%.go $(EXAMPLE_SRC)/go/io.go $(EXAMPLE_SRC)/go/ring.go \
		| packages-EXAMPLES
	$(call example,go,GO); GOCACHE='$(KEEP)/go' GO111MODULE=off go build -o $@ $^

$(EXAMPLES)/rust/%: $(EXAMPLE_SRC)/rust/%.rs $(EXAMPLE_SRC)/rust/ring.rs | packages-EXAMPLES
	$(call example,rustc,RUSTC); env -u MAKEFLAGS -u MFLAGS rustc --edition 2018 -O -D warnings -o $@ $<

$(EXAMPLES)/java/%.class: $(EXAMPLE_SRC)/java/%.java | packages-EXAMPLES
	$(call example,javac,JAVAC); javac -Xlint:all -Werror -d $(@D) $<

$(EXAMPLES)/fortran/%: $(EXAMPLE_SRC)/fortran/%.f90 | packages-EXAMPLES
	$(call example,gfortran,FC); gfortran -O2 -Wall -Wextra -Wno-function-elimination -Werror $< -o $@

$(EXAMPLES)/ada/%: $(EXAMPLE_SRC)/ada/%.adb | packages-EXAMPLES
	$(call example,gnatmake,GNAT); gnatmake -q -O2 -gnatwae -D $(@D) $< -o $@

tests: examples

examples: $(EXAMPLE_LIB) $(EXAMPLE_C) $(EXAMPLE_C32) $(EXAMPLE_CPP) $(EXAMPLE_GO) $(EXAMPLE_RUST) $(EXAMPLE_JAVA) \
	$(EXAMPLE_FORTRAN) $(EXAMPLE_ADA)

-include $(wildcard $(EXAMPLES)/*/*.d)

.PHONY: examples
