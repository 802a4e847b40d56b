#!/usr/bin/env bats
# lull.1, SHUTDOWN and EXIT STATUS: shutdown, from the first stop signal to the exit status.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

load lib

setup() {
	ulimit -c 0
}

teardown() {
	end_jobs
}

# hurry: a second stop signal, as soon as it is not a duplicate.
hurry() {
	wait_for err 'stopping: SIG'
	sleep 1.1
	kill -TERM "$TARGET"
}

# --- The delay

@test "the stop signal is forwarded after the delay, other signals during it" {
	for start in start_plain start_init; do
		$start "$LULL" -d 900ms "$PROBE" times exit=15:7
		begin_stop
		wait_for err 'stopping: SIGTERM'
		kill -HUP "$TARGET"
		expect_status 7
		came out 1 15
		expect_ms "$(($(got_at 15) - T0))" 900
	done
}

@test "no delay without an option" {
	start_plain "$LULL" "$PROBE" exit=15:7
	begin_stop
	expect_status 7
	expect_ms "$(since "$T0")" 0
}

@test "an app that ends during the delay ends it" {
	start_plain "$LULL" -d 60s "$PROBE" exit=1:3
	begin_stop
	wait_for err 'stopping: SIGTERM'
	kill -HUP "$TARGET"
	expect_status 3
	expect_ms "$(since "$T0")" 0
	has err 'stopped in .*: app exited with status 3, no process killed$'
}

@test "a second stop signal within a second is dropped" {
	# A realtime signal: three of them queue, so that all of them arrive.
	start_plain "$LULL" -v --stop-signal RTMIN+1 -d 1300ms "$PROBE" times exit=35:0
	wait_for out '^ready'
	T0=$(now_ms)
	for _ in 1 2 3; do kill -35 "$TARGET"; done
	expect_status 0
	expect_count 3 err '^lull: received SIGRTMIN\+1 from'
	came out 35
	expect_ms "$(($(got_at 35) - T0))" 1300
}

@test "a second stop signal after a second skips the rest of the delay, and is sent once" {
	start_plain "$LULL" -d 60s "$PROBE" times exit=1:0
	begin_stop
	hurry
	wait_for out '^got 15'
	kill -HUP "$TARGET"
	expect_status 0
	came out 15 1
	expect_ms "$(($(got_at 15) - T0))" 1100
}

@test "after a second stop signal the timeout is counted from the signal to the app" {
	start_plain "$LULL" -d 60s -t 400ms "$PROBE" times
	begin_stop
	hurry
	expect_status 137
	came out 15
	expect_ms "$(since "$T0")" 1500
}

@test "after the first one, stop signals are forwarded like other signals" {
	start_plain "$LULL" "$PROBE" exit=1:0
	begin_stop
	wait_for out '^got 15'
	kill -TERM "$TARGET"
	until_count 2 out '^got 15'
	kill -HUP "$TARGET"
	expect_status 0
	came out 15 15 1
	expect_count 1 err 'stopping: SIG'
}

# --- Timeout

@test "the timeout escalates to SIGKILL, not before its time" {
	for start in start_plain start_init; do
		$start "$LULL" -t 500ms "$PROBE"
		begin_stop
		expect_status 137
		expect_ms "$(since "$T0")" 500
		is_gone "$APP"
		came out 15
	done
}

@test "more stop signals do not restart the timers" {
	start_plain "$LULL" -t 700ms "$PROBE"
	begin_stop
	while kill -TERM "$TARGET" 2>/dev/null; do
		[ "$(since "$T0")" -lt $((700 + KIND_MS)) ] || fail "never killed"
		sleep 0.1
	done
	expect_status 137
	expect_ms "$(since "$T0")" 700
}

@test "--timeout never logs that there is no SIGKILL, and waits for the app" {
	start_plain "$LULL" -t never "$PROBE" late=15:700
	begin_stop
	expect_status 0
	has out '^saved'
	has err 'SIGTERM to the app now, no SIGKILL$'
}

@test "90 s by default" {
	start_plain "$LULL" "$PROBE" exit=15:0
	begin_stop
	expect_status 0
	has err 'SIGTERM to the app now, SIGKILL in 90 s$'
}

@test "--grace kills 1 s before its end" {
	start_plain "$LULL" --grace 1600ms "$PROBE"
	begin_stop
	expect_status 137
	expect_ms "$(since "$T0")" 600
	has err 'SIGTERM to the app now, SIGKILL in 600 ms$'
}

