#!/usr/bin/env bats
# lull.1, COMPATIBILITY: lull's own variables in a compatibility mode. Each changes only its own setting.

# Inner shells expand the variables; each test is a shell of its own.
# shellcheck disable=SC2016,SC2030,SC2031

load ../suite/lib
bats_require_minimum_version 1.5.0

NAMES=(tini catatonit dumb-init)

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	local name
	for name in "${NAMES[@]}"; do ln -s "$LULL" "$name"; done
	unset "${!LULL_@}"
	# tini would print a warning if it is not PID 1.
	export TINI_SUBREAPER=1
}

teardown() {
	end_jobs
}

# ends N NAME [ARG]...: runs lull under that name, which must exit with N. Its output is in out and err.
ends() {
	STATUS=0
	"./$2" "${@:3}" >out 2>err || STATUS=$?
	[ "$STATUS" -eq "$1" ] || fail "status $STATUS, not $1: ${*:2}"
}

silent() {
	[ ! -s err ] || fail "output on stderr"
}

# The PID of the probe that is not the app, if there are two.
other() {
	sed -n 's/^ready //p' out | grep -vx "$APP"
}

# All that have printed that they are ready.
all_gone() {
	local pid
	while read -r pid; do is_gone "$pid" || return 1; done < <(sed -n 's/^ready //p' out)
}

@test "LULL_DELAY: SIGTERM later, other signals immediately, and no SIGKILL" {
	for name in "${NAMES[@]}"; do
		LULL_DELAY=700ms start_init "./$name" -- "$PROBE" times exit=10:4
		begin_stop
		kill -USR2 "$TARGET"
		wait_for out '^got 15 '
		came out 12 15
		expect_ms $(($(got_at 15) - T0)) 700
		has err '^lull: stopping: SIGTERM .*in 700 ms, no SIGKILL$'
		kill -USR1 "$TARGET"
		expect_status 4
		has err '^lull: stopped in .* exited with status 4, no process killed$'
	done
}

@test "LULL_TIMEOUT, LULL_GRACE, LULL_PLAN: SIGKILL to everything, with the names, and 137" {
	unset TINI_SUBREAPER
	for name in "${NAMES[@]}"; do
		for how in TIMEOUT=300ms GRACE=1300ms PLAN=USR2/300ms/KILL; do
			for start in start_plain start_init; do
				$start env LULL_$how "./$name" -- "$PROBE" fork times
				until_count 2 out '^ready'
				begin_stop
				expect_status 137
				expect_ms $(($(now_ms) - T0)) 300
				has err '^lull: warning: .*sending SIGKILL to: '
				has err '^lull: stopped in .* killed$'
				[ $start = start_init ] || until_true all_gone
			done
			# As PID 1, where all of /proc is seen in time.
			has err '^lull: warning: .*sending SIGKILL to: .*probe.*probe'
			has err ' 2 processes killed$'
		done
		has out '^got 12 '
	done
}

@test "LULL_LINGER: remaining processes get their signal and their time" {
	unset TINI_SUBREAPER
	for name in "${NAMES[@]}"; do
		for start in start_plain start_init; do
			LULL_LINGER=60s $start "./$name" -- "$PROBE" exit=1:3 orphan exit=15:0
			until_count 2 out '^ready'
			kill -HUP "$APP"
			expect_status 3
			has out '^got 15 '
			silent
		done
		LULL_LINGER=100ms start_plain "./$name" -- "$PROBE" exit=1:3 orphan
		until_count 2 out '^ready'
		kill -HUP "$APP"
		expect_status 3
		has err '^lull: warning: no exit .* after the app exited, sending SIGKILL to remaining processes: '
		until_true is_gone "$(other)"
	done
}

