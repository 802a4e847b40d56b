#!/usr/bin/env bats
# lull in a compatibility mode: what differs from the other init.

# Each test is a shell of its own.
# shellcheck disable=SC2030,SC2031

load ../suite/lib
bats_require_minimum_version 1.5.0

# Not below a directory that the kernel would not execute from, or by a path that a user may not follow.
setup() {
	NAMES=$BATS_TEST_TMPDIR/names
	mkdir "$NAMES"
	local name
	for name in tini tini-static docker-init catatonit podman-init dumb-init; do
		ln -s "$LULL" "$NAMES/$name"
	done
	TINI=$NAMES/tini
}

teardown() {
	end_jobs
}

# under NAME [ARG]...: runs lull under that name. Sets STATUS; its output is in out and err.
under() {
	STATUS=0
	"$NAMES/$1" "${@:2}" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || STATUS=$?
}

# ends N NAME [ARG]...
ends() {
	under "${@:2}"
	[ "$STATUS" -eq "$1" ] || fail "status $STATUS, not $1: ${*:2}"
}

silent() {
	[ ! -s "$BATS_TEST_TMPDIR/err" ] || fail "output on stderr"
}

@test "a name is the last part of the path, whole; any other is lull's own" {
	mkdir "$NAMES/dumb"
	cp "$LULL" "$NAMES/dumb/tini"
	[ "$("$NAMES/dumb/tini" --version)" = "tini version 0.19.0" ]
	local name
	for name in tini tini-static docker-init; do
		[ "$("$NAMES/$name" --version)" = "tini version 0.19.0" ]
		[ "$(cd "$NAMES" && "./$name" --version)" = "tini version 0.19.0" ]
	done
	for name in tin tini2 Tini lull init ''; do
		[[ $(exec -a "$name" "$LULL" --version) == "lull version "* ]] || fail "not lull: $name"
		[[ $(exec -a "tini/$name" "$LULL" --version) == "lull version "* ]] || fail "not lull: tini/$name"
	done
}

@test "catatonit: its version, under both names" {
	[ "$("$NAMES/catatonit" -V)" = "tini version 0.1.7_catatonit" ]
	[ "$("$NAMES/podman-init" --version)" = "tini version 0.1.7_catatonit" ]
}

@test "catatonit: what it prints, and where" {
	ends 0 catatonit -h
	has err '^Usage: catatonit \[OPTION\]'
	has err '^ +CATATONIT_DEBUG '
	has err '^ +LULL_DELAY '
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	ends 0 catatonit -L
	has out 'lull'
	ends 1 catatonit
	has err '^lull: no command given; use catatonit '
	ends 1 catatonit -s true
	ends 1 catatonit --help
}

@test "catatonit: status, silence, and lines with CATATONIT_DEBUG" {
	ends 3 catatonit -- sh -c 'exit 3'
	silent
	ends 143 podman-init -- sh -c 'kill -TERM $$'
	silent
	ends 1 catatonit no-such-command
	ends 1 catatonit /
	CATATONIT_DEBUG='' ends 0 catatonit -- true
	has err '^lull: reaped app \(PID [0-9]+\): exited with status 0'
	CATATONIT_DEBUG=0 ends 0 catatonit -- env
	has err '^lull: reaped app'
	has out '^CATATONIT_DEBUG=0'
}

@test "catatonit: it reaps orphans, and leaves remaining processes alone" {
	start_plain "$NAMES/catatonit" -- "$PROBE" exit=1:3 orphan exit=10:0
	until_count 2 out '^ready'
	local left
	left=$(sed -n 's/^ready //p' "$BATS_TEST_TMPDIR/out" | grep -vx "$APP")
	grep -qx "PPid:.$TARGET" "/proc/$left/status"
	kill -HUP "$TARGET"
	expect_status 3
	kill -USR1 "$left"
	until_true is_gone "$left"
	silent
}

@test "catatonit: -g reaches the group, and LULL_GRACE stops it" {
	start_plain "$NAMES/catatonit" -g -- "$PROBE" exit=10:4 fork
	until_count 2 out '^ready'
	kill -USR1 "$TARGET"
	expect_status 4
	until_count 2 out '^got 10'
	LULL_GRACE=2s start_init "$NAMES/podman-init" -- "$PROBE" times
	begin_stop
	expect_status 137
	expect_ms $(($(now_ms) - T0)) 1000
}