@test "--grace is counted from the first stop signal, also after a second one" {
	start_plain "$LULL" -d 2500ms --grace 5500ms "$PROBE" times
	begin_stop
	hurry
	expect_status 137
	came out 15
	expect_ms "$(($(got_at 15) - T0))" 1100
	expect_ms "$(since "$T0")" 4500
}

# --- Plans

@test "a plan is done step by step, = after a rewrite" {
	start_plain "$LULL" -r TERM:USR1 --plan 200ms/TSTP/300ms/=/300ms/QUIT/400ms/KILL "$PROBE" times
	begin_stop
	expect_status 137
	came out 20 10 3
	expect_ms "$(($(got_at 20) - T0))" 200
	expect_ms "$(($(got_at 10) - T0))" 500
	expect_ms "$(($(got_at 3) - T0))" 800
	expect_ms "$(since "$T0")" 1200
	has err 'SIGTSTP to the app in 200 ms, SIGUSR1 in 500 ms, SIGQUIT in 800 ms, SIGKILL in 1.2 s$'
}

@test "a plan without KILL waits forever" {
	start_plain "$LULL" --plan TERM/100ms/INT "$PROBE" late=2:700
	begin_stop
	expect_status 0
	came out 15 2
	has err 'no SIGKILL$'
}

@test "delay and timeout are the plan D/=/T/KILL" {
	local plan
	for plan in "-d 300ms -t 400ms" "--plan 300ms/=/400ms/KILL"; do
		# shellcheck disable=SC2086
		start_plain "$LULL" $plan "$PROBE" times
		begin_stop
		expect_status 137
		came out 15
		expect_ms "$(($(got_at 15) - T0))" 300
		expect_ms "$(since "$T0")" 700
		has err 'SIGTERM to the app in 300 ms, SIGKILL in 700 ms$'
	done
}

@test "a stop signal that a rewrite drops starts the shutdown" {
	start_plain "$LULL" -r TERM:0 -t 400ms "$PROBE"
	begin_stop
	expect_status 137
	came out
	has err 'no signal to the app \(dropped by --rewrite\), SIGKILL in 400 ms$'
}

@test "--stop-signal: each of its signals starts the shutdown, and TERM does not unless listed" {
	start_plain "$LULL" --stop-signal QUIT,USR1 -d 300ms "$PROBE" times exit=10:5
	wait_for out '^ready'
	T0=$(now_ms)
	kill -TERM "$TARGET"
	wait_for out '^got 15'
	has_not err 'stop:'
	kill -USR1 "$TARGET"
	expect_status 5
	came out 15 10
	expect_ms "$(($(got_at 10) - T0))" 300
	has err 'stopping: SIGUSR1 from PID [0-9]+ \(.*\); SIGUSR1 to the app in 300 ms'
}

@test "QUIT from outside the container that skips the delay gets a warning, once" {
	start_init "$LULL" -d 5s "$PROBE" exit=1:0
	wait_for out '^ready'
	kill -QUIT "$TARGET"
	wait_for out '^got 3'
	kill -INT "$TARGET"
	wait_for out '^got 2'
	kill -HUP "$TARGET"
	expect_status 0
	expect_count 1 err 'warning'
	has err 'SIGQUIT from outside the container was forwarded immediately and started no shutdown \(no delay\); .*--stop-signal TERM,QUIT or LULL_STOP_SIGNAL=TERM,QUIT$'
}

@test "no such warning if QUIT is a stop signal, without a delay, from inside, or dropped by a rewrite" {
	start_init "$LULL" -d 200ms --stop-signal TERM,QUIT "$PROBE" exit=3:0
	wait_for out '^ready'
	kill -QUIT "$TARGET"
	expect_status 0
	has_not err warning
	start_init "$LULL" "$PROBE" exit=3:0
	wait_for out '^ready'
	kill -QUIT "$TARGET"
	expect_status 0
	has_not err .
	start_plain "$LULL" -d 5s "$PROBE" exit=3:0
	wait_for out '^ready'
	kill -QUIT "$TARGET"
	expect_status 0
	has_not err .
	start_init "$LULL" -d 5s --rewrite QUIT:0 "$PROBE" exit=1:0
	wait_for out '^ready'
	kill -QUIT "$TARGET"
	kill -HUP "$TARGET"
	expect_status 0
	has_not err .
	expect_count 1 out '^got'
}

