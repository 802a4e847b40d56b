#!/usr/bin/env bats
# lull.1, REMAINING PROCESSES: which of them get a signal, which are killed, and orphans.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

load lib

teardown() {
	end_jobs
}

# An app that exits with 3 on HUP, while a probe with these arguments remains.
leaving() {
	local start=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	$start "$LULL" "${options[@]}" sh -c 'trap "exit 3" HUP; "$0" "$@" & wait' "$PROBE" "$@"
	wait_for out '^ready'
	child_of "$APP"
	T0=$(now_ms)
}

# Like a shell without exec: it waits for the program.
SHELL_FORM='"$0" "$@"; exit'

# --- The shell exits, the program runs

@test "sh -c app: the program gets the signal once, and its time; the status is the shell's" {
	for start in start_plain start_init; do
		$start "$LULL" sh -c "$SHELL_FORM" "$PROBE" late=15:1000
		begin_stop
		expect_status 143
		came out 15
		has out '^saved'
		expect_ms "$(since "$T0")" 1000
		has err 'stopped in .*: app killed by SIGTERM, no process killed$'
		expect_count 2 err ''
	done
}

@test "during a shutdown it has until the plan's SIGKILL, with any --linger" {
	for start in start_plain start_init; do
		$start "$LULL" -t 800ms -l 100ms sh -c "$SHELL_FORM" "$PROBE"
		begin_stop
		expect_status 143
		came out 15
		expect_ms "$(since "$T0")" 800
		has err 'warning: no exit [0-9.]+ m?s after SIGTERM, sending SIGKILL to: [0-9]+ probe \(sleeping\)$'
		has err 'app killed by SIGTERM, 1 process killed$'
	done
}

@test "if the app exits during the delay, remaining processes get the signal immediately" {
	leaving start_plain -d 60s -- late=15:300
	begin_stop
	wait_for err 'stopping: SIGTERM'
	kill -HUP "$TARGET"
	expect_status 3
	came out 15
	has out '^saved'
	expect_ms "$(since "$T0")" 300
}

@test "it gets the last signal of the plan" {
	start_plain "$LULL" --plan TERM/300ms/QUIT/20s/KILL \
		env --default-signal sh -c 'trap : TERM; "$0" late=3:300 & while :; do wait; done' "$PROBE"
	begin_stop
	expect_status 131
	came out 3
	has out '^saved'
}

@test "it gets SIGTERM if the plan only stopped or continued the app" {
	local signal
	for signal in TSTP CONT; do
		start_plain "$LULL" --plan $signal/20s/KILL sh -c "trap 'exit 4' $signal"'; "$0" late=15:200 & wait' "$PROBE"
		begin_stop
		expect_status 4
		came out 15
		has out '^saved'
	done
}

@test "stopped processes are continued" {
	for start in start_plain start_init; do
		leaving $start -- exit=15:0
		kill -STOP "$CHILD"
		until_true is_stopped "$CHILD"
		kill -HUP "$TARGET"
		expect_status 3
		came out 15
		expect_ms "$(since "$T0")" 0
	done
}

# --- Without a shutdown

@test "if the app exits by itself, remaining processes get SIGTERM and their time, without a line" {
	for start in start_plain start_init; do
		leaving $start -- late=15:500
		kill -HUP "$TARGET"
		expect_status 3
		came out 15
		has out '^saved'
		expect_ms "$(since "$T0")" 500
		has_not err .
	done
}

@test "--linger: then they are killed, with a warning" {
	for start in start_plain start_init; do
		leaving $start -l 400ms --
		kill -HUP "$TARGET"
		expect_status 3
		came out 15
		is_gone "$CHILD"
		expect_ms "$(since "$T0")" 400
		expect_count 1 err ''
		has err '^lull: warning: no exit [0-9.]+ m?s after the app exited, sending SIGKILL to remaining processes: [0-9]+ probe \(sleeping\)$'
	done
}

