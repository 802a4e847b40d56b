# shellcheck shell=bash
# shellcheck disable=SC2016 # the typed lines and the commands of "until:" are expanded later
# lull.1, TERMINALS: as PID 1, at the prompt of a shell, and without a terminal. tests/helpers/pty.c simulates the user.
# Signal 40 marks the end of a test: signals with a lower number that are pending for lull are forwarded before it.

load lib.bash

PTY=${PTY:-$ROOT/build/tests/pty}
CTRL_C='type:\x03'
CTRL_D='type:\x04'
CTRL_Z='type:\x1a'
CTRL_BACKSLASH='type:\x1c'
BASH_SHELL=(bash --norc --noprofile --noediting -i)

setup() {
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$LULL" "$BATS_TEST_TMPDIR/bin/lull"
	ln -s "$PROBE" "$BATS_TEST_TMPDIR/bin/probe"
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH
	export LOG=$BATS_TEST_TMPDIR/log
	# For the commands of "until:".
	export -f child_of stats pids_of states_of all_are gone in_foreground
}

# --- Players -----------------------------------------------------------------------------------------------------

# play COMMAND...: runs it to its exit. Sets STATUS.
play() {
	STATUS=0
	"$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null 3>&- || STATUS=$?
	if [ "$STATUS" -eq 99 ]; then fail "a step failed"; fi
}

# as_pid1 STEP... -- COMMAND...
as_pid1() {
	play "$PTY" --pid1 "$@"
}

# alone STEP... -- COMMAND...: runs it in a PID namespace whose init is the player, so that no process outlives the test.
alone() {
	play unshare --pid --fork --kill-child --mount-proc "$PTY" "$@"
}

# at_prompt STEP...: the steps at the prompt of bash, which exits at the end.
at_prompt() {
	alone "$@" run:exit -- "${BASH_SHELL[@]}"
}

at_prompt_of_dash() {
	alone "$@" run:exit -- dash -i
}

# --- Processes: within a namespace, by name ----------------------------------------------------------------------

# Prints all of proc_pid_stat(5), with "lull" for any process name of lull; a process that exits meanwhile is left out.
stats() {
	sed 's/(lull:[a-z]*)/(lull)/' /proc/[0-9]*/stat 2>/dev/null
}

pids_of() {
	stats | awk -v name="($1)" '$2 == name && $3 != "Z" { print $1 }'
}

states_of() {
	stats | awk -v name="($1)" '$2 == name { print $3 }'
}

# all_are STATES NAME...: there are processes of each name, and all are in one of the states, like "T" or "SR".
all_are() {
	local states=$1 name
	shift
	for name in "$@"; do
		[[ $(states_of "$name") =~ ^[$states]($'\n'[$states])*$ ]] || return 1
	done
}

gone() {
	[ -z "$(pids_of "$1")" ]
}

in_foreground() {
	awk -v name="($1)" '$2 == name { exit $5 != $8 }' "/proc/$(pids_of "$1")/stat"
}

# group_is STATES GROUP: whether two processes are in that group, in one of the states.
group_is() {
	local states
	states=$(stats | awk -v group="$2" '{ sub(/.*\) /, "") } $3 == group { print $1 }')
	[[ $states =~ ^[$1]$'\n'[$1]$ ]]
}

status_is() {
	[ "$STATUS" -eq "$1" ] || fail "status $STATUS, not $1"
}

# times N FILE PATTERN: whether N lines match.
times() {
	local count
	count=$(grep -cE -- "$3" "$BATS_TEST_TMPDIR/$2") || true
	[ "$count" -eq "$1" ] || fail "$count times in $2, not $1: $3"
}

# --- PID 1 -------------------------------------------------------------------------------------------------------

@test "PID 1: the app is the foreground job" {
	as_pid1 expect:ready signal:15 -- lull probe state exit=15:0
	has out '^pid 2 parent 1 group 2 session 1 foreground 2\b'
}

@test "PID 1: Ctrl-C and Ctrl-\\ reach the app once" {
	as_pid1 expect:ready "$CTRL_C" 'expect:got 2 ' "$CTRL_BACKSLASH" 'expect:got 3 ' signal:40 -- lull probe exit=40:5
	status_is 5
	times 2 out 'got [23] '
	times 2 out 'got [23] code 128 '
}

@test "PID 1: an app stopped by Ctrl-Z is continued immediately" {
	as_pid1 expect:ready "$CTRL_Z" 'expect:\^Z' signal:40 'expect:got 40 ' signal:15 -- lull probe die=20 exit=15:5
	status_is 5
}