# --- Load, stopped and frozen processes

# flood SIGNAL...: sends each without end. Sets FLOODS.
flood() {
	local signo
	FLOODS=()
	for signo in "$@"; do
		"$SEND" "$TARGET" "$signo" flood 3>&- &
		FLOODS+=($!)
	done
}

@test "SIGKILL in time under a flood of signals" {
	for start in start_plain start_init; do
		# All processes of the user share the queue: other tests need some of it.
		$start prlimit --sigpending=500 "$LULL" -t 500ms -r HUP:0,USR1:0,RTMIN:0 "$PROBE" exit=1:1
		wait_for out '^ready'
		flood 1 10 34
		begin_stop
		expect_status 137
		expect_ms "$(since "$T0")" 500
		wait "${FLOODS[@]}"
	done
}

@test "SIGKILL in time, and signals forwarded, with a stderr that is full and never read" {
	make_full_pipe
	for start in start_plain start_init; do
		$start bash -c 'with_stderr "$@"' - "$PIPE" "$LULL" -v -d 300ms -t 500ms "$PROBE" times
		begin_stop
		kill -HUP "$TARGET"
		expect_status 137
		came out 1 15
		expect_ms "$(($(got_at 15) - T0))" 300
		expect_ms "$(since "$T0")" 800
	done
}

@test "SIGKILL in time with a stderr that is a full terminal, also of another user" {
	local bin user
	bin=$(mktemp -d /tmp/lull-XXXXXX)
	chmod 755 "$bin"
	cp "$LULL" "$PROBE" "$bin"
	for user in 0 54321; do
		start "$ROOT/build/tests/full_terminal" setpriv --reuid $user --regid $user --clear-groups \
			"$bin/${LULL##*/}" -v -d 300ms -t 500ms "$bin/probe" times
		wait_for out '^ready'
		child_of "$JOB"
		TARGET=$CHILD
		T0=$(now_ms)
		for _ in {1..50}; do kill -URG "$TARGET"; done
		kill -TERM "$TARGET"
		expect_status 137
		has out '^got 15'
		expect_ms "$(since "$T0")" 800
	done
	rm -r "$bin"
}

@test "a stopped app is continued, with its group, to handle the stop signal" {
	for start in start_plain start_init; do
		$start "$LULL" sh -c '"$0" die=15 & exec "$0" exit=15:6' "$PROBE"
		until_count 2 out '^ready'
		child_of "$APP"
		kill -STOP "$CHILD" "$APP"
		until_true is_stopped "$APP"
		until_true is_stopped "$CHILD"
		begin_stop
		expect_status 6
		is_gone "$CHILD"
		has err 'app exited with status 6, no process killed'
	done
}

@test "a stopped app that has left its first process group is continued, and gets the signals for the group" {
	for flags in -v -g; do
		start_plain "$LULL" $flags -t 60s "$PROBE" moves exit=15:6
		wait_for out '^ready'
		kill -STOP "$APP"
		until_true is_stopped "$APP"
		begin_stop
		expect_status 6
		has_not err warning
	done
}

# killed_while_stopped SAID FLAG...: 500 ms after the shutdown started, without a signal before that it could handle.
killed_while_stopped() {
	start_plain "$LULL" "${@:2}" "$PROBE"
	wait_for out '^ready'
	kill -STOP "$APP"
	until_true is_stopped "$APP"
	begin_stop
	expect_status 137
	expect_ms "$(since "$T0")" 500
	has err "$1 to: $APP probe \(stopped\)$"
	came out
}

@test "a stopped app whose stop signal a rewrite drops is left stopped until SIGKILL" {
	killed_while_stopped 'no exit [0-9.]+ m?s after the stop signal .*, sending SIGKILL' -t 500ms -r TERM:0
}

@test "a stop signal that a rewrite turns into SIGKILL goes to all remaining processes" {
	for start in start_plain start_init; do
		$start "$LULL" -r TERM:KILL sh -c '"$0" & exec "$0"' "$PROBE"
		until_count 2 out '^ready'
		child_of "$APP"
		begin_stop
		expect_status 137
		is_gone "$CHILD"
		has err 'stopping: SIGTERM from .*; SIGKILL now$'
		has err 'stopped in .*: app killed by SIGKILL, 2 processes killed$'
	done
}