# The change of directory is its last step before it waits.
is_pause() {
	[ "$(readlink "/proc/$1/exe")" = "$(readlink -f "$LULL")" ] && [ "$(readlink "/proc/$1/cwd")" = / ]
}

is_childless() {
	[ -z "$(cat "/proc/$1/task/$1/children")" ]
}

@test "--pause: SIGTERM or SIGINT end it with 0, nothing else does" {
	local signal
	for signal in TERM INT; do
		start unshare --pid --fork --kill-child --mount-proc "$LULL" --pause
		until_true child_of "$JOB"
		TARGET=$CHILD
		until_true is_pause "$TARGET"
		kill -HUP "$TARGET"
		kill -USR1 "$TARGET"
		kill -RTMIN "$TARGET"
		kill -$signal "$TARGET"
		expect_status 0
		silent
	done
	start "$NAMES/catatonit" -P
	until_true is_pause "$TARGET"
	kill -TERM "$TARGET"
	expect_status 0
}

@test "--pause: orphans come to it and are reaped" {
	start unshare --pid --fork --kill-child --mount-proc "$NAMES/catatonit" -P
	until_true child_of "$JOB"
	TARGET=$CHILD
	until_true is_pause "$TARGET"
	nsenter --target "$TARGET" --pid --mount sh -c 'sleep 600 & sleep 600 &' >/dev/null 3>&-
	local orphans
	until_true child_of "$TARGET"
	orphans=$(cat "/proc/$TARGET/task/$TARGET/children")
	[ "$(wc -w <<<"$orphans")" -eq 2 ]
	# shellcheck disable=SC2086
	kill -KILL $orphans
	until_true is_childless "$TARGET"
	kill -INT "$TARGET"
	expect_status 0
}

@test "dumb-init: what it prints, and where" {
	local flag
	for flag in -h --help; do
		ends 0 dumb-init $flag
		has err '^Usage: dumb-init \[OPTION\]'
		has err '^ +DUMB_INIT_SETSID '
		[ ! -s "$BATS_TEST_TMPDIR/out" ]
	done
	for flag in -V --version; do
		ends 0 dumb-init $flag
		[ "$(cat "$BATS_TEST_TMPDIR/err")" = 'dumb-init v1.2.5' ]
	done
	ends 1 dumb-init
	ends 1 dumb-init -q true
	ends 1 dumb-init -r 99:1 true
	ends 2 dumb-init no-such-command
	ends 2 dumb-init /
	ends 3 dumb-init sh -c 'exit 3'
	silent
	DUMB_INIT_DEBUG=0 ends 0 dumb-init true
	silent
	DUMB_INIT_DEBUG=1 ends 0 dumb-init true
	has err '^lull: reaped app'
	ends 0 dumb-init --verbose true
	has err '^lull: reaped app'
}

# The session of a process.
session_of() {
	local stat
	stat=$(cat "/proc/$1/stat")
	read -r _ _ _ session _ <<<"${stat##*) }"
	echo "$session"
}

@test "dumb-init: a session of its own, unless turned off" {
	start_plain "$NAMES/dumb-init" "$PROBE" exit=10:0
	wait_for out '^ready'
	[ "$(session_of "$APP")" = "$APP" ]
	kill -USR1 "$TARGET"
	expect_status 0
	local how
	for how in 'env DUMB_INIT_SETSID=0 dumb-init' 'env DUMB_INIT_SETSID=1 dumb-init -c' 'env dumb-init --single-child'; do
		# shellcheck disable=SC2086
		PATH=$NAMES:$PATH start_plain $how "$PROBE" exit=10:0
		wait_for out '^ready'
		[ "$(session_of "$APP")" = "$(session_of "$TARGET")" ] || fail "a session: $how"
		kill -USR1 "$TARGET"
		expect_status 0
	done
}