@test "LULL_STOP_SIGNAL: that signal starts the shutdown" {
	for name in "${NAMES[@]}"; do
		LULL_STOP_SIGNAL=QUIT LULL_DELAY=500ms start_init "./$name" -- "$PROBE" times exit=3:5
		wait_for out '^ready'
		kill -TERM "$TARGET"
		wait_for out '^got 15 '
		T0=$(now_ms)
		kill -QUIT "$TARGET"
		expect_status 5
		expect_ms $(($(got_at 3) - T0)) 500
	done
}

@test "LULL_DRAIN_FILE, LULL_PRE_STOP: at the stop, with no line about it and no SIGKILL" {
	printf '#!/bin/sh\n: >"%s"\n' "$PWD/told" >hook
	chmod +x hook
	for name in "${NAMES[@]}"; do
		LULL_DRAIN_FILE=$PWD/marker LULL_PRE_STOP=$PWD/hook start_init "./$name" -- "$PROBE" exit=15:5
		wait_for out '^ready'
		[ ! -e marker ]
		kill -TERM "$TARGET"
		expect_status 5
		[ -f marker ] && [ -f told ]
		silent
		rm marker told
	done
}

@test "LULL_READY_ON and LULL_LISTENS: starting, ready, draining; --ready as well" {
	for name in "${NAMES[@]}"; do
		start "$CLIENT" up "${UNSHARE[@]}" env LULL_READY_ON=8080 LULL_DELAY=60s LULL_LISTENS=9090 "./$name" -- "$PROBE" exit=1:5
		until_true init_is_lull
		wait_for out '^ready'
		asks 503 starting 1
		inside "$CLIENT" listen 127.0.0.1 9090 1 >listener 3>&- &
		wait_for listener listening
		asks 200 ready 0
		kill -TERM "$TARGET"
		wait_for err 'stopping: SIGTERM'
		asks 503 draining 1
		kill -HUP "$TARGET"
		expect_status 5
	done
}

UNSHARE=(unshare --pid --fork --kill-child --mount-proc)

inside() {
	nsenter --target "$TARGET" --net --pid --mount "$@"
}

# asks STATUS WORD READY: checks the response of the endpoint, and lull --ready in the mode.
asks() {
	until_true eval 'inside "$CLIENT" ask 127.0.0.1 8080 <<<$'"'GET / HTTP/1.0\r\n\r\n'"' | grep -q "^HTTP/1.. '"$1"'"'
	inside "$CLIENT" ask 127.0.0.1 8080 <<<$'GET / HTTP/1.0\r\n\r\n' | grep -q "$2"
	run "-$3" inside "$PWD/$name" --ready
}

@test "LULL_REWRITE: another signal; a flag of the mode overrides it" {
	for name in "${NAMES[@]}"; do
		LULL_REWRITE=TERM:QUIT,HUP:0 start_init "./$name" -- "$PROBE" exit=3:5
		wait_for out '^ready'
		kill -HUP "$TARGET"
		kill -TERM "$TARGET"
		expect_status 5
		came out 3
	done
	LULL_REWRITE=TERM:QUIT start_init ./dumb-init -r 1:10 "$PROBE" exit=15:5
	wait_for out '^ready'
	kill -HUP "$TARGET"
	wait_for out '^got 10 '
	kill -TERM "$TARGET"
	expect_status 5
}

