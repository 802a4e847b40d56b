# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is read in the tests
# What another init promises, held against the real one first and then against lull under its name. A file sets NAME and
# loads this; each of its tests is a loop over BOTH, with INIT as the one that is looked at.

load ../suite/lib.bash

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

# --- What more than one of them promises: each a whole test, given the words between the init and its command ---------

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
		# Where it is lost, the app ends by itself; where it is not, a sender that is slow finds it all the same.
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

tells_of_a_kill() {
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

takes_no_damage_for_a_script() {
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
			# One more signal, and it has dealt with the first.
			kill -CHLD "$TARGET"
			until_true sigterm_waits "$APP"
			is_stopped "$APP"
			kill -CONT "$APP"
			shows 'no: it stays stopped, until it is killed'
		fi
		expect_status 0
	done
}

# sigterm_waits PID: it is pending there.
sigterm_waits() {
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

# at_prompt STEP...: at that of a shell in a PID namespace, so that nothing outlives the test.
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
			# The app is stopped and the init is not: the shell waits for ever.
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