@test "dumb-init: the group gets each signal, and SIGTERM when the app ends; rewritten, dropped" {
	start_plain "$NAMES/dumb-init" -r 1:10 -r 12:0 "$PROBE" exit=2:5 fork
	until_count 2 out '^ready'
	kill -USR2 "$TARGET"
	kill -HUP "$TARGET"
	until_count 2 out '^got 10'
	kill -INT "$APP"
	expect_status 5
	until_count 1 out '^got 15'
	has_not out '^got (1|12) '
	end_tree "$(sed -n 's/^ready //p' "$BATS_TEST_TMPDIR/out" | grep -vx "$APP")"
}

@test "dumb-init: a signal that stops a job stops both, and both continue" {
	local signal
	start_plain "$NAMES/dumb-init" "$PROBE" exit=10:0
	wait_for out '^ready'
	for signal in TSTP TTIN TTOU; do
		kill -$signal "$TARGET"
		until_true is_stopped "$APP"
		until_true is_stopped "$TARGET"
		kill -CONT "$TARGET"
		until_true is_running "$APP"
	done
	kill -USR1 "$TARGET"
	expect_status 0
}

is_running() {
	! is_stopped "$1"
}

@test "dumb-init: the terminal goes to the app, and no SIGHUP with it" {
	run -0 timeout 60 script -qec "exec '$NAMES/dumb-init' sh -c 'ps -o tpgid= -p \$\$; echo pid \$\$; sleep 0.2; echo lives'" /dev/null
	[[ $output == *lives* ]]
	[ "$(grep -oE '^ *[0-9]+' <<<"$output" | tr -d ' ' | head -1)" = "$(tr -d '\r' <<<"$output" | sed -n 's/^pid //p')" ]
}

@test "tini: what it prints, and where" {
	ends 0 tini -h
	has out '^Usage: tini \[OPTION\]'
	has out '^ +TINI_SUBREAPER '
	has out '^ +LULL_DELAY '
	has out 'This is lull'
	silent
	ends 0 tini -l
	has out 'lull'
	ends 1 tini
	has err '^lull: no command given; use tini .*see tini -h'
	ends 1 tini -q true
	has err '^lull: -q: no such option; see tini -h'
	ends 1 tini -d 5s true
	ends 1 tini -e 256 true
	ends 1 tini -p FOO true
}

@test "tini: --ready and --explain exist, and a shutdown has no SIGKILL" {
	run -2 unshare --pid --fork --mount-proc sh -c '"$0" --ready; exit $?' "$TINI"
	[[ $output == *'no running lull found'* ]]
	ends 0 tini --explain
	has out '0 s  SIGTERM to the app$'
	has out '^No SIGKILL: lull waits until the app has exited'
	has out 'Remaining processes are not waited for'
	LULL_GRACE=30s LULL_DELAY=10s ends 0 docker-init --explain
	has out ' 10 s  SIGTERM'
	has out ' 29 s  SIGKILL'
	LULL_DELAY=10s ends 0 docker-init --explain
	has out '^No SIGKILL: lull waits until the app has exited'
}

@test "tini: a shutdown without a line, unless a variable sets its timing" {
	start_init "$TINI" -- "$PROBE" exit=15:7
	begin_stop
	expect_status 7
	silent
	LULL_DELAY=1s start_init "$TINI" -- "$PROBE" exit=15:7 times
	begin_stop
	expect_status 7
	expect_ms $(($(got_at 15) - T0)) 1000
	has err '^lull: stopping: SIGTERM .*in 1 s, no SIGKILL'
	has err '^lull: stopped in'
	LULL_TIMEOUT=200ms start_init "$TINI" -- "$PROBE"
	begin_stop
	expect_status 137
	has err '^lull: warning: no exit .*, sending SIGKILL to: '
}

@test "tini: remaining processes are left alone, unless a variable is set" {
	start_plain "$TINI" -s -- "$PROBE" exit=1:3 orphan exit=10:0
	until_count 2 out '^ready'
	kill -HUP "$TARGET"
	expect_status 3
	local left
	left=$(sed -n 's/^ready //p' "$BATS_TEST_TMPDIR/out" | grep -vx "$APP")
	[ -e "/proc/$left" ] || fail "it was killed"
	came out 1
	kill -USR1 "$left"
	until_true is_gone "$left"
	LULL_LINGER=60s start_plain "$TINI" -s -- "$PROBE" exit=1:3 orphan exit=15:0
	until_count 2 out '^ready'
	kill -HUP "$TARGET"
	expect_status 3
	came out '1 15'
}