@test "PID 1: a program that counts continues after Ctrl-Z" {
	as_pid1 'expect:tick 3' "$CTRL_Z" 'expect:\^Z' expect:tick expect:tick expect:tick \
		'until:child_of "$PID" && grep "State:.[SR]" "/proc/$CHILD/status"' expect:tick signal:15 -- \
		lull perl -e '$| = 1; while (1) { printf "tick %d\n", ++$i; select undef, undef, undef, 0.01 }'
	status_is 143
}

@test "PID 1: the whole group continues after Ctrl-Z" {
	as_pid1 expect:ready expect:ready "$CTRL_Z" 'expect:\^Z' signal:41 'expect:got 41 ' 'expect:got 41 ' signal:40 -- \
		lull --group probe fork die=20 exit=40:5
	status_is 5
}

@test "PID 1: Ctrl-Z while the app is being started does not stop lull" {
	# A PATH with many directories makes the start long enough.
	as_pid1 'until:child_of "$PID"' "$CTRL_Z" "$CTRL_Z" "$CTRL_Z" "$CTRL_Z" expect:ready signal:15 -- \
		env PATH="$(printf '/:%.0s' {1..60000})$PATH" "$LULL" probe exit=15:5
	status_is 5
}

@test "PID 1: a shell as the app has job control" {
	as_pid1 run:cat 'type:one\n' 'expect:one.+one' "$CTRL_Z" expect:Stopped run:jobs 'expect:Stopped +cat' \
		run:fg 'type:two\n' 'expect:two.+two' "$CTRL_C" 'run:exit 3' -- lull "${BASH_SHELL[@]}"
	status_is 3
	has_not out 'job control|process group'
}

@test "PID 1: the app reads the terminal to its end" {
	as_pid1 'type:one\n' 'expect:one.+one' "$CTRL_D" -- lull cat
	status_is 0
}

@test "PID 1: SIGWINCH reaches the app once" {
	as_pid1 expect:ready size:50x132 'expect:got 28 ' signal:40 -- lull probe exit=40:5
	status_is 5
	times 1 out 'got 28 '
	has out 'got 28 code 128 '
}

@test "PID 1: when the terminal hangs up the app gets SIGHUP" {
	as_pid1 'until:grep ready "$LOG"' hangup 'until:grep "got 1 " "$LOG"' signal:40 -- \
		sh -c 'exec lull probe exit=40:5 >"$LOG"'
	status_is 5
	times 1 log 'got 1 '
}

@test "PID 1: a stop signal from outside works with a terminal" {
	as_pid1 expect:ready signal:15 -- lull probe exit=15:5
	status_is 5
	has out '^lull: stopping: SIGTERM from outside the container'
	times 1 out 'got 15 '
}

@test "PID 1: an app stopped by SIGSTOP stays so until the stop signal" {
	as_pid1 expect:ready 'until:child_of "$PID" && kill -STOP "$CHILD"' \
		'until:child_of "$PID" && grep "State:.T" "/proc/$CHILD/status"' \
		signal:10 signal:15 -- lull probe exit=15:5
	status_is 5
	has out 'got 10 '
}

@test "PID 1: the app has the terminal if stdin is closed or another file" {
	local stdin
	for stdin in '<&-' '</dev/null'; do
		as_pid1 expect:ready "$CTRL_C" 'expect:got 2 code 128 ' signal:15 -- sh -c "exec lull probe exit=15:5 $stdin"
		status_is 5
	done
}

@test "PID 1: the app is the foreground job without a /dev/tty" {
	as_pid1 expect:ready "$CTRL_C" 'expect:got 2 ' signal:15 -- \
		sh -c 'mount -t tmpfs none /dev && exec lull probe state exit=15:5'
	status_is 5
	has out 'pid ([0-9]+) .* foreground \1\b'
}

# --- At a prompt -------------------------------------------------------------------------------------------------

@test "at a prompt: the app is in lull's group, and Ctrl-C reaches it once" {
	at_prompt 'run:lull probe state exit=40:0' expect:ready "$CTRL_C" 'expect:got 2 ' 'until:kill -40 "$(pids_of lull)"'
	has out 'parent ([0-9]+) group \1 .* foreground \1\b'
	times 1 out 'got 2 code 128 '
	times 1 out 'got 2 '
}

# stops_and_goes_on PROMPT: in the shell that this function starts.
stops_and_goes_on() {
	"$1" 'run:lull probe die=20 exit=15:0 >"$LOG" 2>&1' 'until:grep ready "$LOG"' \
		"$CTRL_Z" expect:Stopped 'until:all_are T lull probe' \
		run:fg 'until:all_are SR lull probe' "$CTRL_C" 'until:grep "got 2 " "$LOG"' \
		"$CTRL_Z" expect:Stopped 'until:all_are T lull probe' \
		run:bg 'until:all_are SR lull probe' 'run:kill %1; wait %1; echo status $?' 'expect:status 0'
	times 1 log 'got 2 '
	has log 'got 15 '
}

