# shellcheck shell=bash
# shellcheck disable=SC2034 # the tests read the variables
# Tests of another init's behaviour: first of the real one, then of lull in its compatibility mode. A file sets NAME and
# loads this. Each test is a loop over BOTH, with INIT as the current one.

load ../suite/lib.bash

REAL=$(command -v "$NAME")
PTY=${PTY:-$ROOT/build/tests/pty}

# DROPIN=real or DROPIN=lull runs only one of them.
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

# Writes the test's line of the table to the file DROPIN_TABLE.
teardown() {
	end_jobs
	[ -n "${DROPIN_TABLE-}" ] || return 0
	[ -n "${BATS_TEST_COMPLETED-}" ] || SHOWN[$INIT]='**failed**'
	printf '| %s | %s | %s | %s |\n' "$NAME" "$BATS_TEST_DESCRIPTION" "${SHOWN[$REAL]-yes}" "${SHOWN[$OURS]-yes}" \
		>>"$DROPIN_TABLE"
}

# --- The two inits -------------------------------------------------------------------------------------------------

is_real() {
	[ "$INIT" = "$REAL" ]
}

# shows TEXT: the table's text for this init, if the two differ on purpose.
shows() {
	SHOWN[$INIT]=$1
}

# is_lull PID: whether the process has executed the current init, and the init has started the app. Sets CHILD to the app.
is_lull() {
	[ "$(readlink "/proc/$1/exe")" = "$(readlink -f "$INIT")" ] && child_of "$1"
}

# --- Until its exit ------------------------------------------------------------------------------------------------

# ends STATUS COMMAND...: runs the command, which must exit with STATUS. Its output is in out and err.
ends() {
	STATUS=0
	timeout 20 "${@:2}" >out 2>err </dev/null 3>&- || STATUS=$?
	[ "$STATUS" -eq "$1" ] || fail "$INIT: status $STATUS, not $1: ${*:2}"
}

# hangs COMMAND...: the command must not exit within 2 s, a thousand times what it needs.
hangs() {
	STATUS=0
	timeout -s KILL 2 "$@" >out 2>err </dev/null 3>&- || STATUS=$?
	[ "$STATUS" -eq 137 ] || fail "$INIT: status $STATUS, it did not hang"
}

silent() {
	[ ! -s "$1" ] || fail "$INIT: output in $1"
}

# --- With an app ---------------------------------------------------------------------------------------------------

NAMESPACE=(unshare --pid --fork --kill-child --mount-proc)

# runs START COMMAND...: starts a command with the probe, and waits until it is ready. Sets READY, the probe's PID in its
# namespace.
runs() {
	"$@"
	wait_for out '^ready'
	READY=$(probes | head -1)
}

# probes: prints the PIDs of all ready probes, in their namespace.
probes() {
	sed -n 's/^ready //p' out
}

# end_probes [PID]: kills all probes except PID, which has exited.
end_probes() {
	local pid
	for pid in $(probes); do
		[ "$pid" = "${1-}" ] || kill -KILL "$pid" || true
	done
}

# send SIGNAL...: sends each signal after the app has printed the one before.
send() {
	local signo seen
	for signo in "$@"; do
		seen=$(count out "^got $signo ")
		kill "-$signo" "$TARGET"
		until_count $((seen + 1)) out "^got $signo "
	done
}

# state_of KEY: prints a value of the probe's state: pid, parent, group, session or foreground.
state_of() {
	sed -nE "s/^pid.*\b$1 (-?[0-9]+).*/\1/p; s/^($1) (-?[0-9]+) .*/\2/p" out | head -1
}

# is_child PID OF
is_child() {
	[ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f2)" = "$2" ]
}

# has_child_but PID: whether the init has another child. Sets ORPHAN.
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

# --- Tests for more than one init. The arguments are those between the init and its command --------------------------

keeps_sigchld() {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" "$@" "$PROBE"
		kill -17 "$TARGET"
		send 10
		came out 10
	done
}

keeps_values() {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" "$@" "$PROBE"
		"$SEND" "$TARGET" 40 77
		wait_for out '^got 40 '
		if is_real; then
			has out '^got 40 code 0 .* value 0$'
			shows 'no: lost'
		else
			has out '^got 40 code -1 .* value 77$'
		fi
	done
}

delivers_early() {
	local life counts
	for INIT in "${BOTH[@]}"; do
		# The real init loses the signal, so the app must exit by itself. Under lull it runs long enough for a slow sender.
		life=20
		! is_real || life=0.3
		counts=$("$EARLY" 100 init blocked "$INIT" "$@" sleep $life 3>&- 2>/dev/null)
		if is_real; then
			[ "$counts" != '143 100' ] || fail "it was not lost"
			shows 'no: lost, most of the time'
		else
			[ "$counts" = '143 100' ] || fail "status and how often: $counts"
		fi
	done
}

leads_a_group() {
	for INIT in "${BOTH[@]}"; do
		runs start_init setsid "$INIT" "$@" "$PROBE" state
		[ "$(state_of pid)" = "$(state_of group)" ]
		[ "$(state_of session)" = 1 ]
	done
}

has_no_timeout() {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" "$@" "$PROBE" exit=10:6
		send 15 15 2
		kill -10 "$TARGET"
		expect_status 6
		came out 15 15 2 10
		silent err
	done
}