@test "SIGKILL in time to a stopped app" {
	killed_while_stopped 'sending SIGKILL without another signal before it' --plan 500ms/KILL
}

@test "frozen past its deadlines, lull sends SIGTERM before SIGKILL" {
	start_plain "$LULL" -d 300ms -t 1200ms "$PROBE" times
	begin_stop
	wait_for err 'stopping: SIGTERM'
	kill -STOP "$TARGET"
	until_true is_past $((T0 + 1600))
	came out
	local thaw
	thaw=$(now_ms)
	kill -CONT "$TARGET"
	expect_status 137
	expect_ms "$(($(got_at 15) - thaw))" 0
	expect_ms "$(since "$thaw")" 1000
}

@test "frozen: a wait shorter than 1 s is kept whole" {
	start_plain "$LULL" -d 300ms -t 600ms "$PROBE" times
	begin_stop
	wait_for err 'stopping: SIGTERM'
	kill -STOP "$TARGET"
	until_true is_past $((T0 + 1000))
	local thaw
	thaw=$(now_ms)
	kill -CONT "$TARGET"
	expect_status 137
	expect_ms "$(($(got_at 15) - thaw))" 0
	expect_ms "$(since "$thaw")" 600
}

@test "2 s after SIGKILL lull exits with 137 even if processes remain" {
	for start in start_plain start_init; do
		out_of_reach $start "$LULL" -t 200ms
		begin_stop
		expect_status 137
		expect_ms "$(since "$T0")" 2200
		has err 'warning: cannot send SIGTERM to PID [0-9]+: Operation not permitted$'
		has err 'stopped in 2.[0-9] s: app still running'
		if [ "$start" = start_plain ]; then
			[ -e "/proc/$APP" ]
			kill -KILL "$APP"
		else
			until_true is_gone "$APP"
		fi
	done
}

# --- The log

@test "a shutdown logs two lines and nothing else" {
	start_plain "$LULL" -d 200ms "$PROBE" exit=15:7
	begin_stop
	expect_status 7
	expect_count 2 err ''
	has err '^lull: stopping: SIGTERM from PID [0-9]+ \(.+\); SIGTERM to the app in 200 ms, SIGKILL in 90.2 s$'
	has err '^lull: stopped in [0-9.]+ m?s: app exited with status 7, no process killed$'
	start_init "$LULL" "$PROBE" die=15
	begin_stop
	expect_status 143
	expect_count 2 err ''
	has err '^lull: stopping: SIGTERM from outside the container; SIGTERM to the app now, SIGKILL in 90 s$'
	has err '^lull: stopped in [0-9.]+ m?s: app killed by SIGTERM, no process killed$'
}

@test "no shutdown, no line" {
	start_plain "$LULL" "$PROBE" exit=1:4
	wait_for out '^ready'
	kill -HUP "$TARGET"
	expect_status 4
	has_not err .
}

@test "at SIGKILL a warning has PID, name and state" {
	start_plain "$LULL" -t 300ms "$PROBE"
	begin_stop
	expect_status 137
	expect_count 3 err ''
	has err "^lull: warning: no exit [0-9.]+ m?s after SIGTERM, sending SIGKILL to: $APP probe \(sleeping\)$"
	has err 'app killed by SIGKILL, 1 process killed$'
	start_init "$LULL" -t 300ms "$PROBE"
	begin_stop
	expect_status 137
	has err '^lull: warning: no exit [0-9.]+ m?s after SIGTERM, sending SIGKILL to: [0-9]+ probe \(sleeping\)$'
}

@test "at SIGKILL a dropped signal is not logged as forwarded" {
	start_plain "$LULL" -t 300ms --rewrite TERM:0 "$PROBE"
	begin_stop
	expect_status 137
	has err "^lull: warning: no exit [0-9.]+ m?s after the stop signal \(dropped by --rewrite\), sending SIGKILL to: $APP probe \(sleeping\)$"
	has_not out '^got'
}

@test "at most 16 processes are listed, then a count" {
	for start in start_plain start_init; do
		$start "$LULL" -t 300ms sh -c 'for i in $(seq 20); do sleep 1000 & done; exec "$0"' "$PROBE"
		begin_stop
		expect_status 137
		has err '(, [0-9]+ sleep \((sleeping|running)\)){15} and 5 more$'
		has err '21 processes killed$'
	done
}