@test "5 s by default" {
	leaving start_plain --
	kill -HUP "$TARGET"
	expect_status 3
	expect_ms "$(since "$T0")" 5000
	has err 'no exit 5(\.[0-9])? s after the app exited, sending SIGKILL to remaining processes'
}

@test "--linger 0 does not wait, with or without a shutdown" {
	for start in start_plain start_init; do
		leaving $start -l 0 -- times
		kill -HUP "$TARGET"
		expect_status 3
		came out
		until_true is_gone "$CHILD"
		expect_ms "$(since "$T0")" 0
		$start "$LULL" -l 0 sh -c "$SHELL_FORM" "$PROBE"
		begin_stop
		expect_status 143
		came out
		has err 'warning: sending SIGKILL without another signal before it to: [0-9]+ probe '
		has err 'app killed by SIGTERM, 1 process killed$'
		expect_ms "$(since "$T0")" 0
	done
}

# saved_past_the_end: lull is stopped while the app exits, until every step of its plan is overdue.
saved_past_the_end() {
	wait_for err 'lull: stop'
	kill -STOP "$TARGET"
	until_true is_stopped "$TARGET"
	kill -KILL "$APP"
	sleep 4.5
	kill -CONT "$TARGET"
	expect_status 137
	has out '^saved'
	has err 'no process killed$'
}

@test "if lull was stopped past the time of SIGKILL, remaining processes still get a second" {
	start_plain "$LULL" -d 3s -t 1s sh -c "$SHELL_FORM" "$PROBE" late=15:300
	begin_stop
	saved_past_the_end
	# The same after the signal was sent: the app had it, the program not.
	start_plain "$LULL" -t 4s sh -c "trap : TERM; $SHELL_FORM" "$PROBE" late=15:300
	begin_stop
	saved_past_the_end
}

@test "a signal meanwhile goes to them, rewritten; a stop signal starts a shutdown, and is not sent again" {
	for start in start_plain start_init; do
		leaving $start -l 20s -r USR1:USR2,INT:0 -- exit=12:0
		kill -HUP "$TARGET"
		wait_for out '^got 15'
		kill -WINCH "$TARGET"
		wait_for out '^got 28'
		kill -INT "$TARGET"
		kill -TERM "$TARGET"
		wait_for err 'stopping: SIGTERM'
		kill -TERM "$TARGET"
		kill -USR1 "$TARGET"
		expect_status 3
		came out 15 28 12
		has err 'stopping: SIGTERM from .*; the app has exited, SIGKILL to remaining processes in [0-9.]+ s$'
		expect_count 2 err ''
	done
}

# --- Remaining processes that have the stop signal already

# forwarding [OPTION...] -- WORD...: an app that forwards SIGTERM to a probe with these arguments, and exits immediately.
forwarding() {
	behind 'trap "kill -TERM \$!; exit 3" TERM' "$@"
}

# behind TRAP [OPTION...] -- WORD...: a script with this trap, which starts a probe with these arguments.
behind() {
	local trap=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	start_init "$LULL" -v "${options[@]}" bash -c "$trap; "'"$0" "$@" & wait' "$PROBE" "$@"
	wait_for out '^ready'
	T0=$(now_ms)
}

@test "a process that has removed its handler has the signal, and keeps its time" {
	forwarding -- once late=15:2600
	kill -TERM "$TARGET"
	expect_status 3
	came out 15
	has out '^saved'
	has err 'not signalling remaining process [0-9]+ \(probe\): it has the signal'
	has err 'no process killed$'
}

@test "a process that has not run gets the signal immediately, whatever the app catches" {
	behind 'trap "exit 3" TERM' -- late=15:100
	kill -TERM "$TARGET"
	expect_status 3
	came out 15
	has err 'sending SIGTERM to remaining process [0-9]+ \(probe\)'
	has_not err 'again in'
}

