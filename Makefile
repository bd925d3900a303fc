# Traffic Tacos. `make help` lists the targets.
#
# One variant of every object per set of flags, under build/<variant>/:
#   release  the product             asan   ASan + UBSan, slow checks: unit tests
#   tsan     ThreadSanitizer         sim    optimised, slow checks off: simulator
#   fuzz     clang, libFuzzer, ASan + UBSan

MAKEFLAGS += --no-builtin-rules
# As many jobs as cores, unless the command line says how many.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
.SUFFIXES:
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
CLANG   ?= clang
PYTHON  ?= /usr/bin/python3
SEED    ?= 0
VERSION := $(shell git describe --always --dirty --tags 2>/dev/null || echo unknown)

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
ifneq ($(CI),)
WARNINGS += -Werror
endif
COMMON   := -std=gnu17 -Isrc -g $(WARNINGS) -fno-strict-aliasing -D_GNU_SOURCE -pthread -MMD -MP
HARDEN   := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection
HARDEN_LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack
LIBS     := -lssl -lcrypto -lnghttp2 -lcurl -largon2 -lz -lxxhash -lqrencode -lm -pthread

CFLAGS_release := -O2 $(HARDEN) -D_FORTIFY_SOURCE=2
LDFLAGS_release := $(HARDEN_LINK)
CFLAGS_asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
                  -fno-sanitize-recover=all -DTACOS_CHECK_SLOW
LDFLAGS_asan   := -fsanitize=address,undefined
CFLAGS_tsan    := -O1 -fno-omit-frame-pointer -fsanitize=thread
LDFLAGS_tsan   := -fsanitize=thread
CFLAGS_sim     := -O2
LDFLAGS_sim    :=
CFLAGS_fuzz    := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
                  -fno-sanitize-recover=all
LDFLAGS_fuzz   := -fsanitize=fuzzer,address,undefined
CC_fuzz        := $(CLANG)

ROOMS    := base ops store net load queue bus room sale shield aws api
SOURCES  := $(sort $(foreach room,$(ROOMS),$(wildcard src/$(room)/*.c)))
COMMANDS := $(sort $(wildcard src/cmd/*.c))
# The provider's link other libraries: tools/provider.mk.
UNIT     := $(filter-out tests/unit/provider/%,$(sort $(wildcard tests/unit/*/test_*.c)))
SIM      := $(sort $(wildcard tests/sim/*.c))
SIM_LIB  := $(filter-out tests/sim/sim_%.c,$(SIM))
PROVIDER_FUZZ := $(sort $(wildcard tests/fuzz/fuzz_terraform_*.c))
FUZZ     := $(filter-out $(PROVIDER_FUZZ),$(sort $(wildcard tests/fuzz/fuzz_*.c)))
BENCHES  := $(sort $(wildcard bench/bench_*.c))
# What benchmarks share, peers included: every other file beside them.
BENCH_LIB := $(sort $(filter-out $(BENCHES),$(wildcard bench/*.c)))
# Helpers that unit tests share: every other file beside them.
UNIT_LIB := $(sort $(filter-out $(UNIT) tests/unit/provider/%,$(wildcard tests/unit/*/*.c)))

objects = $(patsubst %.c,build/$(1)/%.o,$(2))

.PHONY: all
all: build/tacos

# --- objects, one rule per variant ---
define VARIANT
build/$(1)/%.o: %.c Makefile | deps
	@mkdir -p $$(@D)
	$$(or $$(CC_$(1)),$$(CC)) $$(COMMON) -Itests -Ibench $$(CFLAGS_$(1)) -c $$< -o $$@
endef
$(foreach variant,release asan tsan sim fuzz,$(eval $(call VARIANT,$(variant))))

build/release/src/cmd/version.o: CFLAGS_release += -DTACOS_VERSION='"$(VERSION)"'
build/release/src/cmd/version.o: build/version

# Written only when the version changed, so that version.o is built again just then.
.PHONY: force
build/version: force
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

# Scenarios of the load generator are part of it, as they are.
$(foreach variant,release asan tsan sim fuzz,build/$(variant)/src/load/shipped.o): \
  $(wildcard examples/load/*.json)

build/tacos: $(call objects,release,$(SOURCES) $(COMMANDS))
	$(CC) $(LDFLAGS_release) $^ $(LIBS) -o $@

# --- all rooms but cmd as one archive per variant, of which a test program links what it uses ---
define ARCHIVE
build/$(1)/tacos.a: $(call objects,$(1),$(SOURCES))
	@rm -f $$@
	@$$(AR) rcs $$@ $$^
endef
$(foreach variant,release asan tsan sim fuzz,$(eval $(call ARCHIVE,$(variant))))

# --- test programs: build/<variant>/tests/... ---
# $(call PROGRAM,variant,program,further sources,further libraries)
define PROGRAM
build/$(1)/$(2): $(call objects,$(1),$(2).c $(3)) build/$(1)/tacos.a
	$$(or $$(CC_$(1)),$$(CC)) $$(LDFLAGS_$(1)) $$^ $$(LIBS) $(4) -o $$@
endef
UNIT_HELPERS := $(UNIT_LIB) $(SIM_LIB)
$(foreach test,$(UNIT:.c=),$(eval $(call PROGRAM,asan,$(test),$(UNIT_HELPERS),-lcmocka)))
$(foreach test,$(UNIT:.c=),$(eval $(call PROGRAM,tsan,$(test),$(UNIT_HELPERS),-lcmocka)))
$(foreach test,$(filter tests/sim/sim_%,$(SIM:.c=)),$(eval $(call PROGRAM,sim,$(test),$(SIM_LIB))))
$(foreach test,$(FUZZ:.c=),$(eval $(call PROGRAM,fuzz,$(test),$(SIM_LIB))))
# The same targets as plain programs that run the files they are given.
$(foreach test,$(FUZZ:.c=),$(eval $(call PROGRAM,asan,$(test),tests/fuzz/replay.c $(SIM_LIB))))
$(foreach test,$(BENCHES:.c=),$(eval $(call PROGRAM,release,$(test),$(BENCH_LIB),-lrocksdb)))

.PHONY: deps
deps:
	@tools/deps.sh

include tools/provider.mk
include tools/targets.mk

-include $(shell find build -name '*.d' 2>/dev/null)
