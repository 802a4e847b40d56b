# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is read in the tests
# What another init promises, held against the real one first and then against lull under its name. A file sets NAME and
# loads this; each of its tests is a loop over BOTH, with INIT as the one that is looked at.

load ../lib.bash

REAL=$(command -v "$NAME")
PTY=${PTY:-$ROOT/build/tests/pty}

# With DROPIN=real or DROPIN=lull only one of them is run.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir names
	ln -s "$LULL" "names/$NAME"
	OURS=$PWD/names/$NAME
	BOTH=("$REAL" "$OURS")
	case ${DROPIN-} in
	real) BOTH=("$REAL") ;;
	lull) BOTH=("$OURS") ;;
	esac
	declare -gA SHOWN=()
	INIT=
	unset "${!LULL_@}" "${!TINI_@}" "${!DUMB_INIT_@}" "${!CATATONIT_@}"
}

# A line for the table of them all, whose file DROPIN_TABLE names.
teardown() {
	end_jobs
	[ -n "${DROPIN_TABLE-}" ] || return 0
	[ -n "${BATS_TEST_COMPLETED-}" ] || SHOWN[$INIT]='**not as told**'
	printf '| %s | %s | %s | %s |\n' "$NAME" "$BATS_TEST_DESCRIPTION" "${SHOWN[$REAL]-yes}" "${SHOWN[$OURS]-yes}" \
		>>"$DROPIN_TABLE"
}

# --- The two of them -----------------------------------------------------------------------------------------------

is_real() {
	[ "$INIT" = "$REAL" ]
}

# shows TEXT: what this one does, where the two differ on purpose.
shows() {
	SHOWN[$INIT]=$1
}

# One that is looked at has its app when that says so; until then a child may be the init itself.
is_lull() {
	[ "$(readlink "/proc/$1/exe")" = "$(readlink -f "$INIT")" ] && child_of "$1"
}

# --- To its end ----------------------------------------------------------------------------------------------------

# ends STATUS COMMAND...: in out and err is what it wrote.
ends() {
	STATUS=0
	timeout 20 "${@:2}" >out 2>err </dev/null 3>&- || STATUS=$?
	[ "$STATUS" -eq "$1" ] || fail "$INIT: status $STATUS, not $1: ${*:2}"
}

# hangs COMMAND...: it does not end by itself; two seconds are a thousand times what it needs.
hangs() {
	STATUS=0
	timeout -s KILL 2 "$@" >out 2>err </dev/null 3>&- || STATUS=$?
	[ "$STATUS" -eq 137 ] || fail "$INIT: status $STATUS, it did not hang"
}

silent() {
	[ ! -s "$1" ] || fail "$INIT: something is in $1"
}

# --- With an app ---------------------------------------------------------------------------------------------------

NAMESPACE=(unshare --pid --fork --kill-child --mount-proc)

# runs START COMMAND...: with the probe as the app or its child: waits until it is ready. Sets READY, its pid as it sees it.
runs() {
	"$@"
	wait_for out '^ready'
	READY=$(probes | head -1)
}

# probes: the pids of all that said they were ready, as they see them.
probes() {
	sed -n 's/^ready //p' out
}

# end_probes [PID]: all of them but that one, which has ended.
end_probes() {
	local pid
	for pid in $(probes); do
		[ "$pid" = "${1-}" ] || kill -KILL "$pid" || true
	done
}

# send SIGNAL...: each once the one before has arrived, as far as the app's word tells.
send() {
	local signo seen
	for signo in "$@"; do
		seen=$(count out "^got $signo ")
		kill "-$signo" "$TARGET"
		until_count $((seen + 1)) out "^got $signo "
	done
}

# state_of KEY: what the probe told of itself: pid, parent, group, session or foreground.
state_of() {
	sed -nE "s/^pid.*\b$1 (-?[0-9]+).*/\1/p; s/^($1) (-?[0-9]+) .*/\2/p" out | head -1
}

# is_child PID OF
is_child() {
	[ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f2)" = "$2" ]
}

# has_child_but PID: the init has another one. Sets ORPHAN.
has_child_but() {
	local pid
	ORPHAN=
	for pid in $(ps -o pid= --ppid "$TARGET"); do
		[ "$pid" = "$1" ] || ORPHAN=$pid
	done
	[ -n "$ORPHAN" ]
}

wakeups() {
	awk '/^voluntary/ { print $2 }' "/proc/$TARGET/status"
}