delays() {
	for INIT in "${BOTH[@]}"; do
		runs start_init env LULL_DELAY=500ms "$INIT" "$@" "$PROBE" times exit=15:0
		begin_stop
		expect_status 0
		if is_real; then
			shows 'no: immediately'
		else
			expect_ms $(($(got_at 15) - T0)) 500
		fi
	done
}

shares_the_terminal() {
	for INIT in "${BOTH[@]}"; do
		STATUS=0
		"$PTY" --pid1 expect:ready 'type:\x03' 'expect:got 2 ' signal:15 -- "$INIT" "$@" "$PROBE" state exit=15:0 \
			>out 2>err </dev/null 3>&- || STATUS=$?
		[ "$STATUS" -eq 0 ] || fail "status $STATUS"
		has out 'group 2 session 1 foreground 2\b'
		expect_count 1 out 'got 2 '
	done
}

logs_a_kill() {
	for INIT in "${BOTH[@]}"; do
		ends 137 "$INIT" "$@" sh -c 'kill -KILL $$'
		if is_real; then
			silent err
			shows no
		else
			has err 'killed by SIGKILL, not sent by lull'
		fi
	done
}

rejects_a_damaged_program() {
	printf '\177ELF\0\0\0' >damaged
	chmod +x damaged
	for INIT in "${BOTH[@]}"; do
		if is_real; then
			ends 127 "$INIT" "$@" ./damaged
			has err 'ELF.*not found'
			shows 'no: 127, and what a shell makes of it'
		else
			ends "$([ "$NAME" = dumb-init ] && echo 2 || echo 1)" "$INIT" "$@" ./damaged
			has err '^lull: cannot execute "./damaged": '
		fi
	done
}

continues_a_stopped_app() {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" "$@" "$PROBE" exit=15:0
		kill -STOP "$APP"
		until_true is_stopped "$APP"
		kill -TERM "$TARGET"
		if is_real; then
			# When it has handled another signal, it has handled SIGTERM.
			kill -CHLD "$TARGET"
			until_true has_pending_sigterm "$APP"
			is_stopped "$APP"
			kill -CONT "$APP"
			shows 'no: it stays stopped, until it is killed'
		fi
		expect_status 0
	done
}

# has_pending_sigterm PID
has_pending_sigterm() {
	grep -q '^ShdPnd:.*4...$' "/proc/$1/status"
}

keeps_no_descriptor() {
	exec 8</dev/null
	for INIT in "${BOTH[@]}"; do
		runs start_plain "$INIT" "$@" "$PROBE"
		if is_real && [ "$NAME" != catatonit ]; then
			[ -e "/proc/$TARGET/fd/8" ]
			shows 'no'
		else
			until_true test ! -e "/proc/$TARGET/fd/8"
		fi
		kill -KILL "$READY"
		expect_status 137
	done
}

sleeps() {
	local before
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" "$@" "$PROBE"
		until_true is_asleep
		before=$(wakeups)
		if is_real && [ "$NAME" = tini ]; then
			until_true has_woken $((before + 2))
			shows 'no: once a second'
		else
			sleep 2.5
			[ "$(wakeups)" -eq "$before" ]
		fi
	done
}

is_asleep() {
	grep -q '^State:.S' "/proc/$TARGET/status"
}

# has_woken TIMES
has_woken() {
	[ "$(wakeups)" -ge "$1" ]
}

continues_after_ctrl_z() {
	local steps
	for INIT in "${BOTH[@]}"; do
		STATUS=0
		steps=()
		if is_real && [ "$NAME" != dumb-init ]; then
			# shellcheck disable=SC2016 # expanded there
			steps=('until:read -r app _ <"/proc/$PID/task/$PID/children"; grep "^State:.T" "/proc/$app/status"' signal:18)
			shows 'no: only SIGCONT continues it'
		fi
		"$PTY" --pid1 expect:ready 'type:\x1a' 'expect:\^Z' "${steps[@]}" signal:40 'expect:got 40 ' signal:15 -- \
			"$INIT" "$@" "$PROBE" die=20 exit=15:5 >out 2>err </dev/null 3>&- || STATUS=$?
		[ "$STATUS" -eq 5 ] || fail "status $STATUS"
	done
}

# at_prompt STEP...: runs pty's steps at the prompt of a shell, in a PID namespace, which kills all processes at the end.
at_prompt() {
	STATUS=0
	unshare --pid --fork --kill-child --mount-proc "$PTY" "$@" -- bash --norc --noprofile --noediting -i \
		>out 2>err </dev/null 3>&- || STATUS=$?
	[ "$STATUS" -ne 99 ] || fail "a step failed"
}

stops_at_a_prompt() {
	local steps
	for INIT in "${BOTH[@]}"; do
		if is_real; then
			# The app is stopped and the init is not, so the shell waits forever.
			# shellcheck disable=SC2016 # expanded there
			steps=('until:grep "^State:.T" /proc/[0-9]*/status' 'until:read -r pid _ <"/proc/$PID/task/$PID/children";
				grep "^State:.S" "/proc/$pid/status" && kill -18 "$pid"' 'expect:got 18 ')
			shows 'no: the terminal hangs'
		else
			steps=(expect:Stopped run:fg 'expect:got 18 ')
		fi
		at_prompt "run:'$INIT' $* '$PROBE' die=20 exit=2:7" expect:ready 'type:\x1a' "${steps[@]}" \
			'type:\x03' 'expect:got 2 ' 'run:echo status $?' 'expect:status 7' run:exit
		if is_real; then has_not out Stopped; fi
	done
}