@test "a process that runs gets it immediately if no process can have forwarded it" {
	behind : -- awake late=15:100
	kill -TERM "$TARGET"
	expect_status 143
	came out 15
	has_not err 'again in'
}

@test "a process that may have the signal is signalled 2 s later, once" {
	behind 'trap "sleep 0.5; exit 3" TERM' -- awake exit=15:0 times
	kill -TERM "$TARGET"
	expect_status 3
	came out 15
	[ $(($(got_at 15) - T0)) -ge 2000 ]
	expect_count 1 err 'remaining process [0-9]+ \(probe\) again in 2 s: its parent may have forwarded the signal$'
	expect_count 1 err 'sending SIGTERM to remaining process'
}

@test "it is signalled before SIGKILL, after half of the remaining time" {
	behind 'trap "sleep 0.3; exit 3" TERM' -t 2s -- awake exit=15:0 times
	kill -TERM "$TARGET"
	expect_status 3
	came out 15
	[ $(($(got_at 15) - T0)) -ge 400 ]
	has err 'no process killed$'
}

@test "a helper without a handler gets the signal immediately, running or not" {
	behind 'trap "sleep 0.5; exit 3" TERM' -- awake die=15
	kill -TERM "$TARGET"
	expect_status 3
	has err 'sending SIGTERM to remaining process [0-9]+ \(probe\)'
	has_not err 'again in'
}

@test "a process that started after the stop signal is left alone" {
	start_init "$LULL" -v bash -c 'trap "\"$0\" exit=10:0 & exit 3" TERM; echo ready; while :; do sleep 0.1; done' "$PROBE"
	begin_stop
	wait_for out '^ready [0-9]'
	wait_for err 'reaped app'
	kill -USR1 "$TARGET"
	expect_status 3
	came out 10
	has err 'no process killed$'
}

@test "with --listens, a closed port shows that the signal was forwarded" {
	local server='
import signal, socket, sys, time
port = socket.create_server(("127.0.0.1", 0))
print("ready", port.getsockname()[1], flush=True)
asked = 0
def ask(*_):
    global asked, end
    asked, end = asked + 1, time.monotonic() + 2.6
    port.close()
signal.signal(signal.SIGTERM, ask)
while not asked or time.monotonic() < end:
    time.sleep(0.01)
print("asked", asked, flush=True)'
	python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])' >"$BATS_TEST_TMPDIR/port"
	local port
	port=$(cat "$BATS_TEST_TMPDIR/port")
	server=${server/'("127.0.0.1", 0)'/"(\"127.0.0.1\", $port)"}
	start_init "$LULL" -v --listens "$port" bash -c 'trap "kill -TERM \$!; exit 3" TERM; python3 -c "$0" & wait' "$server"
	begin_stop
	expect_status 3
	has out '^asked 1$'
	has err 'not signalling remaining process [0-9]+ \(python3\): it has the signal'
}

@test "a process with another living parent is not signalled" {
	local master='trap "kill -USR1 \$!" TERM; "$0" exit=10:0 >"$1/worker" & until wait $!; do :; done'
	start_init "$LULL" -v sh -c 'bash -c "$2" "$0" "$1"; true' "$PROBE" "$BATS_TEST_TMPDIR" "$master"
	until_true grep -qs '^ready' "$BATS_TEST_TMPDIR/worker"
	kill -TERM "$TARGET"
	expect_status 143
	came worker 10
	expect_count 1 err 'sending SIGTERM to remaining process'
	has err 'no process killed$'
}

@test "shells in shells: the signal ends each, and the program gets it once" {
	for start in start_plain start_init; do
		$start "$LULL" -v sh -c 'sh -c "sh -c \"\$0 late=15:100; true\" $0; true" "$0"; true' "$PROBE"
		begin_stop
		expect_status 143
		came out 15
		has out '^saved'
		has_not err 'again in'
		has err 'no process killed$'
	done
}

