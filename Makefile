# lull: see README.md. Everything that is built goes to $(BUILD).
VERSION = 0.1.0
BUILD = build

# musl if it is installed: the start of glibc costs more than lull's own work. CC= overrides it. HOSTCC is for
# programs of the build.
HOSTCC := $(if $(shell command -v musl-gcc),musl-gcc,cc)
ifeq ($(origin CC),default)
CC := $(HOSTCC)
endif

PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man
BASHCOMPDIR = $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR = $(PREFIX)/share/zsh/site-functions
# fish 3.6 searches /usr/local/share only if XDG_DATA_DIRS contains it.
FISHCOMPDIR = $(PREFIX)/share/fish/vendor_completions.d

CFLAGS = -Os
LDFLAGS =
# A source archive has its commit in a file: export-subst in gitattributes(5).
COMMIT := $(or $(shell sed -n 's/^commit \(.\{7\}\).*/\1/p' .release/commit 2>/dev/null),\
	$(shell git rev-parse --short=7 HEAD 2>/dev/null))

WARNINGS = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum -Wvla -Wundef -Wcast-qual -Wpointer-arith \
	-Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wformat=2
# Not position independent, so that tables of pointers need no relocation and are read-only.
LULL_CFLAGS = -std=c11 -D_GNU_SOURCE $(WARNINGS) -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
	-fno-pie
LULL_LDFLAGS = -static -s -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro
DEFINES = -DLULL_VERSION='"$(VERSION)"' $(if $(COMMIT),-DLULL_COMMIT='" - git.$(COMMIT)"')

# Prints one short line for each file; nothing with make -s.
SAY = $(if $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),@:,@echo)

