# shellcheck shell=bash
# What the tests share. A test waits for what it is waiting for, never for a time.

ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
LULL=${LULL:-$ROOT/build/lull}
PROBE=${PROBE:-$ROOT/build/tests/probe}
SEND=${SEND:-$ROOT/build/tests/send}
EARLY=${EARLY:-$ROOT/build/tests/early}
FORM=${FORM:-$ROOT/build/tests/form}
DENY=${DENY:-$ROOT/build/tests/deny}
CLIENT=${CLIENT:-$ROOT/build/tests/client}
HOLD=${HOLD:-$ROOT/build/tests/hold}

# How long a wait may take before the test has failed: far more than any machine needs.
PATIENCE_MS=60000

now_ms() {
	local up
	read -r up _ </proc/uptime
	echo $((${up%.*} * 1000 + 10#${up#*.} * 10))
}

fail() {
	printf '%s\n' "$@" >&2
	local file
	for file in "$BATS_TEST_TMPDIR"/out "$BATS_TEST_TMPDIR"/err; do
		[ -e "$file" ] && sed "s|^|${file##*/}: |" "$file" >&2
	done
	return 1
}

# until_true COMMAND...: waits until it succeeds.
until_true() {
	local end=$(($(now_ms) + PATIENCE_MS))
	until "$@"; do
		[ "$(now_ms)" -lt "$end" ] || fail "never came true: $*"
		sleep 0.01
	done
}

# wait_for FILE PATTERN: until a line of the file matches. Files: out, err.
wait_for() {
	until_true grep -qE -- "$2" "$BATS_TEST_TMPDIR/$1"
}

# start COMMAND...: in the background, with its output in out and err. Sets JOB, its pid.
start() {
	: >"$BATS_TEST_TMPDIR/out"
	: >"$BATS_TEST_TMPDIR/err"
	"$@" >>"$BATS_TEST_TMPDIR/out" 2>>"$BATS_TEST_TMPDIR/err" 3>&- &
	JOB=$!
	TARGET=$JOB
}

# child_of PID: sets CHILD, its first that is no helper of lull's; fails as long as it has none.
child_of() {
	local children name
	{ read -ra children <"/proc/$1/task/$1/children"; } 2>/dev/null || : # there is no newline
	for CHILD in "${children[@]}"; do
		{ read -r name <"/proc/$CHILD/comm"; } 2>/dev/null || return 1
		[ "$name" = lull-helper ] || return 0
	done
	return 1
}

# start_init LULL ARG...: the same as PID 1 of a namespace of its own. Sets JOB, to wait for,
# TARGET, lull's pid here, and APP, the app's.
start_init() {
	start unshare --pid --fork --kill-child --mount-proc "$@"
	until_true init_is_lull
	export APP=$CHILD
}

# A child of the job may still be something of the shell's.
init_is_lull() {
	child_of "$JOB" && TARGET=$CHILD && is_lull "$TARGET"
}

# start_plain LULL ARG...: the same not as PID 1.
start_plain() {
	start "$@"
	until_true is_lull "$TARGET"
	export APP=$CHILD
}

# Has the process become lull, and started its app?
is_lull() {
	[ "$(readlink "/proc/$1/exe")" = "$(readlink -f "$LULL")" ] && child_of "$1"
}

# finish: waits for the job. Sets STATUS.
finish() {
	STATUS=0
	until_true is_gone "$JOB"
	wait "$JOB" || STATUS=$?
}

# expect_status N: waits for the job and compares.
expect_status() {
	finish
	[ "$STATUS" -eq "$1" ] || fail "status $STATUS, not $1"
}

has() {
	grep -qE -- "$2" "$BATS_TEST_TMPDIR/$1" || fail "$1 has no line like: $2"
}

has_not() {
	if grep -qE -- "$2" "$BATS_TEST_TMPDIR/$1"; then fail "$1 has a line like: $2"; fi
}

# is_gone PID: it has ended and was reaped.
is_gone() {
	[ ! -e "/proc/$1" ]
}

# begin_stop: waits until the probe is ready, then begins the stop. Sets T0, a time just before it.
begin_stop() {
	wait_for out '^ready'
	# shellcheck disable=SC2034
	T0=$(now_ms)
	kill -TERM "$TARGET"
}

# came FILE SIGNAL...: what the probe that writes there got, in this order and nothing else.
came() {
	local all
	all=$(sed -nE 's/^got ([0-9]+) .*/\1/p' "$BATS_TEST_TMPDIR/$1" | xargs)
	[ "$all" = "${*:2}" ] || fail "came to $1: $all, not ${*:2}"
}

# How late something may be that has come: kind to slow machines. Only the lower bounds prove something.
KIND_MS=8000

# expect_ms MS LEAST: a time is at least this, and not much more.
expect_ms() {
	[ "$1" -ge "$2" ] || fail "$1 ms, less than $2 ms"
	[ "$1" -le $(($2 + KIND_MS)) ] || fail "$1 ms, much more than $2 ms"
}

# since TIME: how many ms ago that was.
since() {
	echo $(($(now_ms) - $1))
}

# got_at SIGNAL: when the probe, given the word "times", first got it.
got_at() {
	sed -nE "0,/^got $1 /s/^got $1 .* at ([0-9]+)$/\1/p" "$BATS_TEST_TMPDIR/out"
}

# count FILE PATTERN: the number of lines like that.
count() {
	grep -cE -- "$2" "$BATS_TEST_TMPDIR/$1" || true
}

# expect_count N FILE PATTERN
expect_count() {
	[ "$(count "$2" "$3")" -eq "$1" ] || fail "$(count "$2" "$3") lines, not $1, are like: $3"
}

# until_count N FILE PATTERN: until it has as many lines like that.
until_count() {
	until_true has_count "$@"
}

has_count() {
	[ "$(count "$2" "$3")" -eq "$1" ]
}

# is_past TIME
is_past() {
	[ "$(now_ms)" -ge "$1" ]
}

# with_stderr FILE COMMAND...: to be put before lull's name.
with_stderr() {
	local file=$1
	shift
	exec "$@" 2>"$file"
}
export -f with_stderr

# out_of_reach START LULL ARG...: a probe as the app that lull may not signal: it is another user's.
out_of_reach() {
	"$1" setpriv --inh-caps -kill --bounding-set -kill "${@:2}" \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$PROBE"
}

# make_full_pipe: PIPE, a named one that takes nothing more; descriptor 7 keeps it open.
make_full_pipe() {
	PIPE=$BATS_TEST_TMPDIR/pipe
	mkfifo "$PIPE"
	exec 7<>"$PIPE"
	if dd if=/dev/zero of="$PIPE" bs=4096 oflag=nonblock status=none 2>/dev/null; then return 1; fi
}

# closing WHICH COMMAND...: some of 0, 1 and 2 closed.
closing() {
	local closed=$1
	shift
	[[ $closed != *0* ]] || exec 0<&-
	[[ $closed != *1* ]] || exec 1>&-
	[[ $closed != *2* ]] || exec 2>&-
	exec "$@"
}
export -f closing

# lose_four_lines: a verbose lull has PIPE, which is full, as its stderr. It is sent four signals, and a fifth once there is
# room; what it says then is in the file said.
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
	dd if="$PIPE" of=said bs=65536 count=1 iflag=nonblock status=none
}

is_stopped() {
	[[ $(cat "/proc/$1/stat" 2>/dev/null) == *") T "* ]]
}

# end_tree PID: kills it and what it has started.
end_tree() {
	local children child
	read -ra children <"/proc/$1/task/$1/children" 2>/dev/null || true
	for child in "${children[@]}"; do end_tree "$child"; done
	kill -KILL "$1" 2>/dev/null || true
}

# end_jobs: for teardown, what a failed test has left.
end_jobs() {
	local job
	for job in $(jobs -p); do end_tree "$job"; done
}