@test "a line stays one line with any bytes in a process name" {
	local app=$BATS_TEST_TMPDIR/$'x) R\n(\e[31m\x7f'
	cp "$PROBE" "$app"
	start_plain "$LULL" -t 300ms "$app"
	begin_stop
	expect_status 137
	expect_count 3 err ''
	expect_count 3 err '^lull: '
	has err "to: $APP x\) R\?\(\?\[31m\? \(sleeping\)$"
}

@test "after 5 s one warning lists what still runs" {
	start_plain "$LULL" --plan TERM/5400ms/KILL "$PROBE"
	begin_stop
	wait_for err 'still running'
	expect_ms "$(since "$T0")" 5000
	expect_status 137
	expect_count 1 err "warning: still running 5 s after SIGTERM: $APP probe \(sleeping\); SIGKILL in [0-9.]+ m?s$"
	expect_count 4 err ''
}

@test "--quiet: no line about a shutdown or a kill" {
	start_plain "$LULL" -q -t 300ms "$PROBE"
	begin_stop
	expect_status 137
	has_not err .
}

# --- The exit status

@test "the status is the app's, 0 to 255" {
	# In dash, which starts a process in a fraction of bash's time.
	sh -c 'i=0; while [ $i -le 255 ]; do "$0" sh -c "exit $i"; [ $? -eq $i ] || exit 1; i=$((i + 1)); done' "$LULL"
}

@test "128 + n if signal n killed it" {
	local signo
	for signo in {1..64}; do
		case $signo in
		17 | 18 | 19 | 20 | 21 | 22 | 23 | 28) continue ;; # do not kill by default
		esac
		STATUS=0
		"$LULL" "$PROBE" raise="$signo" || STATUS=$?
		[ "$STATUS" -eq $((128 + signo)) ] || fail "signal $signo: status $STATUS"
	done
}

# status_of N COMMAND...: its exit status is N; its stderr is in err.
status_of() {
	STATUS=0
	timeout --foreground 20 "${@:2}" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || STATUS=$?
	[ "$STATUS" -eq "$1" ] || fail "status $STATUS, not $1: ${*:2}"
}

@test "--success-exit" {
	status_of 0 "$LULL" -e 143,3 -e 7 sh -c 'exit 143'
	status_of 0 "$LULL" -e 143,3 -e 7 sh -c 'kill -TERM $$'
	status_of 0 "$LULL" -e 143,3 -e 7 sh -c 'exit 7'
	status_of 4 "$LULL" -e 143,3 -e 7 sh -c 'exit 4'
	status_of 255 "$LULL" -e 143 sh -c 'exit 255'
	status_of 0 "$LULL" -e 255 sh -c 'exit 255'
}

# stopped_ok STATUS WORDS...: the exit status of lull --stopped-ok after SIGTERM.
stopped_ok() {
	start_plain "$LULL" --stopped-ok "${@:2}"
	begin_stop
	expect_status "$1"
}

@test "--stopped-ok: killed by a signal of the plan, after the shutdown started" {
	stopped_ok 0 "$PROBE" die=15
	stopped_ok 0 "$PROBE" exit=15:143
	stopped_ok 0 "$PROBE" exit=15:0
	stopped_ok 3 "$PROBE" exit=15:3
	stopped_ok 131 "$PROBE" exit=15:131
	stopped_ok 0 -r TERM:QUIT "$PROBE" die=3
	stopped_ok 143 -r TERM:QUIT "$PROBE" exit=3:143
	stopped_ok 0 --plan TERM/100ms/INT "$PROBE" die=2
	stopped_ok 137 -t 100ms "$PROBE"
	stopped_ok 137 "$PROBE" exit=15:137
	status_of 143 "$LULL" --stopped-ok sh -c 'kill -TERM $$'
}

# --- Commands that cannot be executed

@test "125: lull itself failed" {
	status_of 125 "$LULL"
	status_of 125 "$LULL" --no-such-option true
}

@test "125: no process can be started" {
	local bin=$BATS_TEST_TMPDIR
	chmod 755 "$BATS_RUN_TMPDIR" "$bin"
	cp "$LULL" "$bin/lull"
	status_of 125 setpriv --reuid 54321 --regid 54321 --clear-groups prlimit --nproc=1 "$bin/lull" true
	has err '^lull: cannot create a process: Resource temporarily unavailable$'
}

# rejected STATUS REASON COMMAND...
rejected() {
	status_of "$1" "$LULL" "${@:3}"
	expect_count 1 err ''
	has err "^lull: cannot execute \"$3\": $2"
}