# Sorted, since wildcard sorts by locale, and the order of the objects is that in the binary.
SOURCES = $(sort $(wildcard src/*.c))
OBJECTS = $(SOURCES:src/%.c=$(BUILD)/%.o)

COMPLETIONS = $(addprefix $(BUILD)/completion/,lull.bash _lull lull.fish)

all: $(BUILD)/lull $(COMPLETIONS) ## Build lull and the completions of bash, zsh and fish

$(BUILD)/lull: $(OBJECTS)
	$(SAY) "  LD  $@"
	@$(CC) $(LULL_CFLAGS) $(CFLAGS) $(LULL_LDFLAGS) $(LDFLAGS) -o $@ $(OBJECTS)

$(BUILD)/%.o: src/%.c Makefile | $(BUILD)
	$(SAY) "  CC  $@"
	@$(CC) $(LULL_CFLAGS) $(CFLAGS) $(DEFINES) -MMD -MP -c -o $@ $<

$(BUILD):
	@mkdir -p $@

# --- Other machines, by Debian's names, on amd64 -----------------------------------------------------------------

# MACHINES= builds some of them. Debian 12 has no musl for riscv64.
MACHINES = amd64 arm64 armhf i386 riscv64 ppc64el s390x
CROSS = $(BUILD)/cross
WITH_MUSL = -specs $(CROSS)/musl/$1/musl-gcc.specs
CROSS_CC_amd64 = musl-gcc
CROSS_CC_arm64 = aarch64-linux-gnu-gcc $(call WITH_MUSL,arm64)
CROSS_CC_armhf = arm-linux-gnueabihf-gcc $(call WITH_MUSL,armhf)
CROSS_CC_i386 = i686-linux-gnu-gcc $(call WITH_MUSL,i386)
CROSS_CC_riscv64 = riscv64-linux-gnu-gcc
CROSS_CC_ppc64el = powerpc64le-linux-gnu-gcc $(call WITH_MUSL,ppc64el)
CROSS_CC_s390x = s390x-linux-gnu-gcc $(call WITH_MUSL,s390x)

CROSS_VALUES = BUILD=$(CROSS)/$* CC='$(CROSS_CC_$*)' CFLAGS='-Os $(STRICT_GCC)' LDFLAGS=

cross: $(MACHINES:%=cross-%) ## Build lull for all machines, warnings as errors; MACHINES= for some
	@echo 'machine    bytes'
	@for machine in $(MACHINES); do printf '%-8s %7d\n' $$machine "$$(stat -c %s $(CROSS)/$$machine/lull)"; done

# Downloads musl of all machines together, so that apt's indexes are read once.
cross-musl:
	@.release/musl-dev $(CROSS)/musl $(filter-out amd64 riscv64,$(MACHINES))

$(MACHINES:%=cross-%): cross-%: cross-musl
	@$(MAKE) --no-print-directory $(CROSS_VALUES) $(CROSS)/$*/lull

# lull on the other machines under qemu, as root. Where byte order or sizes differ from those of amd64, also the seeds of the fuzz
# targets.
CROSS_TESTS = TEST_CC='$(CROSS_CC_$*)' TEST_CFLAGS='$(TEST_CFLAGS) -static' FUZZ_CC='$(CROSS_CC_$*)' FUZZ_TEST= \
	FUZZ_CFLAGS='-std=gnu11 -D_GNU_SOURCE' FUZZ_LINK='-static tests/fuzz/replay.c' \
	FUZZ_LULL='-fsanitize=undefined -fsanitize-undefined-trap-on-error'
REPLAYED = $(filter armhf i386 s390x,$(MACHINES))
test-cross: cross $(MACHINES:%=cross-tests-%) $(addprefix $(BUILD)/tests/,probe send) ## Run lull of all machines under qemu, as root
	@tests/release/cross $(BUILD) $(MACHINES)

$(MACHINES:%=cross-tests-%): cross-tests-%: cross-%
	@$(MAKE) --no-print-directory $(CROSS_VALUES) $(CROSS_TESTS) $(CROSS)/$*/tests/form \
		$(if $(filter $*,$(REPLAYED)),$(FUZZ_TARGETS:%=$(CROSS)/$*/fuzz/%))

.PHONY: cross-musl $(MACHINES:%=cross-%) $(MACHINES:%=cross-tests-%)

# The completions are made from the table of options, by a program of the machine that builds.
COMPLETION = $(wildcard src/completion/*.c) $(addprefix src/,options.c plan.c signals.c text.c values.c)
$(BUILD)/completion/completion: $(COMPLETION) $(wildcard src/*.h) Makefile
	$(SAY) "  CC  $@"
	@mkdir -p $(@D)
	@$(HOSTCC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -o $@ $(COMPLETION)

$(COMPLETIONS): $(BUILD)/completion/%: src/completion/%.in $(BUILD)/completion/completion
	$(SAY) "  GEN $@"
	@$(BUILD)/completion/completion <$< >$@.new && mv $@.new $@

# --- Tests: helpers are built as ordinary programs --------------------------------------------------------------

TEST_CC = cc
TEST_CFLAGS = -std=gnu11 -O1 -g -Wall -Wextra -Wshadow
HELPERS = $(BUILD)/tests/probe $(BUILD)/tests/send $(BUILD)/tests/early $(BUILD)/tests/deny $(BUILD)/tests/pty \
	$(BUILD)/tests/full_terminal $(BUILD)/tests/client $(BUILD)/tests/form $(BUILD)/tests/inside \
	$(BUILD)/tests/hold
STORMS = $(BUILD)/tests/storm $(BUILD)/tests/race

# Static, since it must start without most files and system calls.
$(BUILD)/tests/probe: TEST_CFLAGS += -static -pthread
$(STORMS): TEST_CFLAGS += -static
$(STORMS): tests/helpers/storm.h

$(BUILD)/tests/%: tests/helpers/%.c Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -o $@ $<

# Built with lull's flags, because the C library makes system calls at the start, and lull's seccomp profile applies to it.
$(BUILD)/tests/inside: tests/helpers/inside.c Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(CC) $(LULL_CFLAGS) $(CFLAGS) $(LULL_LDFLAGS) $(LDFLAGS) -o $@ $<

# The walker of the core is linked with lull's own sources.
PURE = lifecycle schedule plan signals values text
MACHINE = $(wildcard tests/machine/*.c)
$(BUILD)/tests/machine: $(MACHINE) $(PURE:%=src/%.c) $(wildcard tests/machine/*.h src/*.h) Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -O2 -D_GNU_SOURCE -o $@ $(MACHINE) $(PURE:%=src/%.c)

$(BUILD)/tests/http: tests/helpers/http.c src/http.c src/text.c $(wildcard src/*.h) Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -D_GNU_SOURCE -o $@ $< src/http.c src/text.c

LOOK = listens connections values signals text
$(BUILD)/tests/look: tests/helpers/look.c $(LOOK:%=src/%.c) $(wildcard src/*.h) Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -O2 -D_GNU_SOURCE -o $@ $< $(LOOK:%=src/%.c)

$(BUILD)/tests/form: tests/helpers/form.c src/text.c src/text.h Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -D_GNU_SOURCE -o $@ $< src/text.c

$(BUILD)/tests: | $(BUILD)
	@mkdir -p $@

# TESTS= runs some of the files: TESTS=tests/suite/options.bats. tests/README.md lists all suites and their times.
# The largest first: the last one should not run alone.
TESTS = $(shell ls -S tests/suite/*.bats)
PROGRAMS = machine http
test: all $(HELPERS) $(PROGRAMS:%=$(BUILD)/tests/%) ## Run the test suite, as root; TESTS= runs some files
	@tests/run $(PROGRAMS:%=$(BUILD)/tests/%) $(TESTS)

# --- Fuzzing: lull's sources under ASan and UBSan, with the kernel simulated from input data ----------------------

FUZZ_CC = clang
FUZZ_CFLAGS = -std=gnu11 -O1 -g -fno-omit-frame-pointer -D_GNU_SOURCE -fno-sanitize-recover=all -Wall -Wextra -Wshadow -Werror
# Only lull's own code has coverage counters. Other machines have no libFuzzer: there a program replays the seeds.
FUZZ_LULL = -fsanitize=fuzzer-no-link,address,undefined
FUZZ_TEST = -fsanitize=address,undefined
FUZZ_LINK = -fsanitize=fuzzer,address,undefined
FUZZ_TARGETS = $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OBJECTS = $(patsubst src/%.c,$(BUILD)/fuzz/src/%.o,$(filter-out src/main.c,$(SOURCES)))

$(BUILD)/fuzz/src/%.o: src/%.c $(wildcard src/*.h) tests/fuzz/world.h Makefile
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZ_CFLAGS) $(DEFINES) -DFUZZ_PRODUCT -include tests/fuzz/world.h \
		$(FUZZ_LULL) -c -o $@ $<

$(BUILD)/fuzz/%.o: tests/fuzz/%.c $(wildcard tests/fuzz/*.h src/*.h) Makefile
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZ_CFLAGS) $(FUZZ_TEST) -c -o $@ $<

$(BUILD)/fuzz/world.a: $(BUILD)/fuzz/fuzz.o $(BUILD)/fuzz/world.o $(FUZZ_OBJECTS)
	@rm -f $@
	@ar rc $@ $^

$(BUILD)/fuzz/%: $(BUILD)/fuzz/fuzz_%.o $(BUILD)/fuzz/world.a
	$(SAY) "  LD  $@"
	@$(FUZZ_CC) $(FUZZ_CFLAGS) $(FUZZ_LINK) -o $@ $^

# TIME is in seconds, for all targets together. Findings are in $(BUILD)/fuzz. SEED= makes a run reproducible.
TIME = 60
SEED = 0
fuzz: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%) ## Fuzz parsers and core for TIME= seconds; FUZZ_TARGETS= for some
	@tests/fuzz/run $(BUILD)/fuzz $(TIME) $(SEED) $(FUZZ_TARGETS)

# Walks the core through each sequence of events, with all short plans. A minute on four processors.
test-machine: $(BUILD)/tests/machine ## Walk the core through each sequence of events
	@MACHINE=--deep tests/run $<

# Plants faults in the core, by hand and by rule; the walker must find each. A minute on four processors.
check-mutants: | $(BUILD) ## Check that test-machine finds planted faults
	@tests/machine/mutants $(BUILD) $(MUTANTS)

# The times of --listens in docs/development/decisions.md, as root.
measure-listens: $(BUILD)/tests/look $(HELPERS) ## Measure the cost of --listens, as root
	@tests/bench/measure-listens

# --- Checks ---------------------------------------------------------------------------------------------------------

SCRIPTS = .ci/run .release/musl-dev tests/run tests/checks/words tests/checks/memcheck tests/checks/check-install tests/bench/measure-listens tests/fuzz/run \
	tests/demo/demo tests/demo/demo-drain $(wildcard tests/drain/apps/*.sh $(foreach part,demo dropin suite,tests/$(part)/*.ba*))
# What codespell and tests/checks/words read: documents, messages and comments.
PROSE = README.md Makefile Dockerfile.example .ci .github .release docs src tests
LINT_DEFINES = -D_GNU_SOURCE -DLULL_VERSION='""'

lint: ## Check format, code, scripts and manual
	clang-format --dry-run -Werror src/*.[ch] src/completion/*.c \
		$(foreach part,bench faults fuzz helpers machine,tests/$(part)/*.[ch])
	clang-tidy --quiet src/*.c src/completion/*.c -- -std=c11 $(LINT_DEFINES) 2>/dev/null
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --std=c11 $(LINT_DEFINES) src
	codespell $(PROSE)
	tests/checks/words $(PROSE)
	tests/drain/page.py --check
	tests/checks/check-snippets
	tests/checks/check-workflows
	shellcheck -x $(SCRIPTS)
	mandoc -Tlint -W warning docs/lull.1

# The core makes no call: its objects, linked together, have no undefined symbol.
check-pure: $(BUILD)/lifecycle.o $(BUILD)/schedule.o ## Check that the core calls no other part
	@ld -r -o $(BUILD)/core.o $^
	@test -z "$$(nm -u $(BUILD)/core.o)" || { nm -u $(BUILD)/core.o; echo "the core calls another part" >&2; exit 1; }

# Warnings are errors, with each compiler and C library.
STRICT = -Werror -Wsign-conversion -Wcast-align -Wmissing-declarations -Wredundant-decls -Wdouble-promotion \
	-Wnull-dereference -Wimplicit-fallthrough
STRICT_GCC = $(STRICT) -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
check-builds: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%) ## Build with each compiler and C library, warnings as errors
	$(MAKE) BUILD=$(BUILD)/gcc CC=gcc CFLAGS='-O2 $(STRICT_GCC)'
	$(MAKE) BUILD=$(BUILD)/gcc-analyzer CC=gcc CFLAGS='-O1 -fanalyzer $(STRICT_GCC)'
	$(MAKE) BUILD=$(BUILD)/clang CC=clang CFLAGS='-O2 $(STRICT)'
	$(MAKE) BUILD=$(BUILD)/lto CC=gcc CFLAGS='-O3 -flto=auto $(STRICT_GCC)'
	$(MAKE) BUILD=$(BUILD)/musl CC=musl-gcc CFLAGS='-Os $(STRICT_GCC)' all check-pure

# The suite and the drop-in tests with ASan and UBSan. ASan changes descriptors and memory, so tests that check these run with a
# binary that traps on undefined behaviour.
ASAN_CANNOT = tests/suite/citizen.bats tests/suite/hardening.bats
# These test documents, not memory.
OF_DOCUMENTS = tests/suite/docs.bats tests/suite/readme.bats
DROPIN_TESTS = $(wildcard tests/dropin/*.bats)
test-sanitized: $(HELPERS) ## Run the suite and the drop-in tests with ASan and UBSan
	$(MAKE) BUILD=$(BUILD)/ubsan CFLAGS='-Os -fsanitize=undefined -fsanitize-undefined-trap-on-error'
	$(MAKE) BUILD=$(BUILD)/asan TEST_CFLAGS='$(TEST_CFLAGS) -c' $(BUILD)/asan/tests/asan
	$(MAKE) BUILD=$(BUILD)/asan CC=gcc CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' \
		LULL_LDFLAGS='-no-pie $(BUILD)/asan/tests/asan'
	$(MAKE) BUILD=$(BUILD)/asan TEST_CFLAGS='$(TEST_CFLAGS) -fsanitize=address,undefined' \
		$(PROGRAMS:%=$(BUILD)/asan/tests/%) $(BUILD)/asan/tests/form
	LULL=$(CURDIR)/$(BUILD)/ubsan/lull tests/run $(ASAN_CANNOT)
	DROPIN=lull LULL=$(CURDIR)/$(BUILD)/asan/lull FORM=$(CURDIR)/$(BUILD)/asan/tests/form \
		tests/run $(PROGRAMS:%=$(BUILD)/asan/tests/%) $(filter-out $(ASAN_CANNOT) $(OF_DOCUMENTS),$(TESTS)) \
		$(DROPIN_TESTS)

# clang's analyzer, and valgrind's memcheck for whole runs of lull and for the pure sources. Under 30 s. For vfork(2), see
# child.c.
NO_VFORK_CHECKS = -Xanalyzer -analyzer-disable-checker=security.insecureAPI.vfork,unix.Vfork
analyze: $(BUILD)/tests/inside ## Run the clang analyzer and valgrind
	@for file in $(SOURCES); do clang --analyze --analyzer-output text -Xanalyzer -analyzer-werror $(NO_VFORK_CHECKS) -std=c11 \
		$(LINT_DEFINES) -o /dev/null $$file || exit 1; done
	@$(MAKE) BUILD=$(BUILD)/memcheck CC=gcc CFLAGS='-O1 -g' LULL_LDFLAGS=-no-pie
	@$(MAKE) BUILD=$(BUILD)/memcheck $(BUILD)/memcheck/tests/http $(BUILD)/memcheck/tests/form $(BUILD)/memcheck/tests/client
	@MEMCHECK=$(CURDIR)/$(BUILD)/memcheck tests/run tests/checks/memcheck

# Lines and branches that the tests reach, as root. Failed tests are ignored: those that run lull as another user cannot write the
# counters, and gcov prints errors on stderr. tests/checks/coverage has the lower limits.
COVERAGE = $(CURDIR)/$(BUILD)/coverage
# Suites that reach no further line.
UNCOUNTED = tests/suite/docs.bats tests/suite/hardening.bats tests/suite/machine.bats
coverage: $(HELPERS) ## Measure the lines and branches that the tests reach, as root
	@rm -f $(COVERAGE)/*.gcda
	$(MAKE) BUILD=$(COVERAGE) CC=gcc CFLAGS='-O0 -g --coverage -fno-builtin' LULL_LDFLAGS=-static
	@mkdir -p $(COVERAGE)/tests
	@$(TEST_CC) -no-pie -O1 -D_GNU_SOURCE -o $(COVERAGE)/tests/machine $(MACHINE) $(PURE:%=$(COVERAGE)/%.o) -lgcov
	@$(TEST_CC) -no-pie -O1 -D_GNU_SOURCE -o $(COVERAGE)/tests/http tests/helpers/http.c $(COVERAGE)/http.o $(COVERAGE)/text.o -lgcov
	@$(TEST_CC) -no-pie -O1 -D_GNU_SOURCE -o $(COVERAGE)/tests/form tests/helpers/form.c $(COVERAGE)/text.o -lgcov
	@MACHINE=--core DROPIN=lull LULL=$(COVERAGE)/lull FORM=$(COVERAGE)/tests/form TEST_JOBS=$$((3 * $$(nproc))) \
		tests/run $(COVERAGE)/tests/machine $(COVERAGE)/tests/http $(filter-out $(UNCOUNTED),$(TESTS)) $(DROPIN_TESTS) >$(COVERAGE)/log 2>&1 || :
	@tests/checks/coverage $(COVERAGE)

# Demonstrations with real programs; fails if one of them does not show what it claims.
demo: all ## Show shutdowns of real programs, under lull and others
	@tests/demo/demo

# The same for draining: a rolling restart behind HAProxy, under tini and under lull, in namespaces.
demo-drain: all ## Show a rolling restart under tini and under lull
	@tests/demo/demo-drain

# Completion in bash, zsh and fish, as root, with /usr/local/share of its own. Under 10 s. Needs zsh, fish, bash-completion,
# shellcheck.
test-completion: all ## Complete command lines in bash, zsh and fish, as root
	@tests/run tests/release/completion

check-install: all ## Check install and uninstall
	@tests/run tests/checks/check-install

# --- What it costs ----------------------------------------------------------------------------------------------

# lull as it is released, independent of CC and CFLAGS; an app and a minimal init without a C library; the programs that measure.
BENCH = $(BUILD)/bench
FLOOR_CFLAGS = -Os -Wall -Wextra -Wshadow -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
BARE_CFLAGS = $(FLOOR_CFLAGS) -ffreestanding -fno-stack-protector -fno-pie -no-pie -nostdlib
bench-programs: $(addprefix $(BENCH)/,app floor-bare floor-musl measure step) $(BUILD)/tests/look ## Build the programs of check-cost and bench
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

# Counts system calls, memory and bytes, and compares them with tests/bench/limits. About 10 s, as root.
check-cost: bench-programs ## Compare system calls, memory and bytes with the limits, as root
	@BENCH_BUILD=$(abspath $(BENCH)) tests/run tests/bench/check-cost

# Compares lull with other inits and with minimal ones, as root, and writes docs/benchmarks.md. Under 10 minutes; QUICK=1 only
# prints, and takes under 1. Needs tini, dumb-init, catatonit, strace.
bench: bench-programs ## Compare the cost with other inits, as root; QUICK=1 is shorter
	@BENCH_BUILD=$(abspath $(BENCH)) tests/bench/bench $(if $(QUICK),--quick)

# --- Installation -----------------------------------------------------------------------------------------------

# Quotes a value as one argument for the shell.
quote = '$(subst ','\'',$1)'

install: all ## Install lull, its manual and completions; PREFIX= and DESTDIR= set where
	install -d $(call quote,$(DESTDIR)$(BINDIR)) $(call quote,$(DESTDIR)$(MANDIR)/man1) \
		$(call quote,$(DESTDIR)$(BASHCOMPDIR)) $(call quote,$(DESTDIR)$(ZSHCOMPDIR)) $(call quote,$(DESTDIR)$(FISHCOMPDIR))
	install -m 755 $(BUILD)/lull $(call quote,$(DESTDIR)$(BINDIR)/lull)
	sed 's/^\.Os lull$$/.Os lull $(VERSION)/' docs/lull.1 >$(BUILD)/lull.1
	install -m 644 $(BUILD)/lull.1 $(call quote,$(DESTDIR)$(MANDIR)/man1/lull.1)
	install -m 644 $(BUILD)/completion/lull.bash $(call quote,$(DESTDIR)$(BASHCOMPDIR)/lull)
	install -m 644 $(BUILD)/completion/_lull $(call quote,$(DESTDIR)$(ZSHCOMPDIR)/_lull)
	install -m 644 $(BUILD)/completion/lull.fish $(call quote,$(DESTDIR)$(FISHCOMPDIR)/lull.fish)

# Removes empty directories only below a DESTDIR: others belong to the system.
uninstall: ## Remove what install installed
	rm -f $(call quote,$(DESTDIR)$(BINDIR)/lull) $(call quote,$(DESTDIR)$(MANDIR)/man1/lull.1) \
		$(call quote,$(DESTDIR)$(BASHCOMPDIR)/lull) $(call quote,$(DESTDIR)$(ZSHCOMPDIR)/_lull) \
		$(call quote,$(DESTDIR)$(FISHCOMPDIR)/lull.fish)
	@$(if $(DESTDIR),cd $(call quote,$(DESTDIR)) && for dir in $(call quote,$(BINDIR)) $(call quote,$(MANDIR)/man1) \
		$(call quote,$(BASHCOMPDIR)) $(call quote,$(ZSHCOMPDIR)) $(call quote,$(FISHCOMPDIR)); do \
		rmdir -p "$${dir#/}" 2>/dev/null || :; done)

# Real stacks under lull, under tini and without an init, as root. 3 to 4 minutes. tests/apps/apps --packages prints what it needs.
test-apps: all ## Stop real servers under lull, tini and no init, as root
	tests/run tests/apps/apps

# Rolling restarts of apps behind HAProxy, as root, in new namespaces. Two minutes are for requests of random lengths.
# FULL=1 uses Docker for all apps, and takes 10 minutes. drain --packages prints what it needs, drain --help other modes.
test-drain: all ## Restart apps behind HAProxy under load, as root
	@FULL=$(FULL) tests/run tests/drain/drain

# Connections in all states, of real servers under lull --drain-timeout, as root, in new namespaces. A minute on two cores.
# connections --packages prints what it needs, connections --table the results as a table.
test-connections: all ## Check when the stop signal waits for a connection, as root
	@tests/run tests/connections/connections

# Failed requests by delay, measured and drawn: docs/img/sweep.csv and sweep.svg.
plot-drain: all ## Measure and draw failed requests by delay, as root
	@tests/drain/drain --sweep 5

# The requests during one shutdown, measured and drawn: docs/img/shutdown.csv and shutdown.svg.
plot-shutdown: all ## Measure and draw the requests during one shutdown, as root
	@tests/drain/drain --timeline

# The same tests for other inits and for lull's compatibility modes, alone and under Docker, podman and runc, as root, with a
# table of the results. Under 2 minutes. Needs tini, dumb-init, catatonit, docker.io, podman, runc, busybox-static, musl-tools.
RUNTIMES = docker restricted podman runc images
DROPIN_TABLE = $(BUILD)/dropin.md
test-dropin: all $(HELPERS) ## Compare lull with tini, dumb-init and catatonit, as root
	@rm -f $(DROPIN_TABLE)
	@DROPIN_TABLE=$(CURDIR)/$(DROPIN_TABLE) tests/run $(DROPIN_TESTS) \
		$(RUNTIMES:%=tests/runtimes/%); status=$$?; \
		printf '| name | behaviour | the real one | lull |\n|---|---|---|---|\n'; sort -s -t'|' -k2,2 $(DROPIN_TABLE); exit $$status

# Storms, and signals at each moment of start and exit, for lull and other inits, as root. PEERS= has those, 3 minutes together
# with PEERS=tini. FULL=1 uses larger sizes: about 20 minutes and gigabytes of memory.
test-storms: all $(STORMS) ## Test with floods of signals and orphans, as root
	@FULL=$(FULL) tests/run tests/storms/storms
test-races: all $(STORMS) ## Send signals at each moment of start and exit, as root
	@FULL=$(FULL) tests/run tests/storms/races

# docs/examples/ and docs/verify.md with Docker, Compose, Swarm, podman, HAProxy and nginx, as root, in new namespaces. Under 2
# minutes.
ORCHESTRATORS = seccomp verify compose nginx controller swarm podman examples
test-orchestrators: all $(BUILD)/tests/inside ## Run the examples and commands in docs/, as root
	@TEST_JOBS=$$(nproc) tests/run $(ORCHESTRATORS:%=tests/orchestrators/%)

# docs/examples/kubernetes.yaml on containerd, driven as a kubelet does, as root, in new namespaces. Under 3 minutes.
test-kubernetes: all ## Update the pods of kubernetes.yaml under load on containerd, as root
	@tests/run tests/kubernetes/kubernetes

# The image archive of .release/image: its bytes, and what Docker, containerd and podman load, as root, in new namespaces. 15 s.
test-image: all cross ## Check the image archive with Docker, containerd and podman, as root
	@CROSS=$(CURDIR)/$(CROSS) tests/run tests/release/image

# README's Install with the files of make dist, as root, in new namespaces: with Docker, with podman, with neither. 30 s.
test-install: all dist ## Run README's Install with the files of make dist, as root
	@DIST=$(CURDIR)/$(BUILD)/dist tests/run tests/release/docker tests/release/podman tests/release/root

# Each system call that lull makes fails once, in each phase, in up to three scenarios; FULL=1: in each scenario. As root, in
# new namespaces. 5 to 8 minutes.
test-faults: all $(HELPERS) $(BUILD)/tests/launch ## Make each system call fail once, as root
	@FULL=$(FULL) tests/faults/faults

# Each system call that lull makes takes 3 s, in each phase. Under 5 minutes.
test-delays: all $(HELPERS) $(BUILD)/tests/launch ## Make each system call take 3 s, as root
	@tests/faults/faults --delays

$(BUILD)/tests/launch: tests/faults/launch.c Makefile | $(BUILD)/tests
	$(SAY) "  CC  $@"
	@$(TEST_CC) $(TEST_CFLAGS) -static -o $@ $<

# What hardening options cost, and variants that were tried and rejected, as root: the tables in docs/development/decisions.md.
measure-hardening measure-tried: bench-programs ## Measure hardening options, and rejected variants, as root
	@BENCH_BUILD=$(abspath $(BENCH)) tests/bench/variants $(@:measure-%=%)

# --- A release: docs/development/release.md ------------------------------------------------------------------------

# TAG=v... fails if the last commit is not that release.
dist: cross-musl ## Make the files of a release of the last commit in build/dist
	@.release/dist $(BUILD) "$(TAG)" $(MACHINES)

# Two builds of a release, and its packages in empty roots, as root.
test-dist: dist ## Check the files of make dist, and build them again, as root
	@DIST=$(CURDIR)/$(BUILD)/dist tests/run tests/release/reproducible tests/release/dist

SCRIPTS += .release/dist .release/package tests/release/reproducible

# From the texts after ## on the lines of the targets.
help: ## Print this help
	@sed -n 's/^\([a-z][a-z -]*\):.* ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | sort | expand -t 34

clean: ## Remove the build directory
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d)

.PHONY: all dist test-dist test-image test-install cross test-cross test fuzz measure-listens lint check-pure check-builds test-sanitized analyze coverage \
	check-install demo demo-drain install uninstall test-apps test-dropin test-drain test-connections plot-drain plot-shutdown \
	test-completion test-orchestrators test-kubernetes bench-programs check-cost bench test-storms test-races \
	test-machine check-mutants test-faults test-delays measure-hardening measure-tried help clean
