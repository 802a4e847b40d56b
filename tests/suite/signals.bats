#!/usr/bin/env bats
# lull.1, SIGNALS: which signals are forwarded, to which processes, and with which value.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

load lib

teardown() {
	end_jobs
}

# All that can be caught, except SIGCHLD, which is lull's own.
passed_on() {
	seq 64 | grep -vxE '9|17|19'
}

# send_all [OFFSET]: sends all of them, with number plus offset as the value. SIGCONT separately: the kernel discards a pending
# one when a signal comes that stops.
send_all() {
	local signo
	for signo in $(passed_on | grep -vx 18); do "$SEND" "$TARGET" "$signo" ${1:+$((signo + $1))}; done
	until_count 60 out '^got'
	"$SEND" "$TARGET" 18 ${1:+$((18 + $1))}
	until_count 61 out '^got'
}

# --- All signals

@test "every signal is forwarded, once" {
	local signo
	for start in start_plain start_init; do
		$start "$LULL" "$PROBE"
		wait_for out '^ready'
		send_all
		for signo in $(passed_on); do expect_count 1 out "^got $signo code 0 from [0-9]+ value 0$"; done
		kill -KILL "$APP"
		expect_status 137
		expect_count 61 out '^got'
	done
}

@test "every signal is forwarded with the value and the sender of a sigqueue" {
	local signo
	for start in start_plain start_init; do
		$start "$LULL" "$PROBE"
		wait_for out '^ready'
		send_all 1000
		for signo in $(passed_on); do
			expect_count 1 out "^got $signo code -1 from [0-9]+ value $((signo + 1000))$"
		done
		kill -KILL "$APP"
		expect_status 137
		expect_count 61 out '^got'
	done
}

@test "the sender of a value is kept: from outside it is PID 0" {
	start_init "$LULL" "$PROBE" exit=40:0
	wait_for out '^ready'
	"$SEND" "$TARGET" 40 1
	expect_status 0
	has out '^got 40 code -1 from 0 value 1$'
	start_plain "$LULL" "$PROBE" exit=40:0
	wait_for out '^ready'
	"$SEND" "$TARGET" 40 1 3>&- &
	local sender=$!
	wait "$sender"
	expect_status 0
	has out "^got 40 code -1 from $sender value 1$"
}

@test "the stop signal keeps its value during the delay" {
	for group in "" --group; do
		# shellcheck disable=SC2086
		start_plain "$LULL" $group -d 200ms -r TERM:USR1 "$PROBE" exit=10:0
		wait_for out '^ready'
		"$SEND" "$TARGET" 15 5
		expect_status 0
		has out '^got 10 code -1 from [0-9]+ value 5$'
	done
}

@test "SIGCHLD is not forwarded" {
	for start in start_plain start_init; do
		$start "$LULL" "$PROBE" exit=1:0
		wait_for out '^ready'
		"$SEND" "$TARGET" 17
		"$SEND" "$TARGET" 17 5
		"$SEND" "$TARGET" 12
		wait_for out '^got 12'
		"$SEND" "$TARGET" 1
		expect_status 0
		came out 12 1
	done
}

@test "realtime signals queue: each arrives, in order" {
	local value
	for start in start_plain start_init; do
		$start "$LULL" "$PROBE" exit=60:0
		wait_for out '^ready'
		# Frozen, so that they have to queue with lull.
		kill -STOP "$TARGET"
		until_true is_stopped "$TARGET"
		for value in 3 1 2; do "$SEND" "$TARGET" 50 $value; done
		"$SEND" "$TARGET" 60 4
		kill -CONT "$TARGET"
		expect_status 0
		sed -nE 's/^got (50|60) code -1 .* value (.)$/\2/p' "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/values"
		[ "$(xargs <"$BATS_TEST_TMPDIR/values")" = "3 1 2 4" ] || fail "other values, or another order"
	done
}

@test "if the app's queue of signals is full, they arrive without their value" {
	for group in "" --group; do
		# shellcheck disable=SC2086
		start_plain "$LULL" $group prlimit --sigpending=0 "$PROBE" exit=41:0
		wait_for out '^ready'
		"$SEND" "$TARGET" 12 5
		"$SEND" "$TARGET" 40 5
		wait_for out '^got 12 code 0 from 0 value 0$'
		wait_for out '^got 40 code 0 from 0 value 0$'
		"$SEND" "$TARGET" 41
		expect_status 0
		has_not err .
	done
}

# --- Rewrites

@test "a rewrite forwards another signal, with the value, and 0 drops it" {
	for start in start_plain start_init; do
		$start "$LULL" -r USR1:USR2,HUP:0 -r RTMIN+6:RTMAX-1,WINCH:33 "$PROBE" exit=2:9
		wait_for out '^ready'
		"$SEND" "$TARGET" 1
		"$SEND" "$TARGET" 1 5
		"$SEND" "$TARGET" 10
		wait_for out '^got 12 code 0 '
		"$SEND" "$TARGET" 10 7
		wait_for out '^got 12 code -1 from [0-9]+ value 7$'
		"$SEND" "$TARGET" 40 -3
		wait_for out '^got 63 code -1 from [0-9]+ value -3$'
		"$SEND" "$TARGET" 28 8
		wait_for out '^got 33 code -1 from [0-9]+ value 8$'
		"$SEND" "$TARGET" 2
		expect_status 9
		came out 12 12 63 33 2
	done
}

