# What `make` does besides building. Each target's line after ## is what `make help` prints.

# Only tests, fuzz targets or benchmarks whose path contains this text.
ONLY    ?=
TARGET  ?=
SECONDS ?= 60
BENCH   ?=

# Unit tests that start threads; they run once more under ThreadSanitizer.
TSAN_TESTS := ops/test_metrics net/test_ring net/test_tls_threads net/test_reactor_thread \
              net/test_server shield/test_password_pool store/test_log_threads \
              store/test_store_threads store/test_warmer

# $(call matching,text,words): the words that contain the text; all when it is empty.
matching = $(if $(1),$(foreach word,$(2),$(if $(findstring $(1),$(word)),$(word))),$(2))

UNIT_PROGRAMS   := $(UNIT:%.c=build/asan/%) $(PROVIDER_UNIT:%.c=build/asan/%)
TSAN_PROGRAMS   := $(patsubst %.c,build/tsan/%,$(wildcard $(TSAN_TESTS:%=tests/unit/%.c)))
SIM_PROGRAMS    := $(patsubst %.c,build/sim/%,$(filter tests/sim/sim_%,$(SIM)))
REPLAY_PROGRAMS := $(FUZZ:%.c=build/asan/%) $(PROVIDER_FUZZ:%.c=build/asan/%)
FUZZ_PROGRAMS   := $(FUZZ:%.c=build/fuzz/%) $(PROVIDER_FUZZ:%.c=build/fuzz/%)
BENCH_PROGRAMS  := $(BENCHES:%.c=build/release/%)
# What Python tests run besides build/tacos.
CLI_PROGRAMS    := $(patsubst %.c,build/release/%,$(sort $(wildcard tests/cli/*.c tests/api/*.c)))
PYTHON_TESTS    := $(sort $(wildcard tests/api/test_*.py tests/cli/test_*.py tests/tools/test_*.py \
                     infra/tests/test_*.py))

# <kind>:<program> for tools/test, which knows how each kind is run; the slow ones first.
TEST_LIST := $(call matching,$(ONLY),$(SIM_PROGRAMS:%=sim:%) $(PYTHON_TESTS:%=python:%) \
               $(TSAN_PROGRAMS:%=tsan:%) $(UNIT_PROGRAMS:%=unit:%) $(REPLAY_PROGRAMS:%=replay:%))
TEST_PROGRAMS := $(filter build/%,$(subst :, ,$(TEST_LIST)))

$(foreach program,$(CLI_PROGRAMS:build/release/%=%),$(eval $(call PROGRAM,release,$(program))))

.PHONY: run
run: build/tacos ## build and start the platform with a demo on-sale, data in ./tacos-data
	@tools/run

.PHONY: demo-onsale
demo-onsale: build/tacos ## a minute of 30,000 requests/s for 50,000 seats, and the books after it
	@tools/demo-onsale

.PHONY: test
test: build/tacos $(TEST_PROGRAMS) | deps ## every test; ONLY=text for those whose path contains it
	@PYTHON=$(PYTHON) tools/test $(TEST_LIST)
test: $(CLI_PROGRAMS)
# Without an engine infra/tests is skipped, and says why.
TERRAFORM := $(shell command -v terraform || command -v tofu)
test: $(if $(TERRAFORM),$(if $(filter python:infra/%,$(TEST_LIST)),provider))

.PHONY: infra
infra: provider ## the AWS platform: format, tests, and a rehearsal of each environment, offline
	@tools/infra

.PHONY: infra-asan
infra-asan: provider-asan
	@tools/infra

.PHONY: tsan
tsan: $(TSAN_PROGRAMS) | deps ## the tests that start threads, under ThreadSanitizer
	@tools/test $(TSAN_PROGRAMS:%=tsan:%)

.PHONY: bench
bench: build/tacos | deps-bench
bench: $(call matching,$(BENCH),$(BENCH_PROGRAMS)) ## into docs/benchmarks.md; BENCH=store
	@tools/bench $(call matching,$(BENCH),$(BENCH_PROGRAMS) bench/bench_platform.py)

.PHONY: deps-bench
deps-bench:
	@tools/deps.sh bench

# Not linked in: it runs beside, on another core.
build/release/bench/bench_net: | build/release/tests/api/net_server

.PHONY: sim
sim: build/sim/tests/sim/sim_$(or $(TARGET),store) ## simulate without end, from SEED=n
	$< --seed $(SEED) --forever

# The seed is printed by the program, so that a failure can be replayed with make sim SEED=n.
.PHONY: sim-long
sim-long: $(SIM_PROGRAMS)
	@set -e; for program in $^; do $$program --crashes 50000 --seed $$(date +%s); done

.PHONY: fuzz
fuzz: $(call matching,$(TARGET),$(FUZZ_PROGRAMS)) ## SECONDS=60 for each; TARGET=json
	@mkdir -p build/fuzz-crashes
	@set -e; for program in $^; do \
	  what=$${program##*/fuzz_}; mkdir -p build/fuzz-corpus/$$what tests/fuzz/seeds/$$what; \
	  echo "fuzz $$what for $(SECONDS) s"; \
	  $$program -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
	    -print_final_stats=1 -artifact_prefix=build/fuzz-crashes/$$what- \
	    build/fuzz-corpus/$$what tests/fuzz/seeds/$$what; \
	done

.PHONY: ci
ci: ## test, lint, infra under sanitizers, a longer simulation, a short fuzz of every target
	TACOS_KILL_ROUNDS=50 $(MAKE) test
	$(MAKE) lint
	$(if $(TERRAFORM),$(MAKE) infra-asan)
	$(MAKE) sim-long
	$(MAKE) fuzz SECONDS=20

# --- lint ---
C_FILES  := $(sort $(wildcard src/*/*.[ch] tests/*/*.[ch] tests/unit/*/*.[ch] bench/*.[ch] \
              provider/*.[ch]))
HEADERS  := $(filter %.h,$(C_FILES))
TIDY     := $(patsubst %.c,build/lint/%.tidy,$(SOURCES) $(COMMANDS) $(PROVIDER))

.PHONY: lint
lint: deps ## sizes, rooms, format, clang-tidy: findings with file and line
	@$(MAKE) -k -O --no-print-directory lint-rules lint-format lint-tidy

.PHONY: lint-rules
lint-rules:
	@tools/lint

.PHONY: lint-format
lint-format:
	@clang-format --dry-run -Werror $(C_FILES)

.PHONY: lint-tidy
lint-tidy: $(TIDY)

# Stamps, so that an unchanged file is not looked at again. A changed header concerns all.
build/lint/%.tidy: %.c $(HEADERS) .clang-tidy | $(PROVIDER_PROTO).h
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- -std=gnu17 -Isrc $(PROVIDER_INCLUDES) -D_GNU_SOURCE -DTACOS_CHECK_SLOW \
	  -DTACOS_VERSION='""' 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile tools/targets.mk | expand -t 20

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build
