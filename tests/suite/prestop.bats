#!/usr/bin/env bats
# lull.1, SHUTDOWN (Pre-stop program).

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

load lib
bats_require_minimum_version 1.5.0

setup() {
	HOOK=$BATS_TEST_TMPDIR/hook
}

teardown() {
	end_jobs
}

# hook SCRIPT: makes the pre-stop program.
hook() {
	printf '#!/bin/bash\n%s\n' "$1" >"$HOOK"
	chmod 755 "$HOOK"
}

# A program that prints when it has started, and runs forever with a child.
ENDLESS='sleep 1000 & echo "hook $$ $!"; wait'

# hook_pids: sets HOOK_PID and HOOK_CHILD to what ENDLESS printed; not as PID 1.
hook_pids() {
	wait_for err '^hook [0-9]+ [0-9]+$'
	read -r _ HOOK_PID HOOK_CHILD < <(grep '^hook ' "$BATS_TEST_TMPDIR/err")
}

# --- Its environment

@test "the pre-stop program gets the signal and the app's PID; its output is lull's stderr" {
	hook 'echo "signal $LULL_SIGNAL app $LULL_PID parent $PPID from $(readlink /proc/$$/fd/0)"
		echo "words $# $0"; echo to-stderr >&2; ps -o pid=,pgid=,sid= -p $$'
	for start in start_plain start_init; do
		$start "$LULL" --pre-stop "$HOOK" "$PROBE" exit=15:0
		wait_for out '^ready'
		local app
		app=$(sed -n 's/^ready //p' "$BATS_TEST_TMPDIR/out")
		begin_stop
		expect_status 0
		has err "^signal TERM app $app parent [0-9]+ from /dev/null$"
		has err "^words 0 $HOOK$"
		has err '^to-stderr$'
		has err '^ *([0-9]+) +\1 +\1$'
		came out 15
		has_not out signal
	done
}

@test "its descriptors are 0, 1 and 2, its directory is /, and it has lull's signal mask" {
	printf '#!%s state\n' "$PROBE" >"$HOOK"
	chmod 755 "$HOOK"
	start_plain "$LULL" --pre-stop "$HOOK" --drain-file "$HOOK.marker" "$PROBE" exit=15:0
	begin_stop
	wait_for err '^ready'
	has err '^fds 0 1 2$'
	has err '^cwd /$'
	has err '^SigBlk:	0000000000000000$'
	has err '^env LULL_SIGNAL=TERM$'
	kill -KILL "$(sed -n 's/^ready //p' "$BATS_TEST_TMPDIR/err")"
	expect_status 0
	has err "warning: pre-stop program $HOOK was killed by SIGKILL\$"
}