@test "at a prompt: Ctrl-Z stops both; fg, bg and kill %1 work" {
	stops_and_goes_on at_prompt
}

@test "at a prompt: the same with dash" {
	stops_and_goes_on at_prompt_of_dash
}

# Not left by "exit": bash 5.2 may overlook a job that was stopped a moment ago.
@test "at a prompt: a stopped job that is killed ends" {
	alone 'run:lull probe die=20 exit=15:0 >"$LOG" 2>&1' 'until:grep ready "$LOG"' "$CTRL_Z" expect:Stopped \
		'until:all_are T lull probe' 'run:kill %1' 'until:gone lull' hangup -- "${BASH_SHELL[@]}"
	has log 'got 15 '
}

@test "at a prompt: Ctrl-Z works if SIGTSTP was ignored when lull started" {
	# shellcheck disable=SC2034 # used in the line typed
	export RESET='$SIG{TSTP} = "DEFAULT"; $| = 1; print "ready\n"; sleep'
	at_prompt "run:(trap '' TSTP; exec lull perl -e \"\$RESET\")" expect:ready \
		"$CTRL_Z" expect:Stopped run:fg 'until:all_are SR lull perl' "$CTRL_C" 'run:echo status $?' 'expect:status 130'
}

@test "at a prompt: the app starts with SIGTSTP ignored if lull did" {
	at_prompt "run:(trap '' TSTP; exec lull probe state exit=40:0)" expect:ready 'until:kill -40 "$(pids_of lull)"'
	# 32 and 33 may be ignored as well, if posix_spawn(3) started the tests.
	has out '^SigIgn:.0000000[01][08]0080000'
}

@test "at a prompt: pipelines" {
	at_prompt 'run:yes | lull head -1; echo status $?' 'expect:^y' 'expect:status 0' \
		'run:lull probe die=2 die=20 | cat' expect:ready "$CTRL_Z" expect:Stopped 'until:all_are T lull probe cat' \
		run:fg 'until:all_are SR lull probe cat' "$CTRL_C" 'run:echo status $?' 'expect:status 130'
}

@test "at a prompt: in the background, then to the foreground" {
	at_prompt 'run:lull cat &' 'until:all_are T lull cat' run:fg 'type:one\n' 'expect:one.+one' "$CTRL_D" \
		'run:lull probe exit=40:0 >"$LOG" &' 'until:grep ready "$LOG"' run:fg 'expect:lull probe' \
		"$CTRL_C" 'until:grep "got 2 " "$LOG"' 'until:kill -40 "$(pids_of lull)"'
	times 1 log 'got 2 '
}

@test "at a prompt: Ctrl-C as the stop signal is not sent again, waits for no delay, and SIGKILL comes in time" {
	at_prompt 'run:lull --stop-signal INT -d 60s -t 1s probe 2>"$LOG"' expect:ready "$CTRL_C" 'run:echo status $?' 'expect:status 137'
	times 1 out 'got 2 '
	has log 'stopping: SIGINT from the terminal; the app already has it, SIGKILL in 1 s'
	has log 'no exit 1(\.[0-9])? s after SIGINT, sending SIGKILL'
}

@test "at a prompt: Ctrl-C as the stop signal goes to an app that has left the group" {
	at_prompt 'run:lull --stop-signal INT -t 60s setsid probe exit=2:7 2>"$LOG"' expect:ready "$CTRL_C" \
		'run:echo status $?' 'expect:status 7'
	times 1 out 'got 2 '
}

@test "at a prompt: the terminal is restored after a shell was killed with its job" {
	at_prompt 'run:sh -c '"'"'lull -g -t 100ms bash --norc --noprofile --noediting -i; read -r x; echo "got $x"'"'" \
		'run:probe' expect:ready 'until:in_foreground probe' 'until:kill -TERM "$(pids_of lull)"' 'until:gone lull' \
		'type:hello\n' 'expect:got hello'
}

@test "at a prompt: an app that is traced by its parent stops no process" {
	local traced='import ctypes, os; ctypes.CDLL(None).ptrace(0, 0, 0, 0); os.kill(os.getpid(), 10)'
	for group in "" --group; do
		at_prompt "run:lull $group python3 -c '$traced'; echo status \$?" expect:'status 138'
		[ "$STATUS" -eq 0 ] || fail "status $STATUS"
	done
}

