# shellcheck shell=bash
# Functions that the tests share. A test waits for an event, never for a time.

# bats runs a trap before each command, for the line of a failure: 0.3 ms a command, half of the time of the suite. Here it
# runs in the test alone, not in the functions that it calls. The two functions of bats remove the trap.
if [ -n "${BATS_TEST_NAME:-}" ]; then
	set +T
	eval "$BATS_TEST_NAME() { :; }"
	declare -ft "$BATS_TEST_NAME" bats_error_trap bats_check_status_from_trap
fi

ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
LULL=${LULL:-$ROOT/build/lull}
PROBE=${PROBE:-$ROOT/build/tests/probe}
SEND=${SEND:-$ROOT/build/tests/send}
EARLY=${EARLY:-$ROOT/build/tests/early}
FORM=${FORM:-$ROOT/build/tests/form}
DENY=${DENY:-$ROOT/build/tests/deny}
CLIENT=${CLIENT:-$ROOT/build/tests/client}
HOLD=${HOLD:-$ROOT/build/tests/hold}

# A wait that takes longer fails the test: far more than any machine needs.
PATIENCE_MS=60000
PAUSES=0

# read_clock: sets NOW_MS.
read_clock() {
	local up
	read -r up _ </proc/uptime
	NOW_MS=$((${up%.*} * 1000 + 10#${up#*.} * 10))
}

now_ms() {
	read_clock
	echo "$NOW_MS"
}

fail() {
	printf '%s\n' "$@" >&2
	local file
	for file in "$BATS_TEST_TMPDIR"/out "$BATS_TEST_TMPDIR"/err; do
		[ -e "$file" ] && sed "s|^|${file##*/}: |" "$file" >&2
	done
	return 1
}

# pause [SECONDS]: sleeps without a process, which takes 10 ms to start on a small machine. No data arrives in the FIFO.
# One pause in 32 is a process: bash can miss the exit of a child until another one exits.
pause() {
	local fifo=${BATS_RUN_TMPDIR:-$BATS_TEST_TMPDIR}/pause
	[ -p "$fifo" ] || mkfifo "$fifo" 2>/dev/null || :
	PAUSES=$(((PAUSES + 1) % 32))
	if [ $PAUSES -eq 0 ]; then sleep 0.01; else read -rt "${1:-0.01}" <>"$fifo" || :; fi
}

# until_true COMMAND...: repeats the command until it succeeds, every 10 ms and after half a second every 50 ms.
until_true() {
	local start_us=${EPOCHREALTIME/./} waited_ms=0
	until "$@"; do
		waited_ms=$(((${EPOCHREALTIME/./} - start_us) / 1000))
		[ "$waited_ms" -lt "$PATIENCE_MS" ] || fail "never came true: $*"
		if [ "$waited_ms" -lt 500 ]; then pause; else pause 0.05; fi
	done
}

# count_lines FILE PATTERN: sets COUNT to the number of lines that match. FILE is out or err. Without a process, as long as
# that takes less time.
count_lines() {
	local lines line
	COUNT=0
	mapfile -t -n 400 lines <"$BATS_TEST_TMPDIR/$1"
	if [ ${#lines[@]} -eq 400 ]; then
		COUNT=$(grep -cE -- "$2" "$BATS_TEST_TMPDIR/$1")
		return
	fi
	for line in "${lines[@]}"; do
		[[ ! $line =~ $2 ]] || COUNT=$((COUNT + 1))
	done
}

# has_at_least N FILE PATTERN: whether at least N lines of the file match.
has_at_least() {
	count_lines "$2" "$3"
	[ "$COUNT" -ge "$1" ]
}

# Whether a tracer is attached to TARGET.
is_traced() {
	grep -qE '^TracerPid:\s+[1-9]' "/proc/$TARGET/status"
}

# is_waiting PID: whether the process waits in a system call.
is_waiting() {
	[[ $(cat "/proc/$1/syscall" 2>/dev/null) =~ ^[0-9]+\ 0x ]]
}

# has_line FILE PATTERN: whether a line of the file matches.
has_line() {
	count_lines "$@"
	[ "$COUNT" -gt 0 ]
}

# wait_for FILE PATTERN: waits until a line of the file matches.
wait_for() {
	until_true has_line "$@"
}

# start COMMAND...: starts it in the background, with its output in out and err. Sets JOB and TARGET to its PID.
start() {
	: >"$BATS_TEST_TMPDIR/out"
	: >"$BATS_TEST_TMPDIR/err"
	"$@" >>"$BATS_TEST_TMPDIR/out" 2>>"$BATS_TEST_TMPDIR/err" 3>&- &
	JOB=$!
	TARGET=$JOB
}

# child_of PID: sets CHILD to its first child that is not a lull-helper; fails if it has none.
child_of() {
	local children name
	{ read -ra children <"/proc/$1/task/$1/children"; } 2>/dev/null || : # there is no newline
	for CHILD in "${children[@]}"; do
		{ read -r name <"/proc/$CHILD/comm"; } 2>/dev/null || return 1
		[ "$name" = lull-helper ] || return 0
	done
	return 1
}

# start_init LULL ARG...: starts lull as PID 1 of a new PID namespace. Sets JOB, the process to wait for, and TARGET and
# APP, the PIDs of lull and of the app in this namespace.
start_init() {
	start unshare --pid --fork --kill-child --mount-proc "$@"
	until_true init_is_lull
	export APP=$CHILD
}

# The child of the job may not have executed lull yet.
init_is_lull() {
	child_of "$JOB" && TARGET=$CHILD && is_lull "$TARGET"
}

# start_plain LULL ARG...: starts lull, not as PID 1. Sets the same variables.
start_plain() {
	start "$@"
	until_true is_lull "$TARGET"
	export APP=$CHILD
}

# is_lull PID: whether the process has executed lull, and lull has started the app. Sets CHILD to the app.
is_lull() {
	[ "/proc/$1/exe" -ef "$LULL" ] && child_of "$1"
}

# finish: waits until the job exits. Sets STATUS.
finish() {
	STATUS=0
	until_true is_gone "$JOB"
	wait "$JOB" || STATUS=$?
}

# expect_status N: waits until the job exits, and fails if the status is not N.
expect_status() {
	finish
	[ "$STATUS" -eq "$1" ] || fail "status $STATUS, not $1"
}

has() {
	has_line "$@" || fail "$1 has no line like: $2"
}

has_not() {
	if has_line "$@"; then fail "$1 has a line like: $2"; fi
}

# is_gone PID: whether the process has exited and was reaped.
is_gone() {
	[ ! -e "/proc/$1" ]
}

# begin_stop: waits until the probe is ready, and sends the stop signal. Sets T0 to the time just before that.
begin_stop() {
	wait_for out '^ready'
	# shellcheck disable=SC2034
	T0=$(now_ms)
	kill -TERM "$TARGET"
}

# came FILE SIGNAL...: the probe that writes to FILE got these signals, in this order, and no others.
came() {
	local all
	all=$(sed -nE 's/^got ([0-9]+) .*/\1/p' "$BATS_TEST_TMPDIR/$1" | xargs)
	[ "$all" = "${*:2}" ] || fail "came to $1: $all, not ${*:2}"
}

# How late an event may be. Long, for slow machines: only the lower bounds prove something.
KIND_MS=8000

# expect_ms MS LEAST: a time is at least LEAST, and not much more.
expect_ms() {
	[ "$1" -ge "$2" ] || fail "$1 ms, less than $2 ms"
	[ "$1" -le $(($2 + KIND_MS)) ] || fail "$1 ms, much more than $2 ms"
}

# since TIME: prints how many ms have passed since.
since() {
	echo $(($(now_ms) - $1))
}

# got_at SIGNAL: prints when the probe, which needs the argument "times", first got it.
got_at() {
	sed -nE "0,/^got $1 /s/^got $1 .* at ([0-9]+)$/\1/p" "$BATS_TEST_TMPDIR/out"
}

# count FILE PATTERN: prints the number of lines that match.
count() {
	count_lines "$@"
	echo "$COUNT"
}

# expect_count N FILE PATTERN: exactly N lines match.
expect_count() {
	count_lines "$2" "$3"
	[ "$COUNT" -eq "$1" ] || fail "$COUNT lines, not $1, are like: $3"
}

# until_count N FILE PATTERN: waits until N lines match.
until_count() {
	until_true has_count "$@"
}

has_count() {
	count_lines "$2" "$3"
	[ "$COUNT" -eq "$1" ]
}

# is_past TIME: whether the time has come.
is_past() {
	read_clock
	[ "$NOW_MS" -ge "$1" ]
}

# with_stderr FILE COMMAND...: executes the command with this stderr, for use before lull's name.
with_stderr() {
	local file=$1
	shift
	exec "$@" 2>"$file"
}
export -f with_stderr

# out_of_reach START LULL ARG...: starts lull without CAP_KILL, and a probe of another user as the app: lull may not signal
# it.
out_of_reach() {
	"$1" setpriv --inh-caps -kill --bounding-set -kill "${@:2}" \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$PROBE"
}

# make_full_pipe: makes a FIFO whose buffer is full, and sets PIPE to its path. Descriptor 7 keeps it open.
make_full_pipe() {
	PIPE=$BATS_TEST_TMPDIR/pipe
	mkfifo "$PIPE"
	exec 7<>"$PIPE"
	if dd if=/dev/zero of="$PIPE" bs=4096 oflag=nonblock status=none 2>/dev/null; then return 1; fi
}

# closing WHICH COMMAND...: executes the command with some of the descriptors 0, 1 and 2 closed.
closing() {
	local closed=$1
	shift
	[[ $closed != *0* ]] || exec 0<&-
	[[ $closed != *1* ]] || exec 1>&-
	[[ $closed != *2* ]] || exec 2>&-
	exec "$@"
}
export -f closing

# lose_four_lines: for a verbose lull whose stderr is PIPE, which is full. Sends four signals, reads the pipe, and sends a
# fifth. What lull writes then is in the file logged.
lose_four_lines() {
	local signo
	wait_for out '^ready'
	for signo in 1 2 10 12; do
		kill -$signo "$TARGET"
		wait_for out "^got $signo "
	done
	dd if="$PIPE" of=/dev/null bs=65536 count=1 iflag=nonblock status=none
	kill -WINCH "$TARGET"
	wait_for out '^got 28'
	dd if="$PIPE" of=logged bs=65536 count=1 iflag=nonblock status=none
}

is_stopped() {
	local stat=
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || :
	[[ $stat == *") T "* ]]
}

# end_tree PID: kills the process and its descendants.
end_tree() {
	local children child
	read -ra children <"/proc/$1/task/$1/children" 2>/dev/null || true
	for child in "${children[@]}"; do end_tree "$child"; done
	kill -KILL "$1" 2>/dev/null || true
}

# end_jobs: for teardown, kills what a failed test has left running.
end_jobs() {
	local job
	for job in $(jobs -p); do end_tree "$job"; done
}

# make_network: a network namespace for this test, as descriptor 9. NET is a process in it.
make_network() {
	"$CLIENT" up sleep 1000 >/dev/null 2>&1 3>&- &
	NET=$!
	until_true is_network_up
	exec 9<"/proc/$NET/ns/net"
}

is_network_up() {
	[ "/proc/$NET/exe" -ef "$(type -P sleep)" ]
}

# To be put before a command: nsenter becomes it, with the same PID. The path is right in a PID namespace as well.
THERE=(nsenter --net=/proc/self/fd/9)

# shellcheck disable=SC2034
SERVER=("$ROOT/tests/helpers/server.py")

# start_server OPTION... SERVER PORT...: starts lull with a server there, and waits until the server is ready.
start_server() {
	start_plain "${THERE[@]}" "$LULL" "$@"
	wait_for out '^ready'
}

# request FILE [PORT]: sends a request in the background, which the server has read then. The response goes to the file.
request() {
	local before
	count_lines out '^request'
	before=$COUNT
	"${THERE[@]}" bash -c 'exec 5<>"/dev/tcp/127.0.0.1/$1" && printf "GET / HTTP/1.1\r\n\r\n" >&5 && head -n 4 <&5 >"$2"' \
		- "${2:-8080}" "$1" 3>&- &
	until_count $((before + 1)) out '^request'
}
