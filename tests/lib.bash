# shellcheck shell=bash
# What the tests share. A test waits for what it is waiting for, never for a time.

ROOT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
LULL=${LULL:-$ROOT/build/lull}
PROBE=${PROBE:-$ROOT/build/tests/probe}
SEND=${SEND:-$ROOT/build/tests/send}

# How long a wait may take before the test has failed: far more than any machine needs.
PATIENCE_MS=20000

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

child_of() {
	local children
	children=$(cat "/proc/$1/task/$1/children" 2>/dev/null) && read -r CHILD _ <<<"$children"
}

# start_init LULL ARG...: the same as PID 1 of a namespace of its own. Sets JOB, to wait for,
# TARGET, lull's pid here, and APP, the app's.
start_init() {
	start unshare --pid --fork --kill-child --mount-proc "$@"
	until_true child_of "$JOB"
	TARGET=$CHILD
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