@test "at a prompt: tostop does not stop a lull in the background that logs" {
	at_prompt 'run:stty tostop' 'run:lull -v probe exit=40:7 >"$LOG" &' 'until:grep ready "$LOG"' \
		'until:kill -40 "$(pids_of lull)"' 'expect:lull: received SIGRTMIN.6 from' 'type:wait $!; echo status $?\n' 'expect:status 7'
}

# --- At a prompt, with --group -----------------------------------------------------------------------------------

@test "--group: the app has a process group of its own, and the terminal" {
	at_prompt 'run:lull --group probe state exit=40:0' expect:ready "$CTRL_C" 'expect:got 2 ' \
		'until:kill -40 "$(pids_of lull)"'
	has out 'pid ([0-9]+) .* group \1 .* foreground \1\b'
	times 1 out 'got 2 '
}

@test "--group: Ctrl-Z returns to the prompt, fg gives the terminal to the app" {
	at_prompt 'run:lull --group cat' 'type:one\n' 'expect:one.+one' "$CTRL_Z" expect:Stopped 'until:all_are T lull cat' \
		run:fg 'type:two\n' 'expect:two.+two' "$CTRL_C" 'run:echo status $?' 'expect:status 130'
}

@test "--group: the same with dash" {
	at_prompt_of_dash 'run:lull --group cat' 'type:one\n' 'expect:one.+one' "$CTRL_Z" expect:Stopped \
		'until:all_are T lull cat' run:fg 'type:two\n' 'expect:two.+two' "$CTRL_C" 'run:echo status $?' \
		'expect:status 130'
}

@test "--group: from the background, fg lets the app read, stopped or not" {
	at_prompt 'run:lull --group cat &' 'until:all_are T lull cat' run:fg 'type:one\n' 'expect:one.+one' "$CTRL_D" \
		'run:lull --group sh -c "until [ -e \$LOG ]; do sleep 0.01; done; read x; echo got \$x" &' \
		'until:all_are S lull' run:fg 'until:in_foreground lull' 'until:touch "$LOG"' 'type:two\n' 'expect:got two'
}

@test "--group: Ctrl-Z stops the script that lull is part of" {
	at_prompt 'run:sh -c "lull --group cat; echo over"' 'type:one\n' 'expect:one.+one' "$CTRL_Z" expect:Stopped \
		'until:all_are T sh lull cat' run:fg 'type:two\n' 'expect:two.+two' "$CTRL_D" expect:over
}

@test "--group: afterwards a script can read the terminal" {
	at_prompt 'run:sh -c "lull --group true; read x; echo got \$x"' 'type:one\n' 'expect:got one' \
		'run:sh -c "lull --group /nowhere; read x; echo got \$x"' 'type:two\n' 'expect:got two'
}

@test "--group: so can a script that was in the background first" {
	at_prompt 'run:sh -c "lull --group cat; read x; echo got \$x" &' 'until:all_are T sh lull cat' \
		run:fg 'type:one\n' 'expect:one.+one' "$CTRL_D" 'until:gone lull' 'type:two\n' 'expect:got two'
}

@test "--group: a job that exits in the background does not change the terminal" {
	at_prompt 'run:lull --group probe exit=40:0 >"$LOG" &' 'until:grep ready "$LOG"' \
		'until:kill -40 "$(pids_of lull)"' 'until:gone lull' \
		'run:read x; echo got $x' 'type:one\n' 'expect:got one' \
		'run:lull --group probe die=20 exit=40:0 >"$LOG".2' 'until:grep ready "$LOG".2' "$CTRL_Z" expect:Stopped \
		run:bg 'until:all_are SR lull probe' 'until:kill -40 "$(pids_of lull)"' 'until:gone lull' \
		'run:read x; echo got $x' 'type:two\n' 'expect:got two'
}

@test "--group: a stopped job exits when the terminal hangs up" {
	alone 'run:lull --group probe die=20 exit=1:0 >"$LOG"' 'until:grep ready "$LOG"' "$CTRL_Z" expect:Stopped \
		hangup 'until:gone lull' -- "${BASH_SHELL[@]}"
	has log 'got 1 '
}

# --- No shell above ----------------------------------------------------------------------------------------------

@test "leader of the session, not PID 1: an app stopped by SIGSTOP does not stop lull" {
	local option
	for option in --quiet --group; do
		alone expect:ready 'until:kill -STOP "$(pids_of probe)"' 'until:all_are T probe' signal:15 -- \
			lull "$option" probe exit=15:5
		status_is 5
	done
}