@test "tini: its pre-stop program is killed when it exits" {
	printf '#!/bin/sh\necho $$ >"%s/pid"\nexec sleep 600\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/hook"
	chmod +x "$BATS_TEST_TMPDIR/hook"
	LULL_PRE_STOP=$BATS_TEST_TMPDIR/hook LULL_DELAY=60s start_plain "$TINI" -s -- "$PROBE" exit=1:3
	begin_stop
	until_true test -s "$BATS_TEST_TMPDIR/pid"
	kill -HUP "$TARGET"
	expect_status 3
	until_true is_gone "$(cat "$BATS_TEST_TMPDIR/pid")"
}

@test "tini: how much it logs" {
	ends 0 tini -s true
	silent
	ends 0 tini true
	has err '^lull: warning: neither PID 1 nor a subreaper: orphans are not reaped'
	TINI_VERBOSITY=0 ends 0 tini true
	silent
	ends 0 tini -sv true
	silent
	ends 0 tini -svvv true
	has err '^lull: reaped app \(PID [0-9]+\): exited with status 0'
	TINI_VERBOSITY=3 ends 0 tini -s true
	has err '^lull: reaped app'
	TINI_SUBREAPER='' ends 0 tini true
	silent
}

@test "tini: an orphan comes with -s alone, and -w logs when it is reaped" {
	start_plain "$TINI" -s -w -- "$PROBE" exit=1:3 orphan exit=10:0
	until_count 2 out '^ready'
	local left
	left=$(sed -n 's/^ready //p' "$BATS_TEST_TMPDIR/out" | grep -vx "$APP")
	kill -USR1 "$left"
	wait_for err "^lull: warning: Reaped zombie process with pid=$left: exited with status 0"
	kill -HUP "$TARGET"
	expect_status 3
	start_plain "$TINI" -- "$PROBE" exit=1:3 orphan
	until_count 2 out '^ready'
	left=$(sed -n 's/^ready //p' "$BATS_TEST_TMPDIR/out" | grep -vx "$APP")
	grep -qE '^PPid:' "/proc/$left/status"
	if grep -qx "PPid:.$TARGET" "/proc/$left/status"; then fail "it came without -s"; fi
	kill -HUP "$TARGET" "$left"
	expect_status 3
}

@test "tini: its variables stay with the app, lull's do not" {
	TINI_SUBREAPER=1 LULL_DELAY=1s ends 0 tini env
	has out '^TINI_SUBREAPER=1'
	has_not out '^LULL_'
}

@test "tini: a script without #! is run by a shell, a damaged program is not" {
	cd "$BATS_TEST_TMPDIR"
	printf 'echo "$0" "$@"' >script
	printf '\177ELF\0\0\0' >damaged
	chmod +x script damaged
	ends 0 tini -s ./script 'a b' c
	[ "$(cat out)" = './script a b c' ]
	PATH=$BATS_TEST_TMPDIR:$PATH ends 0 tini -s script
	[ "$(cat out)" = "$BATS_TEST_TMPDIR/script" ]
	ends 1 tini -s ./damaged
	has err 'cannot execute'
	: >empty
	chmod +x empty
	ends 0 tini -s ./empty
	STATUS=0
	"$LULL" ./script 2>err || STATUS=$?
	[ "$STATUS" -eq 126 ]
}

@test "tini: 127, 126, and the codes of -e" {
	ends 127 tini -s no-such-command
	ends 126 tini -s /
	ends 0 tini -s -e 3 -e 143 -- sh -c 'kill -TERM $$'
	ends 0 tini -s -e 3 -e 143 -- sh -c 'exit 3'
	ends 4 tini -s -e 3 -- sh -c 'exit 4'
}

@test "tini: an invalid LULL variable is an error in its mode too" {
	LULL_DELAY=x ends 1 docker-init -- true
	has err '^lull: LULL_DELAY "x": invalid time'
}