@test "an orphan of a process that is not lull's child is signalled: there is no SIGCHLD for it" {
	local master='trap : TERM; sh -c "\"$0\" late=15:100 & read -r _ <gate" "$0"; exec sleep 1000'
	cd "$BATS_TEST_TMPDIR"
	mkfifo gate
	start_init "$LULL" -v sh -c 'bash -c "$1" "$0"; true' "$PROBE" "$master"
	begin_stop
	wait_for err 'sending SIGTERM to remaining process [0-9]+ \(bash\)'
	child_of "$TARGET"
	came out
	echo >gate
	wait_for out '^saved'
	came out 15
	kill -KILL "$CHILD"
	expect_status 143
}

@test "more processes than the snapshot has entries: all of them get the signal" {
	start_init "$LULL" "$PROBE" many=600 exit=15:3
	begin_stop
	expect_status 3
	has err 'no process killed$'
	expect_count 2 err ''
}

@test "a snapshot takes a second at most; then it is not complete, and all remaining processes are signalled" {
	cd "$BATS_TEST_TMPDIR"
	start_init "$LULL" -v sh -c 'trap "exit 3" TERM; "$0" times exit=15:0 & wait' "$PROBE"
	wait_for out '^ready'
	strace -qq -e trace=getdents64 -e inject=getdents64:delay_exit=1100000:when=1 -o calls \
		-p "$TARGET" 2>attached 3>&- &
	until_true is_traced
	begin_stop
	expect_status 3
	has err 'the snapshot is not complete: signalling all remaining processes$'
	came out 15
	expect_ms "$(($(got_at 15) - T0))" 1000
}

@test "a later signal of the plan does not hide that the first one was forwarded" {
	forwarding --plan TERM/100ms/TERM/20s/KILL -- once late=15:2600
	kill -TERM "$TARGET"
	expect_status 3
	came out 15
	has out '^saved'
}

@test "a process is judged again in time, however long the app took to exit" {
	behind 'trap "sleep 2; exit 3" TERM' -t 5s -- awake exit=15:0 times
	kill -TERM "$TARGET"
	expect_status 3
	came out 15
	has err 'no process killed$'
}

@test "a process that became another program is signalled" {
	# The app exits when the process has got the signal. The process executes the other program, for which bash resets its
	# handlers, when lull has checked it once.
	start_init "$LULL" -v bash -c 'trap "kill -TERM \$!; while grep -qE \"^...Pnd:.*[1-9a-f]\" /proc/\$!/status; do :; done; exit 3" TERM
		(trap "exec \"$0\" exit=15:0" TERM; echo ready; bash -c "$1" - "$2") & wait' "$PROBE" \
		'until grep -q "checking remaining process" "$1"; do sleep 0.02; done' "$BATS_TEST_TMPDIR/err"
	begin_stop
	expect_status 3
	came out 15
	has err 'no process killed$'
}

@test "processes that the pre-stop program left in the background are signalled" {
	local behind=$BATS_TEST_TMPDIR/behind script=$BATS_TEST_TMPDIR/pre-stop
	printf '#!/bin/sh\n"%s" exit=15:0 >"%s" &\nuntil grep -q ready "%s"; do sleep 0.01; done\n' "$PROBE" "$behind" "$behind" >"$script"
	chmod +x "$script"
	start_init "$LULL" --pre-stop "$script" "$PROBE" exit=15:0
	begin_stop
	expect_status 0
	came behind 15
	has err 'no process killed$'
}

# --- Signals without effect

# A shell starts jobs with SIGINT and SIGQUIT ignored.
@test "a helper that ignores the stop signal gets SIGTERM, in the group as well" {
	for group in no yes; do
		start_init "$LULL" --group=$group -r TERM:QUIT sh -c 'sleep 1000 & exec env --default-signal "$0" exit=3:4' "$PROBE"
		begin_stop
		expect_status 4
		has err 'no process killed$'
	done
}

