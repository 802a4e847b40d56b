# lull: see README.md. Everything that is built goes to $(BUILD).
VERSION = 0.1.0
BUILD = build

# musl where it is installed: glibc's own start costs more than all that lull does. CC= wins.
ifeq ($(origin CC),default)
CC := $(if $(shell command -v musl-gcc),musl-gcc,cc)
endif

PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man

CFLAGS = -Os
LDFLAGS =
COMMIT := $(shell git rev-parse --short=7 HEAD 2>/dev/null)

WARNINGS = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum -Wvla -Wundef -Wcast-qual -Wpointer-arith \
	-Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wformat=2
# Not position independent, which a static program at a fixed address need not be: tables of pointers are read-only then.
LULL_CFLAGS = -std=c11 -D_GNU_SOURCE $(WARNINGS) -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
	-fno-pie
LULL_LDFLAGS = -static -s -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro
DEFINES = -DLULL_VERSION='"$(VERSION)"' $(if $(COMMIT),-DLULL_COMMIT='" - git.$(COMMIT)"')

# One short line a file; nothing under make -s.
SAY = $(if $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),@:,@echo)

SOURCES = $(wildcard src/*.c)
OBJECTS = $(SOURCES:src/%.c=$(BUILD)/%.o)

all: $(BUILD)/lull

$(BUILD)/lull: $(OBJECTS)
	$(SAY) "  LD  $@"
	@$(CC) $(LULL_CFLAGS) $(CFLAGS) $(LULL_LDFLAGS) $(LDFLAGS) -o $@ $(OBJECTS)

$(BUILD)/%.o: src/%.c Makefile | $(BUILD)
	$(SAY) "  CC  $@"
	@$(CC) $(LULL_CFLAGS) $(CFLAGS) $(DEFINES) -MMD -MP -c -o $@ $<

$(BUILD):
	@mkdir -p $@

# --- Tests: helpers are built as ordinary programs --------------------------------------------------------------

TEST_CC = cc
TEST_CFLAGS = -std=gnu11 -O1 -g -Wall -Wextra -Wshadow
HELPERS = $(BUILD)/tests/probe $(BUILD)/tests/send $(BUILD)/tests/early $(BUILD)/tests/deny $(BUILD)/tests/pty \
	$(BUILD)/tests/deaf $(BUILD)/tests/client $(BUILD)/tests/form $(BUILD)/tests/inside \
	$(BUILD)/tests/hold
STORMS = $(BUILD)/tests/storm $(BUILD)/tests/race

# Static: it has to start where almost nothing is allowed.
$(BUILD)/tests/probe: TEST_CFLAGS += -static -pthread
$(STORMS): TEST_CFLAGS += -static
$(STORMS): tests/helpers/storm.h

$(BUILD)/tests/%: tests/helpers/%.c Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -o $@ $<

# It makes no call that lull does not make: the C library has to start them alike.
$(BUILD)/tests/inside: tests/helpers/inside.c Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(CC) $(LULL_CFLAGS) $(CFLAGS) $(LULL_LDFLAGS) $(LDFLAGS) -o $@ $<

# The core's walker has the product's own sources in it.
PURE = lifecycle schedule plan signals values text
MACHINE = $(wildcard tests/machine/*.c)
$(BUILD)/tests/machine: $(MACHINE) $(PURE:%=src/%.c) $(wildcard tests/machine/*.h src/*.h) Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -O2 -D_GNU_SOURCE -o $@ $(MACHINE) $(PURE:%=src/%.c)

$(BUILD)/tests/http: tests/helpers/http.c src/http.c src/text.c $(wildcard src/*.h) Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -D_GNU_SOURCE -o $@ $< src/http.c src/text.c

$(BUILD)/tests/look: tests/helpers/look.c src/listens.c src/listens.h Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -O2 -D_GNU_SOURCE -o $@ $< src/listens.c

# So has the one that asks for words.
FORM = text json
$(BUILD)/tests/form: tests/helpers/form.c $(FORM:%=src/%.c) $(wildcard src/*.h) Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -D_GNU_SOURCE -o $@ $< $(FORM:%=src/%.c)

$(BUILD)/tests: | $(BUILD)
	@mkdir -p $@

# A person's run: under two minutes. TESTS= runs some of the files, like TESTS=tests/suite/options.bats.
TESTS = $(wildcard tests/suite/*.bats)
PROGRAMS = machine http
test: all $(HELPERS) $(PROGRAMS:%=$(BUILD)/tests/%)
	@tests/run $(PROGRAMS:%=$(BUILD)/tests/%) $(TESTS)

# --- Fuzzing: the product's sources, in a world that is all data, under ASan and UBSan ----------------------------

FUZZ_CC = clang
FUZZ_CFLAGS = -std=gnu11 -O1 -g -fno-omit-frame-pointer -D_GNU_SOURCE -fno-sanitize-recover=all -Wall -Wextra -Wshadow
FUZZ_TARGETS = $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OBJECTS = $(patsubst src/%.c,$(BUILD)/fuzz/src/%.o,$(filter-out src/main.c,$(SOURCES)))

# What is counted as covered is the product's own code alone...
$(BUILD)/fuzz/src/%.o: src/%.c $(wildcard src/*.h) tests/fuzz/world.h Makefile
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZ_CFLAGS) $(DEFINES) -DFUZZ_PRODUCT -include tests/fuzz/world.h \
		-fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<

# ...so the tests' is compiled without counters.
$(BUILD)/fuzz/%.o: tests/fuzz/%.c $(wildcard tests/fuzz/*.h src/*.h) Makefile
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=address,undefined -c -o $@ $<

$(BUILD)/fuzz/world.a: $(BUILD)/fuzz/fuzz.o $(BUILD)/fuzz/world.o $(FUZZ_OBJECTS)
	@rm -f $@
	@ar rc $@ $^

$(BUILD)/fuzz/%: $(BUILD)/fuzz/fuzz_%.o $(BUILD)/fuzz/world.a
	$(SAY) "  LD  $@"
	@$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^

# TIME is in seconds, for all targets together; what was found stays in $(BUILD)/fuzz. SEED= makes two runs alike.
TIME = 60
SEED = 0
fuzz: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
	@tests/fuzz/run $(BUILD)/fuzz $(TIME) $(SEED) $(FUZZ_TARGETS)
# Everything that can happen to the core, under all short plans: a minute of four processors.
test-machine: $(BUILD)/tests/machine
	@MACHINE=--deep tests/run $<

# Faults planted in the core, by hand and by rule: each must be caught. A minute of four processors.
check-mutants: | $(BUILD)
	@tests/machine/mutants $(BUILD) $(MUTANTS)

# The figures in docs/design.md, as root.
measure-listens: $(BUILD)/tests/look $(HELPERS)
	@tests/bench/measure-listens

# --- Checks ---------------------------------------------------------------------------------------------------------

SCRIPTS = .ci/run tests/run tests/checks/memcheck tests/checks/check-install tests/bench/measure-listens tests/fuzz/run \
	tests/demo/demo tests/demo/demo-drain $(wildcard tests/drain/apps/*.sh $(foreach part,demo dropin suite,tests/$(part)/*.ba*))
LINT_DEFINES = -D_GNU_SOURCE -DLULL_VERSION='""'

lint:
	clang-format --dry-run -Werror src/*.[ch] $(foreach part,bench faults fuzz helpers machine,tests/$(part)/*.[ch])
	clang-tidy --quiet src/*.c -- -std=c11 $(LINT_DEFINES) 2>/dev/null
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --std=c11 $(LINT_DEFINES) src
	shellcheck -x $(SCRIPTS)
	mandoc -Tlint -W warning docs/lull.1

# The core makes no call: the linker proves it.
check-pure: $(BUILD)/lifecycle.o $(BUILD)/schedule.o
	@ld -r -o $(BUILD)/core.o $^
	@test -z "$$(nm -u $(BUILD)/core.o)" || { nm -u $(BUILD)/core.o; echo "the core calls another part" >&2; exit 1; }

# Warnings are errors, whatever the compiler and the C library.
STRICT = -Werror -Wsign-conversion -Wcast-align -Wmissing-declarations -Wredundant-decls -Wdouble-promotion \
	-Wnull-dereference -Wimplicit-fallthrough
STRICT_GCC = $(STRICT) -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
check-builds:
	$(MAKE) BUILD=$(BUILD)/gcc CC=gcc CFLAGS='-O2 $(STRICT_GCC)'
	$(MAKE) BUILD=$(BUILD)/gcc-analyzer CC=gcc CFLAGS='-O1 -fanalyzer $(STRICT_GCC)'
	$(MAKE) BUILD=$(BUILD)/clang CC=clang CFLAGS='-O2 $(STRICT)'
	$(MAKE) BUILD=$(BUILD)/lto CC=gcc CFLAGS='-O3 -flto=auto $(STRICT_GCC)'
	$(MAKE) BUILD=$(BUILD)/musl CC=musl-gcc CFLAGS='-Os $(STRICT_GCC)' all check-pure

# The suite, also under the names of the others, with ASan and UBSan; and with a program that traps on undefined behaviour
# what ASan cannot run, since it looks at descriptors and memory.
ASAN_CANNOT = tests/suite/citizen.bats tests/suite/hardening.bats
DROPIN_TESTS = $(wildcard tests/dropin/*.bats)
test-sanitized: $(HELPERS)
	$(MAKE) BUILD=$(BUILD)/ubsan CFLAGS='-Os -fsanitize=undefined -fsanitize-undefined-trap-on-error'
	$(MAKE) BUILD=$(BUILD)/asan TEST_CFLAGS='$(TEST_CFLAGS) -c' $(BUILD)/asan/tests/asan
	$(MAKE) BUILD=$(BUILD)/asan CC=gcc CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' \
		LULL_LDFLAGS='-no-pie $(BUILD)/asan/tests/asan'
	$(MAKE) BUILD=$(BUILD)/asan TEST_CFLAGS='$(TEST_CFLAGS) -fsanitize=address,undefined' \
		$(PROGRAMS:%=$(BUILD)/asan/tests/%) $(BUILD)/asan/tests/form
	LULL=$(CURDIR)/$(BUILD)/ubsan/lull tests/run $(ASAN_CANNOT)
	DROPIN=lull LULL=$(CURDIR)/$(BUILD)/asan/lull FORM=$(CURDIR)/$(BUILD)/asan/tests/form \
		tests/run $(PROGRAMS:%=$(BUILD)/asan/tests/%) $(filter-out $(ASAN_CANNOT),$(TESTS)) $(DROPIN_TESTS)

# clang's analyzer, and memcheck over whole lives of lull and over what is pure. Under half a minute. child.c says how
# vfork(2) is used.
NO_VFORK_CHECKS = -Xanalyzer -analyzer-disable-checker=security.insecureAPI.vfork,unix.Vfork
analyze: $(BUILD)/tests/inside
	@for file in $(SOURCES); do clang --analyze --analyzer-output text -Xanalyzer -analyzer-werror $(NO_VFORK_CHECKS) -std=c11 \
		$(LINT_DEFINES) -o /dev/null $$file || exit 1; done
	@$(MAKE) BUILD=$(BUILD)/memcheck CC=gcc CFLAGS='-O1 -g' LULL_LDFLAGS=-no-pie
	@$(MAKE) BUILD=$(BUILD)/memcheck $(BUILD)/memcheck/tests/http $(BUILD)/memcheck/tests/form $(BUILD)/memcheck/tests/client
	@MEMCHECK=$(CURDIR)/$(BUILD)/memcheck tests/run tests/checks/memcheck

# What the tests go through, as root: of lull, and of what is pure by its own tests. That some fail, which have files of another
# user's in their way, or one word too much on stderr, is all the same. tests/checks/coverage has the floors.
COVERAGE = $(CURDIR)/$(BUILD)/coverage
# What adds no line: the manual, what is confined, and the machine, which is here as a program.
UNCOUNTED = tests/suite/docs.bats tests/suite/hardening.bats tests/suite/machine.bats
coverage: $(HELPERS)
	@rm -f $(COVERAGE)/*.gcda
	$(MAKE) BUILD=$(COVERAGE) CC=gcc CFLAGS='-O0 -g --coverage -fno-builtin' LULL_LDFLAGS=-static
	@mkdir -p $(COVERAGE)/tests
	@$(TEST_CC) -no-pie -O1 -D_GNU_SOURCE -o $(COVERAGE)/tests/machine $(MACHINE) $(PURE:%=$(COVERAGE)/%.o) -lgcov
	@$(TEST_CC) -no-pie -O1 -D_GNU_SOURCE -o $(COVERAGE)/tests/http tests/helpers/http.c $(COVERAGE)/http.o $(COVERAGE)/text.o -lgcov
	@$(TEST_CC) -no-pie -O1 -D_GNU_SOURCE -o $(COVERAGE)/tests/form tests/helpers/form.c $(FORM:%=$(COVERAGE)/%.o) -lgcov
	@MACHINE=--core DROPIN=lull LULL=$(COVERAGE)/lull FORM=$(COVERAGE)/tests/form TEST_JOBS=$$((3 * $$(nproc))) \
		tests/run $(COVERAGE)/tests/machine $(COVERAGE)/tests/http $(filter-out $(UNCOUNTED),$(TESTS)) $(DROPIN_TESTS) >$(COVERAGE)/log 2>&1 || :
	@tests/checks/coverage $(COVERAGE)

# Three acts with real programs, for people; it also fails when one of them does not show what it says.
demo: all
	@tests/demo/demo

# The same for draining: a rolling restart behind HAProxy, under tini and under lull, in namespaces alone.
demo-drain: all
	@tests/demo/demo-drain

check-install: all
	@tests/run tests/checks/check-install

# --- What it costs ----------------------------------------------------------------------------------------------

# lull as it is released, whatever CC and CFLAGS are here; an app and a floor without a C library; what counts and times.
BENCH = $(BUILD)/bench
FLOOR_CFLAGS = -Os -Wall -Wextra -Wshadow -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
BARE_CFLAGS = $(FLOOR_CFLAGS) -ffreestanding -fno-stack-protector -fno-pie -no-pie -nostdlib
bench-programs: $(addprefix $(BENCH)/,app floor-bare floor-musl measure step)
	@$(MAKE) --no-print-directory BUILD=$(BENCH) CC=musl-gcc CFLAGS=-Os LDFLAGS= $(BENCH)/lull
	@sync $(BENCH)/*

$(BENCH)/app: tests/bench/app.c tests/bench/bare.c tests/bench/app.h Makefile | $(BENCH)
	$(SAY) "  CC  $@"
	@gcc $(BARE_CFLAGS) $(LULL_LDFLAGS) -o $@ $(filter %.c,$^)

$(BENCH)/floor-bare: tests/bench/floor.c tests/bench/bare.c Makefile | $(BENCH)
	$(SAY) "  CC  $@"
	@gcc $(BARE_CFLAGS) $(LULL_LDFLAGS) -o $@ $(filter %.c,$^)

$(BENCH)/floor-musl: tests/bench/floor.c Makefile | $(BENCH)
	$(SAY) "  CC  $@"
	@musl-gcc $(FLOOR_CFLAGS) $(LULL_LDFLAGS) -o $@ $<

$(BENCH)/%: tests/bench/%.c tests/bench/app.h Makefile | $(BENCH)
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -o $@ $<

$(BENCH):
	@mkdir -p $@

# Nothing of it may become more: counted, not timed, against tests/bench/limits. Some ten seconds, as root.
check-cost: bench-programs
	@BENCH_BUILD=$(abspath $(BENCH)) tests/run tests/bench/check-cost

# lull beside the other inits and beside floors of our own, as root: docs/benchmarks.md. Under ten minutes; QUICK=1 prints
# only, and takes under one. What it needs: tini, dumb-init, catatonit, strace.
bench: bench-programs
	@BENCH_BUILD=$(abspath $(BENCH)) tests/bench/bench $(if $(QUICK),--quick)

# --- Installation -----------------------------------------------------------------------------------------------

# One word for the shell, whatever is in it.
quote = '$(subst ','\'',$1)'

install: all
	install -d $(call quote,$(DESTDIR)$(BINDIR)) $(call quote,$(DESTDIR)$(MANDIR)/man1)
	install -m 755 $(BUILD)/lull $(call quote,$(DESTDIR)$(BINDIR)/lull)
	install -m 644 docs/lull.1 $(call quote,$(DESTDIR)$(MANDIR)/man1/lull.1)

# Directories that are empty then are removed only below a DESTDIR: elsewhere they are the system's.
uninstall:
	rm -f $(call quote,$(DESTDIR)$(BINDIR)/lull) $(call quote,$(DESTDIR)$(MANDIR)/man1/lull.1)
	@$(if $(DESTDIR),cd $(call quote,$(DESTDIR)) && for dir in $(call quote,$(BINDIR)) $(call quote,$(MANDIR)/man1); do \
		rmdir -p "$${dir#/}" 2>/dev/null || :; done)

# Real stacks under lull, under tini and without an init, as root: three to four minutes. What it needs: tests/apps/apps --packages.
test-apps: all
	tests/run tests/apps/apps

# The proof of draining: apps in Docker containers behind HAProxy, as root, in namespaces of their own. Two to three minutes.
# What it needs: tests/drain/drain --packages. It has other modes: tests/drain/drain --help.
test-drain: all
	@tests/run tests/drain/drain

# The sweep over the delay, measured and drawn: docs/img/sweep.csv and sweep.svg.
plot-drain: all
	@tests/drain/drain --sweep 5

# The other inits, and lull under their names: the same tests for both, alone and under Docker, podman and runc as root, and a
# table of what they show. Under two minutes. What it needs: tini, dumb-init, catatonit, docker.io, podman, runc,
# busybox-static, musl-tools.
RUNTIMES = docker restricted podman runc images
DROPIN_TABLE = $(BUILD)/dropin.md
test-dropin: all $(HELPERS)
	@rm -f $(DROPIN_TABLE)
	@DROPIN_TABLE=$(CURDIR)/$(DROPIN_TABLE) tests/run $(DROPIN_TESTS) \
		$(RUNTIMES:%=tests/runtimes/%); status=$$?; \
		printf '| name | behaviour | the real one | lull |\n|---|---|---|---|\n'; sort -s -t'|' -k2,2 $(DROPIN_TABLE); exit $$status

# Storms, and signals at every moment of the start and the end, each for lull and beside it for tini, dumb-init and catatonit,
# as root: under four minutes together. FULL=1 takes the sizes of a thorough run, some twenty minutes and gigabytes.
test-storms: all $(STORMS)
	@FULL=$(FULL) tests/run tests/storms/storms
test-races: all $(STORMS)
	@FULL=$(FULL) tests/run tests/storms/races

# docs/examples/ and docs/verify.md on real parts: Docker, Compose, Swarm, podman, HAProxy and nginx, as root, in namespaces
# of their own. Under two minutes.
ORCHESTRATORS = seccomp verify compose nginx controller swarm podman examples
test-orchestrators: all $(BUILD)/tests/inside
	@TEST_JOBS=$$(nproc) tests/run $(ORCHESTRATORS:%=tests/orchestrators/%)

# Every system call that lull makes fails once, in every phase; as root, in namespaces of its own. Under four minutes.
test-faults: all $(HELPERS) $(BUILD)/tests/launch
	@tests/faults/faults

# Every system call that lull makes takes 3 s, in every phase; the same way. Under five minutes.
test-delays: all $(HELPERS) $(BUILD)/tests/launch
	@tests/faults/faults --delays

$(BUILD)/tests/launch: tests/faults/launch.c Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -static -o $@ $<

# What each measure of hardening would cost, and what was tried for its cost, as root: the tables in docs/design.md.
measure-hardening measure-tried: bench-programs
	@BENCH_BUILD=$(abspath $(BENCH)) tests/bench/variants $(@:measure-%=%)

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d)

.PHONY: all test fuzz measure-listens lint check-pure check-builds test-sanitized analyze coverage \
	check-install demo demo-drain install uninstall test-apps test-dropin test-drain plot-drain \
	test-orchestrators bench-programs check-cost bench test-storms test-races test-machine check-mutants \
	test-faults test-delays measure-hardening measure-tried clean