@test "the pre-stop program has the app's environment and two variables more" {
	hook '/usr/bin/env | /usr/bin/sort | /usr/bin/sed "s/^/env: /"'
	start_plain env -i A=1 LULL_PRE_STOP="$HOOK" LULL_DELAY=0 Z=last "$LULL" "$PROBE" exit=15:0
	begin_stop
	expect_status 0
	[ "$(sed -n 's/^env: //p' "$BATS_TEST_TMPDIR/err" | grep -vE '^(PWD|SHLVL|_)=')" = "A=1
LULL_PID=$APP
LULL_SIGNAL=TERM
Z=last" ] || fail "another environment"
}

@test "LULL_SIGNAL and LULL_PID of an outer lull do not hide its own" {
	hook 'echo "signal $LULL_SIGNAL app $LULL_PID"; tr "\0" "\n" <"/proc/$$/environ" | grep -c ^LULL_'
	start_plain env LULL_SIGNAL=HUP LULL_PID=1 LAST= "$LULL" --pre-stop "$HOOK" "$PROBE" exit=15:0
	begin_stop
	expect_status 0
	has err "^signal TERM app $APP$"
	has err '^2$'
}

@test "LULL_SIGNAL and LULL_PID get no warning if it starts lull" {
	hook "exec '$LULL' echo started"
	start_plain "$LULL" --pre-stop "$HOOK" "$PROBE" exit=15:0
	begin_stop
	expect_status 0
	has err '^started$'
	has_not err warning
}

@test "LULL_SIGNAL is the stop signal, as kill takes it" {
	# Not 33: a process that posix_spawn(3) started may have that ignored.
	hook 'echo "signal $LULL_SIGNAL"; kill -s "$LULL_SIGNAL" $$'
	for pair in 12:USR2 36:RTMIN+2 37:RTMIN+3 64:RTMAX; do
		start_plain "$LULL" --stop-signal "${pair%:*}" --rewrite USR2:TERM --pre-stop "$HOOK" "$PROBE" exit=15:0 \
			exit=36:0 exit=37:0 exit=64:0
		wait_for out '^ready'
		"$SEND" "$TARGET" "${pair%:*}" 0
		expect_status 0
		grep -qxF "signal ${pair#*:}" "$BATS_TEST_TMPDIR/err" || fail "another name"
		has err 'warning: pre-stop program .* was killed by '
	done
}

@test "it also starts without stdin, stdout and stderr" {
	hook 'ls /proc/$$/fd >"$0.fds"'
	start_plain sh -c 'exec "$@" <&- >&- 2>&-' sh "$LULL" --pre-stop "$HOOK" sleep 1000
	until_true grep -qx 'lull:ready' "/proc/$TARGET/comm"
	kill -TERM "$TARGET"
	expect_status 143
	grep -qx 0 "$HOOK.fds" || fail "it did not run, or had no stdin"
}

# --- When

@test "the stop signal waits for it, and no longer; the drain file exists before it starts" {
	hook 'sleep 1.2; test -e "$0.marker" && echo "marked"; echo done'
	start_plain "$LULL" --pre-stop "$HOOK" --drain-file "$HOOK.marker" "$PROBE" times exit=15:7
	begin_stop
	expect_status 7
	expect_ms "$(($(got_at 15) - T0))" 1200
	has err '^marked$'
	has err 'stopping: SIGTERM .*; SIGTERM to the app after the pre-stop program, in 5 s at the latest, SIGKILL in 90 s$'
	has_not err warning
}

@test "it runs in parallel with the delay, and does not shorten it" {
	hook 'echo done'
	start_plain "$LULL" -d 2s --pre-stop "$HOOK" "$PROBE" times exit=15:7
	begin_stop
	wait_for err '^done'
	has_not out '^got 15'
	expect_status 7
	expect_ms "$(($(got_at 15) - T0))" 2000
	has err 'SIGTERM to the app in 2 s and after the pre-stop program, in 5 s at the latest,'
}

@test "with a delay of 5 s or more it has until that ends" {
	hook "$ENDLESS"
	start_plain "$LULL" -d 5500ms --pre-stop "$HOOK" "$PROBE" times exit=15:7
	begin_stop
	expect_status 7
	expect_ms "$(($(got_at 15) - T0))" 5500
	has err 'SIGTERM to the app in 5.5 s, SIGKILL'
	has err 'warning: pre-stop program .* timed out after [5-9][.0-9]* s, killing it \(PID [0-9]+\)$'
}

@test "after 5 s it is killed with a warning, and its child; then the signal is sent" {
	hook "$ENDLESS"
	start_plain "$LULL" --pre-stop "$HOOK" "$PROBE" times exit=15:7
	begin_stop
	hook_pids
	expect_status 7
	expect_ms "$(($(got_at 15) - T0))" 5000
	has err 'warning: pre-stop program .* timed out after [5-9][.0-9]* s, killing it \(PID [0-9]+\)$'
	until_true is_gone "$HOOK_PID"
	until_true is_gone "$HOOK_CHILD"
}

@test "SIGKILL does not wait for it, and the app gets the stop signal a second before" {
	hook "$ENDLESS"
	for start in start_plain start_init; do
		$start "$LULL" -t 1500ms --pre-stop "$HOOK" "$PROBE" times
		begin_stop
		expect_status 137
		expect_ms "$(since "$T0")" 1500
		expect_ms "$(($(got_at 15) - T0))" 500
		has err 'warning: pre-stop program .* timed out after [0-9.]+ m?s, killing'
		has err 'warning: no exit .* after SIGTERM, sending SIGKILL'
	done
}

@test "a second stop signal ends the wait for it; it continues, and is killed when the app exits" {
	hook "$ENDLESS"
	start_plain "$LULL" --pre-stop "$HOOK" "$PROBE" exit=1:7
	begin_stop
	hook_pids
	sleep 1.1
	has_not out '^got 15'
	kill -TERM "$TARGET"
	wait_for out '^got 15'
	[ -e "/proc/$HOOK_CHILD" ] || fail "it was killed"
	kill -HUP "$TARGET"
	expect_status 7
	[ "$(since "$T0")" -lt 5000 ] || fail "it was waited for"
	until_true is_gone "$HOOK_CHILD"
}

@test "if the app exits by itself, it keeps its time" {
	hook 'trap "echo hook-got-it" TERM; sleep 1.2; echo "flushed"'
	for start in start_plain start_init; do
		$start "$LULL" -d 60s --pre-stop "$HOOK" "$PROBE" exit=1:7
		begin_stop
		wait_for err 'stopping: SIGTERM'
		kill -HUP "$TARGET"
		expect_status 7
		has err '^flushed$'
		has_not err 'hook-got-it'
		expect_ms "$(since "$T0")" 1200
	done
}

@test "with --linger 0 it is killed when the app exits, and its child" {
	hook "$ENDLESS"
	start_plain "$LULL" -d 60s --linger 0 --pre-stop "$HOOK" "$PROBE" exit=1:7
	begin_stop
	hook_pids
	kill -HUP "$TARGET"
	expect_status 7
	until_true is_gone "$HOOK_PID"
	until_true is_gone "$HOOK_CHILD"
	has_not err 'timed out'
}

@test "a second stop signal ends the wait for it after the app has exited, too" {
	hook "$ENDLESS"
	for start in start_plain start_init; do
		$start "$LULL" -d 60s --pre-stop "$HOOK" "$PROBE" exit=1:7
		begin_stop
		wait_for err '^hook '
		kill -HUP "$TARGET"
		until_true is_gone "$APP"
		sleep 1.1
		has_not err 'killing'
		kill -TERM "$TARGET"
		expect_status 7
		expect_ms "$(since "$T0")" 1000
		has err 'pre-stop program .* timed out after [1-9]'
	done
}

@test "its child processes are not remaining processes, as long as it runs" {
	hook 'sh -c "trap \"echo child-got-it; exit\" TERM; echo child; while :; do sleep 0.1; done" & wait'
	start_plain "$LULL" -d 1500ms --pre-stop "$HOOK" sh -c '"$0" exit=15:0 & exec "$0" exit=1:7' "$PROBE"
	until_count 2 out '^ready'
	T0=$(now_ms)
	kill -TERM "$TARGET"
	wait_for err '^child$'
	kill -HUP "$TARGET"
	wait_for out '^got 15'
	expect_status 7
	has_not err 'child-got-it'
	has err 'pre-stop program .* timed out after [5-9]'
}

@test "a shutdown that starts while lull waits for remaining processes starts it" {
	hook 'echo "app $LULL_PID"'
	start_plain "$LULL" --linger 60s --pre-stop "$HOOK" sh -c '"$0" exit=12:0 & exec "$0" exit=1:3' "$PROBE"
	until_count 2 out '^ready'
	kill -HUP "$TARGET"
	until_true grep -qx 'lull:ended' "/proc/$TARGET/comm"
	kill -TERM "$TARGET"
	wait_for err '^app 0$'
	has err 'stopping: SIGTERM .*; the app has exited, SIGKILL to remaining processes'
	kill -USR2 "$TARGET"
	expect_status 3
}

@test "no shutdown, no pre-stop program" {
	hook 'echo ran'
	run -3 "$LULL" --pre-stop "$HOOK" sh -c 'exit 3'
	[ -z "$output" ] || fail "output: $output"
}

# --- Failures

# is_in_state LETTER PID
is_in_state() {
	[[ $(sed 's/.*) //' "/proc/$2/stat") == "$1"* ]]
}

@test "if it exited while lull was frozen, as the app did, it is not logged as killed" {
	hook 'echo "hook $$ 0"; until [ -e "$0.go" ]; do sleep 0.01; done'
	start_plain "$LULL" -t 1500ms --pre-stop "$HOOK" sh -c '"$0" exit=15:0 & exec "$0" exit=1:7' "$PROBE"
	until_count 2 out '^ready'
	kill -TERM "$TARGET"
	hook_pids
	kill -STOP "$TARGET"
	touch "$HOOK.go"
	kill -HUP "$APP"
	until_true is_in_state Z "$HOOK_PID"
	until_true is_in_state Z "$APP"
	sleep 0.6
	kill -CONT "$TARGET"
	expect_status 7
	has_not err 'timed out'
}

@test "its failure is a warning, and the shutdown continues" {
	hook 'exit 9'
	start_plain "$LULL" --pre-stop "$HOOK" "$PROBE" exit=15:7
	begin_stop
	expect_status 7
	has err "warning: pre-stop program $HOOK exited with status 9\$"
}

@test "one that cannot be started is a warning, and the stop signal does not wait for it" {
	: >"$BATS_TEST_TMPDIR/plain"
	local -A reasons=(["$BATS_TEST_TMPDIR/none"]='No such file or directory'
		["$BATS_TEST_TMPDIR/plain"]='Permission denied' ["$BATS_TEST_TMPDIR"]='Permission denied')
	for program in "${!reasons[@]}"; do
		start_plain "$LULL" --pre-stop "$program" "$PROBE" times exit=15:7
		begin_stop
		expect_status 7
		[ -d "$program" ] || has err "warning: cannot execute pre-stop program $program yet: ${reasons[$program]}; lull tries again when the shutdown starts\$"
		has err "warning: cannot start pre-stop program $program: ${reasons[$program]}; the shutdown continues\$"
	done
}

@test "its exec hangs: signals are forwarded meanwhile, and SIGKILL comes in time" {
	hook 'exit 0'
	"$HOLD" "$HOOK" >"$BATS_TEST_TMPDIR/hold" 3>&- &
	wait_for hold '^ready'
	start_plain "$LULL" -d 1s -t 1s --pre-stop "$HOOK" "$PROBE" times
	begin_stop
	wait_for hold '^held'
	kill -USR1 "$TARGET"
	wait_for out '^got 10'
	wait_for out '^got 15'
	expect_status 137
	expect_ms "$(since "$T0")" 2000
	[ "$(($(got_at 15) - T0))" -ge 1000 ] || fail "SIGTERM before its time"
}

@test "a relative path is an error" {
	run -125 "$LULL" --pre-stop hook true
	[[ $output == 'lull: --pre-stop "hook": not an absolute path'* ]] || fail "output: $output"
	LULL_PRE_STOP=./hook run -125 "$LULL" true
	[[ $output == 'lull: LULL_PRE_STOP "./hook": not an absolute path'* ]] || fail "output: $output"
}

@test "explain shows the drain file, and the pre-stop program and its time" {
	run -0 "$LULL" --explain --pre-stop /bin/flush --drain-file /run/drain -d 3 --grace 20
	[[ $output == *"       0 s  /run/drain is created
       0 s  /bin/flush is started; the first signal waits for it, until 5 s at the latest
       0 s  the app keeps running;"* ]] || fail "output: $output"
	run -0 "$LULL" --explain --pre-stop /bin/flush --plan 1s/TERM/2s/QUIT/3s/KILL
	[[ $output == *"until 4 s at the latest"* ]] || fail "output: $output"
	run -0 "$LULL" --explain --pre-stop /bin/flush -d 8
	[[ $output == *"until 8 s at the latest"* ]] || fail "output: $output"
	run -0 "$LULL" --explain --pre-stop /bin/flush --grace 2
	[[ $output == *"until 0 s at the latest"* ]] || fail "output: $output"
}