@test "a shell without effect of the stop signal gets SIGTERM, and the program its signal" {
	for start in start_plain start_init; do
		$start "$LULL" -r TERM:WINCH sh -c "$SHELL_FORM" "$PROBE" exit=28:0
		begin_stop
		expect_status 143
		came out 28
		has err '^lull: SIGWINCH has no effect on PID [0-9]+ \(sh\); sent SIGTERM instead$'
		expect_count 3 err ''
	done
}

@test "an app that ignores the stop signal: a warning when it is sent" {
	start_plain "$LULL" -t 300ms sh -c 'trap "" TERM; echo ready; "$0"' "$PROBE"
	begin_stop
	wait_for err '^lull: warning: PID [0-9]+ \(sh\) ignores SIGTERM; if it is a script, start its program with exec or use --group; if it stops on another signal, use --rewrite TERM:SIGNAL$'
	expect_status 137
	start_plain "$LULL" -t 300ms -r TERM:QUIT sh -c 'trap "" TERM QUIT; echo ready; "$0"' "$PROBE"
	begin_stop
	wait_for err 'warning: PID [0-9]+ \(sh\) ignores SIGQUIT and SIGTERM;'
	expect_status 137
	start_plain "$LULL" -t 20s --group sh -c 'trap "" TERM; echo ready; "$0" exit=15:0' "$PROBE"
	begin_stop
	expect_status 0
	has_not err 'ignores'
}

@test "SIGTERM replaces a signal once, and never SIGCONT" {
	start_plain "$LULL" --plan CONT/200ms/TERM/200ms/WINCH/20s/KILL sh -c 'trap : TERM; "$0" exit=10:0' "$PROBE"
	begin_stop
	wait_for err 'still running'
	has_not err 'no effect'
	child_of "$APP"
	kill -USR1 "$CHILD"
	expect_status 0
}

@test "in a compatibility mode the app gets each signal as it is" {
	ln -s "$LULL" "$BATS_TEST_TMPDIR/dumb-init"
	start_plain "$BATS_TEST_TMPDIR/dumb-init" -r 15:28 "$PROBE" die=28 exit=40:4
	begin_stop
	kill -40 "$TARGET"
	expect_status 4
	came out 40
}

@test "the /proc of another PID namespace is not used for the app's signal dispositions" {
	start unshare --pid --fork --kill-child "$LULL" -r TERM:QUIT sh -c 'exec "$0" exit=3:4' "$PROBE"
	until_true init_is_lull
	begin_stop
	expect_status 4
	has_not err 'ignores|no effect'
}

@test "--stopped-ok counts the SIGTERM that was sent instead" {
	start_plain "$LULL" --stopped-ok -r TERM:WINCH sh -c "$SHELL_FORM" "$PROBE" exit=28:0
	begin_stop
	expect_status 0
}

# --- Which processes get it

# Three probes: in the app's group, in a session of its own, and a grandchild in another. Their outputs: a, b, c.
FAMILY='
trap "exit 3" HUP TERM
"$0" late=15:500 >"$1/a" &
setsid "$0" late=15:500 >"$1/b" &
setsid sh -c "\"\$0\" late=15:500; exit" "$0" >"$1/c" &
wait'

family() {
	local file
	"$1" "$LULL" "${@:2}" sh -c "$FAMILY" "$PROBE" "$BATS_TEST_TMPDIR"
	for file in a b c; do until_true grep -qs ready "$BATS_TEST_TMPDIR/$file"; done
}

family_saved() {
	local file
	for file in a b c; do
		came $file 15
		has $file '^saved'
	done
}

@test "all descendants get it once" {
	for start in start_plain start_init; do
		family $start
		kill -TERM "$TARGET"
		expect_status 3
		family_saved
		has err 'no process killed$'
	done
}

@test "--group: processes in the app's group do not get it twice, the others get it" {
	for start in start_plain start_init; do
		family $start --group
		kill -TERM "$TARGET"
		expect_status 3
		family_saved
		has err 'no process killed$'
	done
}