# --- Receivers

@test "signals go to the app alone" {
	for start in start_plain start_init; do
		$start "$LULL" sh -c '"$0" exit=12:0 >"$1/other" & exec "$0" exit=10:0' "$PROBE" "$BATS_TEST_TMPDIR"
		wait_for out '^ready'
		wait_for other '^ready'
		child_of "$APP"
		"$SEND" "$TARGET" 1
		"$SEND" "$TARGET" 2 5
		until_count 2 out '^got'
		kill -USR2 "$CHILD"
		wait_for other '^got'
		came other 12
		kill -USR1 "$TARGET"
		expect_status 0
	done
}

@test "--group: every member of the app's group gets it, with the value; no other process" {
	for start in start_plain start_init; do
		$start "$LULL" --group sh -c 'setsid "$0" exit=12:0 >"$1/other" & exec "$0" fork exit=10:0' \
			"$PROBE" "$BATS_TEST_TMPDIR"
		until_count 2 out '^ready'
		wait_for other '^ready'
		"$SEND" "$TARGET" 1
		until_count 2 out '^got 1 code 0 '
		"$SEND" "$TARGET" 40 5
		until_count 2 out '^got 40 code -1 from [0-9]+ value 5$'
		child_of "$APP"
		kill -USR2 "$CHILD"
		wait_for other '^got'
		came other 12
		kill -USR1 "$TARGET"
		expect_status 0
		expect_count 2 out '^got 10'
	done
}

@test "a signal sent to lull's group from outside reaches the app once, through lull" {
	start setsid "$LULL" "$PROBE" exit=12:0
	until_true is_lull "$TARGET"
	wait_for out '^ready'
	kill -USR1 -- "-$TARGET"
	wait_for out '^got 10'
	kill -USR2 -- "-$TARGET"
	expect_status 0
	came out 10 12
}

@test "only a stop signal continues a stopped app" {
	start_plain "$LULL" "$PROBE" exit=15:0
	wait_for out '^ready'
	kill -STOP "$APP"
	until_true is_stopped "$APP"
	kill -HUP "$TARGET"
	until_true is_pending "$APP" 1
	is_stopped "$APP"
	kill -TERM "$TARGET"
	expect_status 0
	came out 1 15
}

# is_pending PID SIGNAL
is_pending() {
	local pending
	pending=$(sed -nE 's/^ShdPnd:\s*//p' "/proc/$1/status")
	((16#$pending >> ($2 - 1) & 1))
}

# --- Nothing ends lull

@test "SIGPIPE of lull's own log is not forwarded" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	for start in start_plain start_init; do
		exec 8<>"$BATS_TEST_TMPDIR/pipe"
		$start bash -c 'with_stderr "$@" 8>&-' - "$BATS_TEST_TMPDIR/pipe" "$LULL" -v "$PROBE" exit=15:6
		exec 8>&-
		wait_for out '^ready'
		kill -HUP "$TARGET"
		wait_for out '^got 1 '
		kill -USR1 "$TARGET"
		wait_for out '^got 10 '
		kill -TERM "$TARGET"
		expect_status 6
		came out 1 10 15
	done
}

@test "if lull may not signal the app, it logs a line and continues" {
	for start in start_plain start_init; do
		out_of_reach $start "$LULL"
		wait_for out '^ready'
		"$SEND" "$TARGET" 1
		wait_for err '^lull: warning: cannot send SIGHUP to PID [0-9]+: Operation not permitted$'
		"$SEND" "$TARGET" 40 5
		wait_for err '^lull: warning: cannot send SIGRTMIN\+6 to PID [0-9]+: Operation not permitted$'
		kill -KILL "$APP"
		expect_status 137
		came out
	done
}

# --- Before the app runs

# early STATUS init|plain blocked|anytime ARG...: an early SIGTERM, 60 times; see tests/helpers/early.c. make test-races sends more.
early() {
	local out
	out=$("$EARLY" 60 "$2" "$3" "$LULL" -q "${@:4}" 3>&- | grep -vE '^(ready|got) ')
	[ "$out" = "$1 60" ] || fail "status and how often: $out"
}

@test "a SIGTERM sent as soon as it is blocked reaches the app: default action" {
	for how in plain init; do
		early 143 $how blocked sleep 20
		early 143 $how blocked --group sleep 20
	done
}

@test "a SIGTERM sent at any time reaches the app: handler" {
	for how in plain init; do
		early 7 $how anytime "$PROBE" exit=15:7
		early 7 $how anytime --group "$PROBE" exit=15:7
	done
}