# refused_in PATH STATUS REASON COMMAND: the same, searched for there.
refused_in() {
	status_of "$2" env PATH="$1" "$LULL" "$4"
	expect_count 1 err ''
	has err "^lull: cannot execute \"$4\": $3"
}

@test "127: not found" {
	local here=$BATS_TEST_TMPDIR
	refused_in /usr/bin:/nowhere 127 'not found in PATH, which is "/usr/bin:/nowhere"$' no-such-command
	status_of 127 env -u PATH "$LULL" no-such-command
	has err 'not found, and PATH is not set$'
	mkdir "$here/closed"
	chmod 700 "$here/closed"
	status_of 126 env PATH="$here/closed:/usr/bin" setpriv --reuid 65534 --regid 65534 --clear-groups "$LULL" no-such-command
	has err 'not found in PATH, which is ".*"; permission denied on one of these directories .needs x.$'
	rejected 127 'no such file$' "$here/nothing"
	rejected 126 'a part of its path is not a directory$' /etc/passwd/nothing
	rejected 127 'the command name is empty$' ''
	printf '#!/no/such/interpreter -x\n' >"$here/script"
	chmod +x "$here/script"
	rejected 127 'the file exists, but its interpreter "/no/such/interpreter" does not$' "$here/script"
	refused_in "$here" 127 'the file exists, but its interpreter "/no/such/interpreter" does not$' script
	printf '#!/bin/sh\r\necho hi\r\n' >"$here/script"
	rejected 127 'the file exists, but its interpreter "/bin/sh" does not: the line ends in CR LF' "$here/script"
}

@test "127: the loader is missing" {
	local here=$BATS_TEST_TMPDIR
	LC_ALL=C sed 's|/lib64/ld-linux|/lib64/ld-nosux|; s|/lib/ld-linux|/lib/ld-nosux|' /bin/true >"$here/app"
	chmod +x "$here/app"
	rejected 127 'the file exists, but the loader it was linked for, "/lib[^"]*/ld-nosux[^"]*", does not$' "$here/app"
}

@test "126: could not be executed" {
	local here=$BATS_TEST_TMPDIR
	printf 'echo handed to a shell\n' >"$here/script"
	rejected 126 'it is not executable; use chmod \+x$' "$here/script"
	refused_in "$here" 126 'it is not executable; use chmod \+x$' script
	chmod +x "$here/script"
	rejected 126 'it has no #! line, and is not a program of this system$' "$here/script"
	refused_in "$here" 126 'it has no #! line, and is not a program of this system$' script
	has_not out .
	: >"$here/script"
	rejected 126 'the file is empty' "$here/script"
	printf '#!\n' >"$here/script"
	rejected 126 'its #! line names no interpreter$' "$here/script"
	rejected 126 'it is a directory$' "$here"
	mkfifo "$here/fifo"
	rejected 126 'it is not a regular file$' "$here/fifo"
}

@test "126: built for another machine, or damaged" {
	local here=$BATS_TEST_TMPDIR
	cp "$LULL" "$here/app"
	printf '\x16\x00' | dd of="$here/app" bs=1 seek=18 conv=notrunc status=none
	rejected 126 "it was built for s390x, and this machine is $(uname -m)\$" "$here/app"
	# The right machine, but its program headers have an impossible size.
	cp "$LULL" "$here/app"
	printf '\xff' | dd of="$here/app" bs=1 seek=54 conv=notrunc status=none
	rejected 126 'it was built for this machine, but is damaged$' "$here/app"
}

@test "126: on a file system mounted noexec" {
	local here=$BATS_TEST_TMPDIR
	status_of 126 unshare -m sh -c 'mount -t tmpfs -o noexec none "$1" && cp /bin/true "$1/app" && exec "$0" "$1/app"' \
		"$LULL" "$here"
	has err 'its file system is mounted noexec$'
}

@test "a command that is not executable is skipped for one that is, later in PATH" {
	local here=$BATS_TEST_TMPDIR
	mkdir "$here/a" "$here/b"
	printf '#!/bin/sh\necho no\n' >"$here/a/app"
	printf '#!/bin/sh\necho yes\n' >"$here/b/app"
	chmod +x "$here/b/app"
	status_of 0 env PATH="$here/a:$here/b:$PATH" "$LULL" app
	has out '^yes$'
}