@test "--group without a shutdown: all of them get it once" {
	family start_plain --group -r HUP:0
	kill -HUP "$APP"
	expect_status 3
	family_saved
}

# --- Which processes do not

@test "lull neither waits for a process entered from outside nor signals it" {
	start_init "$LULL" "$PROBE" exit=15:7
	wait_for out '^ready'
	nsenter -t "$TARGET" -p "$PROBE" >"$BATS_TEST_TMPDIR/entered" 3>&- &
	until_true grep -qs ready "$BATS_TEST_TMPDIR/entered"
	begin_stop
	expect_status 7
	expect_ms "$(since "$T0")" 0
	came entered
	has err 'app exited with status 7, no process killed$'
	run wait $!
}

@test "as PID 1 SIGKILL goes to a process entered from outside as well" {
	start_init "$LULL" -t 300ms "$PROBE"
	wait_for out '^ready'
	nsenter -t "$TARGET" -p "$PROBE" >"$BATS_TEST_TMPDIR/entered" 3>&- &
	until_true grep -qs ready "$BATS_TEST_TMPDIR/entered"
	begin_stop
	expect_status 137
	came entered
	has err 'to: [0-9]+ probe \(sleeping\), [0-9]+ probe \(sleeping\)$'
	run wait $!
}

@test "not PID 1: a sibling in lull's group and session stays" {
	"$PROBE" >"$BATS_TEST_TMPDIR/sibling" 3>&- &
	local sibling=$!
	until_true grep -qs ready "$BATS_TEST_TMPDIR/sibling"
	start_plain "$LULL" -t 300ms "$PROBE" fork orphan
	until_count 4 out '^ready'
	[ "$(group_of "$sibling")" = "$(group_of "$TARGET")" ]
	begin_stop
	expect_status 137
	has err '4 processes killed$'
	kill -USR1 "$sibling"
	until_true grep -q '^got 10' "$BATS_TEST_TMPDIR/sibling"
	came sibling 10
}

group_of() {
	ps -o pgid= -p "$1"
}

@test "not PID 1: the app's daemon is killed, two forks and a session away" {
	start_plain "$LULL" -t 300ms sh -c '(setsid "$0" >"$1/daemon" & ); exec "$0"' "$PROBE" "$BATS_TEST_TMPDIR"
	until_true grep -qs ready "$BATS_TEST_TMPDIR/daemon"
	local daemon
	daemon=$(sed 's/ready //' "$BATS_TEST_TMPDIR/daemon")
	begin_stop
	expect_status 137
	is_gone "$daemon"
	came daemon
	has err '2 processes killed$'
}

# chain_is_killed START US: a chain of processes of which each lives for US and starts the next.
chain_is_killed() {
	"$1" "$LULL" -t 200ms "$PROBE" "chain=$2"
	begin_stop
	expect_status 137
	[ "$(since "$T0")" -lt 2200 ] || fail "gave up"
	if pgrep -f "$PROBE chain=$2"; then fail "not killed"; fi
}

@test "SIGKILL reaches orphans that appear meanwhile" {
	chain_is_killed start_init 0
	chain_is_killed start_plain 50000
	chain_is_killed start_plain 1000
}

# --- Without /proc, or with a foreign one