@test "leader of the session, not PID 1, --group: an app stopped by Ctrl-Z is continued immediately" {
	alone expect:ready "$CTRL_Z" 'expect:\^Z' signal:40 'expect:got 40 ' "$CTRL_C" 'expect:got 2 ' signal:15 -- \
		lull --group probe die=20 exit=15:5
	status_is 5
}

# --- PID 1 in a group from outside (unshare, bwrap) --------------------------------------------------------------

@test "PID 1 in a foreign group: in the background lull does not change the terminal" {
	at_prompt 'run:unshare --pid --fork lull probe exit=40:0 >"$LOG" &' 'until:grep ready "$LOG"' \
		'run:read x; echo got $x' 'type:one\n' 'expect:got one' 'until:kill -40 "$(pids_of lull)"' 'until:gone lull'
}

@test "PID 1 in a foreign group: the app reads, is stopped with its job, and a script can read afterwards" {
	at_prompt 'run:sh -c "unshare --pid --fork lull cat; read x; echo got \$x"' 'type:one\n' 'expect:one.+one' \
		"$CTRL_Z" expect:Stopped 'until:all_are T cat' run:fg 'type:two\n' 'expect:two.+two' "$CTRL_D" \
		'until:gone lull' 'type:three\n' 'expect:got three'
}

# --- No terminal -------------------------------------------------------------------------------------------------

# start_without_terminal LULL ARG...: starts it and waits until the app is ready. Sets APP.
start_without_terminal() {
	start setsid "$@"
	wait_for out '^ready'
	child_of "$JOB"
	APP=$CHILD
}

@test "no terminal: the app has a process group of its own" {
	start_without_terminal "$LULL" "$PROBE" state exit=15:5
	kill "$JOB"
	expect_status 5
	has out "^pid $APP parent $JOB group $APP session $JOB foreground -1\b"
}

@test "no terminal: a signal to lull's group reaches the app once" {
	start_without_terminal "$LULL" "$PROBE" exit=40:5
	kill -TERM -- "-$JOB"
	wait_for out 'got 15 '
	kill -40 "$JOB"
	expect_status 5
	times 1 out 'got 15 '
}

@test "no terminal: job-control signals are forwarded" {
	start_without_terminal "$LULL" "$PROBE" exit=15:5
	"$SEND" "$JOB" 20
	wait_for out 'got 20 '
	"$SEND" "$JOB" 21
	wait_for out 'got 21 '
	"$SEND" "$JOB" 22
	wait_for out 'got 22 '
	"$SEND" "$JOB" 18
	wait_for out 'got 18 '
	kill "$JOB"
	expect_status 5
	times 4 out 'got (18|2[012]) '
}

# stopped_group_goes_on TIMES OPTION...: leader and follower are stopped when the stop signal comes, to TIMES of them.
stopped_group_goes_on() {
	local times=$1
	shift
	start_without_terminal "$LULL" "$@" "$PROBE" fork exit=40:5
	until_true times 2 out '^ready' 2>/dev/null
	kill -STOP -- "-$APP"
	until_true group_is T "$APP"
	kill -TERM "$JOB"
	wait_for out 'got 15 '
	until_true group_is SR "$APP"
	until_true times "$times" out 'got 15 ' 2>/dev/null
	# Before the exit: remaining processes then get the signal too, if they did not have it.
	times "$times" out 'got 15 '
	kill -40 -- "-$APP"
	expect_status 5
}

@test "no terminal: as PID 1 an app that SIGTSTP, SIGTTIN or SIGTTOU stopped is continued" {
	local name signo
	cd "$BATS_TEST_TMPDIR" || return
	for name in lull tini catatonit; do
		ln -sf "$LULL" "$name"
		start_init "./$name" -- "$PROBE" die=20 die=21 die=22 exit=15:5
		wait_for out '^ready'
		for signo in 20 21 22; do
			kill -$signo "$TARGET"
			until_count $((signo - 19)) out '^got 18 '
		done
		kill -STOP "$APP"
		until_true is_stopped "$APP"
		kill -40 "$TARGET"
		until_true is_pending 40 "$APP"
		is_stopped "$APP"
		kill -TERM "$TARGET"
		expect_status 5
	done
}

# is_pending SIGNAL PID: whether the signal is pending.
is_pending() {
	local pending
	pending=$(sed -n 's/^ShdPnd:\t//p' "/proc/$2/status")
	[ $(((0x$pending >> ($1 - 1)) & 1)) -eq 1 ]
}

@test "no terminal: a stopped group is continued when the stop signal is forwarded" {
	stopped_group_goes_on 1
	stopped_group_goes_on 2 --group
}
