# shellcheck shell=bash
# What the demos share: words on the screen, a namespace and a directory of their own. What they show is theirs.
# shellcheck source=tests/suite/lib.bash
. "${BASH_SOURCE[0]%/*}/../suite/lib.bash"
unset "${!LULL_@}" # what somebody has set for a lull of his own

DEMO=${0##*/}
WIDTH=100
BOLD='' DIM='' GREEN='' RED='' PLAIN=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
	BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
fi
FAILURES=0
ACT_BEGAN=$(now_ms)

# --- Words --------------------------------------------------------------------------------------------------------

# A paragraph.
tell() {
	fold -s -w "$WIDTH" <<<"$*" | sed 's/ *$//'
}

# Sets TIME, since the act began.
set_time() {
	local ms=$(($(now_ms) - ACT_BEGAN))
	printf -v TIME '%3d.%02d s' $((ms / 1000)) $((ms % 1000 / 10))
}

# Sets MARGIN, what stands before a line of say. A demo may have another.
set_margin() {
	set_time
	MARGIN="$TIME  "
}

# A line with the time, also when it takes more than one.
say() {
	set_margin
	fold -s -w $((WIDTH - ${#MARGIN})) <<<"$*" | sed "1s/^/$DIM$MARGIN$PLAIN/; 2,\$s/^/${MARGIN//?/ }/; s/ *\$//"
}

act() {
	printf '\n%s\n' "$BOLD$1$PLAIN"
	shift
	tell "$@"
	echo
	ACT_BEGAN=$(now_ms)
}

# seen CLAIM COMMAND...: what was to be seen, and whether it was.
seen() {
	local claim=$1
	shift
	if "$@" >/dev/null; then
		printf '%s %s\n' "${GREEN}seen:$PLAIN" "$claim"
	else
		printf '%s %s\n' "${RED}NOT SEEN:$PLAIN" "$claim"
		FAILURES=$((FAILURES + 1))
	fi
}

# Also what lib.bash calls when something never came true.
fail() {
	printf "$DEMO: %s\n" "$@" >&2
	exit 1
}

# --- What it needs ------------------------------------------------------------------------------------------------

need() {
	command -v "$1" >/dev/null || fail "$1 is missing; install it: apt-get install $2"
}

MORE_NAMESPACES=() # flags of unshare, where a demo needs more than that of pids

# Sets NAMESPACE, the command that makes its command PID 1: as root, or else in a user namespace too. In a session of
# its own, since the terminal of whoever looks on is not a container's.
find_namespace() {
	local reason
	NAMESPACE=(setsid unshare "${MORE_NAMESPACES[@]}" --pid --fork --kill-child --mount-proc)
	"${NAMESPACE[@]}" true 2>/dev/null && return
	NAMESPACE=(setsid unshare --user --map-root-user "${MORE_NAMESPACES[@]}" --pid --fork --kill-child --mount-proc)
	reason=$("${NAMESPACE[@]}" true 2>&1) && return
	fail "a PID namespace can not be made here: ${reason:-no reason given}" \
		"run it as root (sudo make $DEMO), or allow user namespaces to everybody, until the next boot:" \
		"  sysctl user.max_user_namespaces=10000" \
		"  sysctl kernel.unprivileged_userns_clone=1               (older Debian)" \
		"  sysctl kernel.apparmor_restrict_unprivileged_userns=0   (Ubuntu)" \
		"in a container, start that with docker run --privileged"
}

# Sets PYTHON. Past a wrapper that only looks for the real one: that is the name lull would see.
find_python() {
	need python3 python3
	# shellcheck disable=SC2034
	PYTHON=$(python3 -c 'import sys; print(sys.executable)') || fail "python3 does not run"
}

# --- Begin and end ------------------------------------------------------------------------------------------------

# Kills the job with all that is in its namespace.
clean_up() {
	[ -z "${JOB-}" ] || { kill -KILL "$JOB" && wait "$JOB"; } 2>/dev/null
	rm -rf "$DIR"
}

# Finds all that every demo needs, and goes to DIR, a directory that lasts as long as the demo.
begin_demo() {
	need setsid util-linux
	need unshare util-linux
	find_python
	[ -x "$LULL" ] || fail "$LULL is missing; build it: make"
	find_namespace
	DIR=$(mktemp -d) || exit 1
	trap clean_up EXIT
	trap 'exit 130' INT TERM HUP
	cd "$DIR" || exit 1
}

# Fails when anything was not seen.
end_demo() {
	if [ "$FAILURES" -gt 0 ]; then fail "$FAILURES of the things above were not seen"; fi
}