@test "LULL_GROUP: on, or off; it overrides the default of a session" {
	for name in tini catatonit 'dumb-init -c' 'env DUMB_INIT_SETSID=0 ./dumb-init'; do
		# shellcheck disable=SC2086
		LULL_GROUP=yes start_init ${name/#[tcd]/./&} -- "$PROBE" fork
		until_count 2 out '^ready'
		kill -USR1 "$TARGET"
		until_count 2 out '^got 10 '
	done
	LULL_GROUP=no start_init ./dumb-init "$PROBE" fork exit=10:5
	until_count 2 out '^ready'
	kill -USR2 "$TARGET"
	wait_for out '^got 12 '
	kill -USR1 "$TARGET"
	expect_status 5
	expect_count 1 out '^got 12 '
}

@test "LULL_SUCCESS_EXIT, LULL_STOPPED_OK: 0 for these; a flag of the mode overrides it" {
	for name in "${NAMES[@]}"; do
		LULL_SUCCESS_EXIT=3,143 ends 0 "$name" -- sh -c 'exit 3'
		LULL_SUCCESS_EXIT=3,143 ends 4 "$name" -- sh -c 'exit 4'
		LULL_STOPPED_OK=1 start_init "./$name" -- "$PROBE" exit=15:143
		wait_for out '^ready'
		kill -TERM "$TARGET"
		expect_status 0
		silent
	done
	LULL_SUCCESS_EXIT=3 ends 3 tini -e 4 -- sh -c 'exit 3'
}

@test "LULL_REPORT, LULL_LOG_FORMAT: as under lull's own name" {
	for name in "${NAMES[@]}"; do
		LULL_REPORT=$PWD/report ends 3 "$name" -- sh -c 'exit 3'
		grep -q 'exited with status 3' report
		silent
		rm report
		LULL_REPORT=$PWD/report LULL_LOG_FORMAT=json ends 3 "$name" -- sh -c 'exit 3'
		grep -qE '^\{.*\}$' report
		rm report
		LULL_LOG_FORMAT=json ends "$(for_not_found "$name")" "$name" -- no-such-command
		has err '^\{.*no-such-command.*\}$'
	done
}

for_not_found() {
	case $1 in
	tini) echo 127 ;;
	catatonit) echo 1 ;;
	dumb-init) echo 2 ;;
	esac
}

@test "LULL_VERBOSE, LULL_QUIET, LULL_WARN_REAP: more, less, orphans" {
	for name in "${NAMES[@]}"; do
		LULL_VERBOSE=1 ends 0 "$name" -- true
		has err '^lull: reaped app \(PID [0-9]+\): exited with status 0$'
		for off in LULL_VERBOSE=0 LULL_QUIET=0 LULL_VERBOSE= LULL_QUIET=1; do
			ends 0 "$name" -- true
			silent
			env "$off" "./$name" -- true 2>err
			silent
		done
		LULL_QUIET=1 ends 137 "$name" -- sh -c 'kill -KILL $$'
		silent
		LULL_WARN_REAP=1 start_init "./$name" -- sh -c '(exit 3 & ); exec "$0" exit=10:0' "$PROBE"
		wait_for err '^lull: warning: (Reaped zombie process with pid=[0-9]+|reaped orphan \(PID [0-9]+\)): exited with status 3$'
		wait_for out '^ready'
		kill -USR1 "$TARGET"
		expect_status 0
	done
}

@test "LULL_PARENT_DEATH: the signal comes when the parent dies" {
	local parent
	for name in "${NAMES[@]}"; do
		: >out
		: >pid
		LULL_PARENT_DEATH=USR1 sh -c '"$@" & echo "$!" >pid; wait' - "./$name" -- "$PROBE" exit=10:0 >>out 2>err 3>&- &
		parent=$!
		wait_for out '^ready'
		until_true test -s pid
		kill -KILL "$parent"
		wait_for out '^got 10 '
		until_true is_gone "$(cat pid)"
		wait "$parent" || true
	done
}

@test "they are removed from the app's environment, and an unknown one gets a warning" {
	for name in "${NAMES[@]}"; do
		LULL_DELAY=1s LULL_REPORT='' LULL_GRCE=5s ends 0 "$name" -- env
		has_not out '^LULL_(DELAY|REPORT)='
		has err '^lull: warning: unknown variable LULL_GRCE ignored; did you mean LULL_GRACE\?'
		LULL_DELAY=1x ends 1 "$name" -- true
		has err '^lull: LULL_DELAY "1x": invalid time'
	done
}

@test "none of them is without its test here" {
	local variable
	for variable in $(./tini -h | grep -oE '^LULL_[A-Z_]+'); do
		grep -q "$variable" <(grep -E '^@test|LULL_\$how' "$BATS_TEST_FILENAME") || fail "no test of $variable"
	done
}
