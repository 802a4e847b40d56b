# shellcheck shell=bash
# Functions that the demos share: output, a namespace and a directory.
# shellcheck source=tests/suite/lib.bash
. "${BASH_SOURCE[0]%/*}/../suite/lib.bash"
# Overrides the one of lib.bash, which needs a directory of bats.
pause() {
	sleep 0.01
}
unset "${!LULL_@}" # variables that the user has set for another lull

DEMO=${0##*/}
WIDTH=100
BOLD='' DIM='' GREEN='' RED='' PLAIN=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
	BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
fi
FAILURES=0
ACT_BEGAN=$(now_ms)

# --- Output -------------------------------------------------------------------------------------------------------

# paragraph TEXT...: prints the text, with line breaks.
paragraph() {
	fold -s -w "$WIDTH" <<<"$*" | sed 's/ *$//'
}

# Sets TIME to the time since the act began.
set_time() {
	local ms=$(($(now_ms) - ACT_BEGAN))
	printf -v TIME '%3d.%02d s' $((ms / 1000)) $((ms % 1000 / 10))
}

# Sets MARGIN, the prefix of a line of print. A demo may define another one.
set_margin() {
	set_time
	MARGIN="$TIME  "
}

# Prints a text with the time; it may be longer than a line.
print() {
	set_margin
	fold -s -w $((WIDTH - ${#MARGIN})) <<<"$*" | sed "1s/^/$DIM$MARGIN$PLAIN/; 2,\$s/^/${MARGIN//?/ }/; s/ *\$//"
}

act() {
	printf '\n%s\n' "$BOLD$1$PLAIN"
	shift
	paragraph "$@"
	echo
	ACT_BEGAN=$(now_ms)
}

# seen CLAIM COMMAND...: prints the claim, and whether the command succeeds.
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

# lib.bash calls this if a wait fails.
fail() {
	printf "$DEMO: %s\n" "$@" >&2
	exit 1
}

# --- What it needs ------------------------------------------------------------------------------------------------

need() {
	command -v "$1" >/dev/null || fail "$1 is missing; install it: apt-get install $2"
}

MORE_NAMESPACES=() # unshare's flags for more namespaces than the PID namespace

# Sets NAMESPACE, a command that runs its argument as PID 1; if not root, in a user namespace too. In a new session, since
# a container does not have the terminal of the user.
find_namespace() {
	local reason
	NAMESPACE=(setsid unshare "${MORE_NAMESPACES[@]}" --pid --fork --kill-child --mount-proc)
	"${NAMESPACE[@]}" true 2>/dev/null && return
	NAMESPACE=(setsid unshare --user --map-root-user "${MORE_NAMESPACES[@]}" --pid --fork --kill-child --mount-proc)
	reason=$("${NAMESPACE[@]}" true 2>&1) && return
	fail "a PID namespace cannot be created here: ${reason:-no reason given}" \
		"run it as root (sudo make $DEMO), or allow user namespaces for all users, until the next boot:" \
		"  sysctl user.max_user_namespaces=10000" \
		"  sysctl kernel.unprivileged_userns_clone=1               (older Debian)" \
		"  sysctl kernel.apparmor_restrict_unprivileged_userns=0   (Ubuntu)" \
		"in a container, start it with docker run --privileged"
}

# Sets PYTHON to the interpreter itself, not to a wrapper such as pyenv's: lull logs the name of the process.
find_python() {
	need python3 python3
	# shellcheck disable=SC2034
	PYTHON=$(python3 -c 'import sys; print(sys.executable)') || fail "python3 does not run"
}

# --- Begin and end ------------------------------------------------------------------------------------------------

# Kills the job and all processes in its namespace.
clean_up() {
	[ -z "${JOB-}" ] || { kill -KILL "$JOB" && wait "$JOB"; } 2>/dev/null
	rm -rf "$DIR"
}

# Checks what each demo needs, and changes to DIR, a directory that is removed when the demo ends.
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

# Fails if a claim was not true.
end_demo() {
	if [ "$FAILURES" -gt 0 ]; then fail "$FAILURES of the things above were not seen"; fi
}