NO_PROC=(unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' -)

@test "without /proc remaining processes get their signal and their time" {
	for start in start_plain start_init; do
		$start "${NO_PROC[@]}" "$LULL" sh -c "$SHELL_FORM" "$PROBE" late=15:300
		begin_stop
		expect_status 143
		came out 15 18 # lull cannot see that it is stopped
		has out '^saved'
	done
}

@test "a stopped process is continued for its signal, without /proc, and without its first thread" {
	for start in start_plain start_init; do
		$start "${NO_PROC[@]}" "$LULL" -l 60s sh -c 'trap "exit 3" HUP; "$0" exit=15:0 & wait' "$PROBE"
		leaves_one_stopped
		leaving $start -l 60s -- thread exit=15:0
		leaves_one_stopped
	done
}

leaves_one_stopped() {
	wait_for out '^ready'
	child_of "$APP"
	kill -STOP "$CHILD"
	until_true all_stopped "$CHILD"
	kill -HUP "$TARGET"
	expect_status 3
	came out 15
}

# all_stopped PID: whether each thread of it that has not exited is stopped.
all_stopped() {
	! cat "/proc/$1"/task/*/stat | sed 's/.*) //' | grep -qv '^[TZ]'
}

@test "without /proc a tree of processes that ignore signals is killed, a generation a sweep, with --linger 0 too" {
	start_plain "${NO_PROC[@]}" "$LULL" -t 200ms "$PROBE" tower=2
	wait_for out '^tower'
	begin_stop
	expect_status 137
	if pgrep -f "$PROBE tower=2"; then fail "not killed"; fi
	start_plain "${NO_PROC[@]}" "$LULL" -l 0 "$PROBE" tower=2 exit=1:3
	wait_for out '^ready'
	wait_for out '^tower'
	kill -HUP "$TARGET"
	expect_status 3
	if pgrep -f "$PROBE tower=2"; then fail "not killed"; fi
}

# The search takes a while: there are four million PIDs to check.
@test "without /proc remaining processes are killed" {
	# shellcheck disable=SC2034
	PATIENCE_MS=120000
	start_plain "${NO_PROC[@]}" "$LULL" -t 300ms sh -c "$SHELL_FORM" "$PROBE"
	wait_for out '^ready'
	child_of "$APP"
	begin_stop
	expect_status 143
	is_gone "$CHILD"
	[ "$(since "$T0")" -ge 300 ]
	has err 'app killed by SIGTERM, 1 process killed$'
}

@test "with the /proc of another PID namespace no other process gets a signal" {
	start unshare --pid --fork --kill-child sh -c '
		"$1" >"$2/stranger" &
		until grep -q ready "$2/stranger"; do sleep 0.01; done
		"$0" -l 300ms sh -c "\"\$0\" exit=15:0 & exit 3" "$1"
		echo "status $?"
		kill -USR1 $!
		until grep -q "^got 10" "$2/stranger"; do sleep 0.01; done' "$LULL" "$PROBE" "$BATS_TEST_TMPDIR"
	expect_status 0
	has out '^status 3$'
	came stranger 10
}

# --- Orphans

# orphans_left COUNT: not counting the app, and the helper that writes the log if there is one.
orphans_left() {
	local children
	read -ra children <"/proc/$TARGET/task/$TARGET/children" || : # there is no newline
	[ ${#children[@]} -ne $((1 + $1)) ] || return 0
	[ ${#children[@]} -eq $((2 + $1)) ] || return 1
	children=("${children[@]/#//proc/}")
	grep -qx lull-helper "${children[@]/%//comm}"
}

@test "1000 orphans leave no zombie" {
	for start in start_plain start_init; do
		$start "$LULL" -v sh -c 'for i in $(seq 1000); do (true &); done; exec "$0" exit=15:0' "$PROBE"
		wait_for out '^ready'
		until_true orphans_left 0
		expect_count 1000 err 'reaped orphan \(PID [0-9]+\): exited with status 0$'
		begin_stop
		expect_status 0
	done
}

# Each wait4(2) takes long here, as it does with thousands of children.
@test "if a scan of all children takes long, they are reaped by PID, and all of them" {
	cd "$BATS_TEST_TMPDIR"
	start_init "$LULL" sh -c 'for i in $(seq 40); do (sleep 1000 &); done; exec "$0" exit=10:3' "$PROBE"
	wait_for out '^ready'
	until_true orphans_left 40
	strace -qq -e trace=wait4 -e inject=wait4:delay_exit=2000 -o calls -p "$TARGET" 2>attached 3>&- &
	until_true is_traced
	read -ra left <<<"$(sed "s/\b$APP\b//" "/proc/$TARGET/task/$TARGET/children")"
	for ((i = 0; i < 20; i++)); do
		kill -KILL "${left[i]}"
		until_true orphans_left $((39 - i))
	done
	grep -qE 'wait4\([0-9]+, \[' calls
	kill -KILL "${left[@]:20}"
	until_true orphans_left 0
	kill -USR1 "$APP"
	expect_status 3
}

@test "--warn-reap: a warning for each orphan, and only then" {
	local orphans='(sh -c "exit 3" &); (sh -c "kill -USR1 \$\$" &); exec "$0" exit=15:0'
	for start in start_plain start_init; do
		$start "$LULL" -w sh -c "$orphans" "$PROBE"
		wait_for err '^lull: warning: reaped orphan \(PID [0-9]+\): exited with status 3$'
		wait_for err '^lull: warning: reaped orphan \(PID [0-9]+\): killed by SIGUSR1$'
		begin_stop
		expect_status 0
		expect_count 2 err warning
	done
	start_plain "$LULL" sh -c "$orphans" "$PROBE"
	wait_for out '^ready'
	until_true orphans_left 0
	has_not err .
	kill -TERM "$TARGET"
	expect_status 0
}

# --- What a scan of /proc can miss

@test "a program whose first thread has exited, but not another, is not taken for exited" {
	for start in start_plain start_init; do
		leaving $start -- thread late=15:300
		kill -HUP "$TARGET"
		expect_status 3
		came out 15 18 # the states of threads are not read
		has out '^saved'
	done
	# As PID 1: on a busy machine the scan of all of /proc may be cut short.
	leaving start_init -l 200ms -- thread
	kill -HUP "$TARGET"
	expect_status 3
	has err 'warning: no exit .* sending SIGKILL to remaining processes: [0-9]+ probe'
}

@test "a tower of 600 processes, each the child of the one before, is killed in time" {
	start_plain "$LULL" -t 400ms "$PROBE" tower=600
	wait_for out '^tower'
	begin_stop
	expect_status 137
	expect_ms "$(since "$T0")" 400
	has err 'and (585 more|others)$'
}

@test "a tower of other processes delays nothing and is left alone" {
	start "$PROBE" tower=600
	wait_for out '^tower'
	local stranger=$JOB
	start_plain "$LULL" -t 400ms "$PROBE"
	begin_stop
	expect_status 137
	expect_ms "$(since "$T0")" 400
	has err 'sending SIGKILL to: [0-9]+ probe \(sleeping\)$'
	child_of "$stranger"
	end_tower "$stranger"
}

# end_tower PID: kills it and all below it, from the top, which is not reaped meanwhile.
end_tower() {
	local next=$1
	while [ -n "$next" ]; do
		CHILD=
		child_of "$next" || :
		kill -KILL "$next"
		next=$CHILD
	done
}

@test "a shutdown that starts while lull waits for remaining processes sends the plan's SIGKILL, if that is earlier" {
	leaving start_plain -l 60s -t 400ms --
	kill -HUP "$TARGET"
	wait_for out '^got 15'
	T0=$(now_ms)
	kill -TERM "$TARGET"
	expect_status 3
	expect_ms "$(since "$T0")" 400
	has err 'stopping: SIGTERM .*; the app has exited, SIGKILL to remaining processes in 400 ms$'
}

@test "if the app exited while lull was frozen, past a step, remaining processes get the signal" {
	leaving start_plain --group --plan 600ms/=/20s/KILL -- exit=15:0
	kill -TERM "$TARGET"
	wait_for err 'stopping: SIGTERM'
	kill -STOP "$TARGET"
	kill -HUP "$APP"
	sleep 1 # past the first step
	kill -CONT "$TARGET"
	expect_status 3
	came out 15
	has_not err 'cannot send'
	has err 'app exited with status 3, no process killed$'
}
