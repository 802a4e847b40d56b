#!/usr/bin/env bats
# What catatonit 0.1.7 does by its help or by test, and lull in its compatibility mode.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

# shellcheck disable=SC2034
NAME=catatonit
load lib

# --- The command line

@test "-V and --version: one line on stdout that docker info reads" {
	for INIT in "${BOTH[@]}"; do
		for how in -V --version -gV; do
			ends 0 "$INIT" $how
			[[ $(cat out) =~ ^tini\ version\ 0\.1\.[0-9]+_catatonit$ ]] || fail "$(cat out)"
			silent err
		done
	done
}

@test "-h names every flag" {
	for INIT in "${BOTH[@]}"; do
		ends 0 "$INIT" -h
		cat out err >help
		for word in -g -h -L -P -V --version; do
			grep -qE -- "(^|[ ,])$word\b" help || fail "no $word in the help of $INIT"
		done
	done
}

@test "-L prints a text about the licence, on stdout" {
	for INIT in "${BOTH[@]}"; do
		ends 0 "$INIT" -L
		[ -s out ]
		silent err
	done
}

@test "bad usage: 1, and why, on stderr" {
	for INIT in "${BOTH[@]}"; do
		ends 1 "$INIT"
		[ -s err ]
		silent out
		ends 1 "$INIT" -x true
		has err '(invalid|no such) option'
		ends 1 "$INIT" --nonsense true
		has err 'nonsense'
		silent out
	done
}

@test "flags may be combined, and -- ends them" {
	for INIT in "${BOTH[@]}"; do
		ends 3 "$INIT" -gg -g -- sh -c 'exit 3'
		ends 0 "$INIT" true
		ends 0 "$INIT" -- echo -g
		[ "$(cat out)" = -g ]
	done
}

@test "flags after the command belong to the app without --" {
	for INIT in "${BOTH[@]}"; do
		if is_real; then
			ends 1 "$INIT" sh -c 'exit 3'
			ends 0 "$INIT" echo -g a
			[ "$(cat out)" = a ]
			shows 'no: an error, or taken for its own'
		else
			ends 3 "$INIT" sh -c 'exit 3'
			ends 0 "$INIT" echo -g a
			[ "$(cat out)" = '-g a' ]
		fi
	done
}

@test "PROGRAM -- ARGS: the dashes are dropped; after -- they are an argument" {
	for INIT in "${BOTH[@]}"; do
		ends 3 "$INIT" sh -- -c 'exit 3'
		ends 0 "$INIT" -- echo -- a
		[ "$(cat out)" = '-- a' ]
	done
}

@test "no program: 1, whatever flags there are; an empty name is not found" {
	for INIT in "${BOTH[@]}"; do
		for how in -- -g '-g --'; do
			# shellcheck disable=SC2086
			ends 1 "$INIT" $how
			[ -s err ]
		done
		ends 1 "$INIT" ''
		ends 1 "$INIT" -
		ends 1 "$INIT" -Px
		silent out
	done
}

@test "odd values, and lull's own forms of them, are valid or errors as documented" {
	for INIT in "${BOTH[@]}"; do
		if is_real; then odd=(0 'a b'); else odd=(1 'a -- b'); fi
		ends "${odd[0]}" "$INIT" --vers
		ends 0 "$INIT" echo a -- b
		[ "$(cat out)" = "${odd[1]}" ]
		! is_real || shows 'no: in its own way'
	done
}

# --- Exit status

@test "the app's status, or 128 + the signal that ended it" {
	for INIT in "${BOTH[@]}"; do
		for status in 0 1 7 255; do ends $status "$INIT" -- sh -c "exit $status"; done
		for status in 1 9 15 34 64; do ends $((128 + status)) "$INIT" -- "$PROBE" raise=$status; done
		ends 7 "${NAMESPACE[@]}" "$INIT" -- sh -c 'exit 7'
		silent err
	done
}

@test "1 if the command cannot be executed, with the reason" {
	for INIT in "${BOTH[@]}"; do
		ends 1 "$INIT" -- no-such-command
		has err '(No such file|not found)'
		ends 1 "$INIT" -- /etc/passwd
		has err '([Pp]ermission denied|not executable)'
		ends 1 "$INIT" -- /
		silent out
	done
}

@test "a script without #! is run by a shell" {
	echo 'echo "$0" "$@"; exit 5' >script
	chmod +x script
	for INIT in "${BOTH[@]}"; do
		ends 5 "$INIT" -- ./script a 'b c'
		[ "$(cat out)" = './script a b c' ]
	done
}

@test "an app that another process killed is logged" {
	logs_a_kill --
}

@test "a damaged program is not run as a script" {
	rejects_a_damaged_program --
}

# --- Signals

@test "signals are forwarded to the app alone, realtime ones too" {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" -- "$PROBE" fork
		until_count 2 out '^ready'
		for signo in 1 2 3 10 12 13 14 15 16 23 24 25 26 27 28 29 30 18 35 40 64; do send $signo; done
		expect_count 21 out '^got'
		silent err
	done
}

@test "-g: to the app's group" {
	for INIT in "${BOTH[@]}"; do
		start_init "$INIT" -g -- "$PROBE" fork
		until_count 2 out '^ready'
		kill -15 "$TARGET"
		until_count 2 out '^got 15 '
		kill -10 "$TARGET"
		until_count 2 out '^got 10 '
		expect_count 4 out '^got'
	done
}

@test "SIGCHLD is not forwarded" {
	keeps_sigchld --
}

@test "SIGTSTP, SIGTTIN, SIGTTOU, and SIGABRT, SIGSYS and the like are forwarded if another process sends them" {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" -- "$PROBE"
		for signo in 4 5 6 7 8 11 20 21 22 31; do kill -$signo "$TARGET"; done
		if is_real; then
			send 40
			came out 40
			shows 'no: dropped'
		else
			until_count 10 out '^got'
		fi
	done
}

@test "the value of a sigqueue arrives" {
	keeps_values --
}

@test "a SIGTERM that comes before the app runs is delivered, with -g" {
	delivers_early -g --
}

# Not before the first signal: until then the real one may check whether it can signal its app, and exits if it cannot.
@test "an app that it may not signal does not end it" {
	local late='trap "exec setpriv --reuid 65534 --regid 65534 --clear-groups $0 exit=10:6" HUP; echo starts
		while :; do sleep 0.01; done'
	for INIT in "${BOTH[@]}"; do
		start_plain setpriv --inh-caps -kill --bounding-set -kill "$INIT" -- sh -c "$late" "$PROBE"
		wait_for out '^starts'
		kill -HUP "$TARGET"
		wait_for out '^ready'
		READY=$(probes)
		kill -10 "$TARGET"
		kill -CHLD "$TARGET"
		"$SEND" "$READY" 12
		wait_for out '^got 12'
		kill -0 "$TARGET"
		"$SEND" "$READY" 10
		expect_status 6
		came out 12 10
	done
}

# --- What the app inherits

@test "a process group of its own in the inherited session" {
	leads_a_group --
}

@test "the ignored signals that were inherited, the directory and the descriptors" {
	exec 8</dev/null
	for INIT in "${BOTH[@]}"; do
		start env --default-signal --ignore-signal=HUP,TTOU "$INIT" -- "$PROBE" state exit=15:0
		wait_for out '^ready'
		has out '^SigIgn:.*0200001$'
		has out "^cwd $PWD$"
		has out '^fds 0 1 2 .*8'
		kill -TERM "$TARGET"
		expect_status 0
	done
}

@test "the mask that was inherited, and nothing more" {
	for INIT in "${BOTH[@]}"; do
		start env --default-signal --block-signal=USR1 "$INIT" -- "$PROBE" state exit=15:0
		wait_for out '^ready'
		if is_real; then
			has out '^SigBlk:.*0380200$'
			shows 'no: SIGTSTP, SIGTTIN and SIGTTOU are blocked as well'
		else
			has out '^SigBlk:.*0000200$'
		fi
		kill -TERM "$TARGET"
		expect_status 0
	done
}

@test "LISTEN_PID that named it names the app" {
	for INIT in "${BOTH[@]}"; do
		ends 0 sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"' - "$INIT" -- sh -c 'echo "$LISTEN_FDS $$ $LISTEN_PID"'
		read -r fds pid named <out
		[ "$fds" = 1 ]
		[ "$pid" = "$named" ]
	done
}

@test "SIGCHLD ignored at start changes nothing" {
	for INIT in "${BOTH[@]}"; do
		if is_real; then
			hangs env --ignore-signal=CHLD "$INIT" -- sleep 0.5
			shows 'no: hangs for ever'
		else
			ends 7 env --ignore-signal=CHLD "$INIT" -- sh -c 'exit 7'
		fi
	done
}

@test "it starts with stdin closed, and with stdout and stderr closed" {
	for INIT in "${BOTH[@]}"; do
		STATUS=0
		timeout 20 "$INIT" -- sh -c 'exit 7' <&- || STATUS=$?
		[ "$STATUS" -eq 7 ]
		STATUS=0
		timeout 20 "$INIT" -- sh -c 'exit 7' <&- >&- 2>&- || STATUS=$?
		[ "$STATUS" -eq 7 ]
	done
}

@test "descriptors of the app are not kept open" {
	keeps_no_descriptor --
}

# --- Processes

@test "it reaps, as PID 1 and, a subreaper by itself, elsewhere; silently" {
	for INIT in "${BOTH[@]}"; do
		for start in start_init start_plain; do
			$start "$INIT" -- sh -c '"$0" orphan & exec sleep 60' "$PROBE"
			until_count 2 out '^ready'
			# The orphan is the child of it that is not the app.
			until_true has_child_but "$APP"
			kill -KILL "$ORPHAN"
			until_true is_gone "$ORPHAN"
			silent err
			kill -TERM "$TARGET"
			expect_status 143
			end_probes
		done
	done
}

# What was left, where it was not PID 1.
end_probes() {
	local pid
	for pid in $(probes); do
		[ "$(readlink "/proc/$pid/exe")" != "$PROBE" ] || kill -KILL "$pid"
	done
}

@test "CATATONIT_DEBUG: logs what it reaps" {
	for INIT in "${BOTH[@]}"; do
		start_init env CATATONIT_DEBUG=1 "$INIT" -- sh -c '(exit 3 & ); exec "$0" exit=10:0' "$PROBE"
		wait_for err '[0-9]+\)?[,:]? exited (with (code|status) )?3'
		wait_for out '^ready'
		kill -USR1 "$TARGET"
		expect_status 0
	done
}

# --- Stopping

@test "an app that ignores SIGTERM is left alone, without a line" {
	has_no_timeout --
}

@test "it exits immediately with its app, and remaining processes get no signal" {
	for INIT in "${BOTH[@]}"; do
		start_plain "$INIT" -- sh -c 'trap "exit 5" USR1; "$0" & wait' "$PROBE"
		wait_for out '^ready'
		READY=$(probes)
		kill -USR1 "$TARGET"
		expect_status 5
		[ -e "/proc/$READY" ]
		"$SEND" "$READY" 40
		wait_for out '^got 40'
		came out 40
		silent err
		kill -KILL "$READY"
	done
}

@test "LULL_DELAY: SIGTERM is forwarded when it is over" {
	delays --
}

@test "a stopped app is continued for the SIGTERM" {
	continues_a_stopped_app --
}

@test "idle, it does not wake up" {
	sleeps --
}

# --- Pause

# pauses START ARG...: sets TARGET, which waits.
pauses() {
	if [ "$1" = plain ]; then
		start "${@:2}"
	else
		start "${NAMESPACE[@]}" "${@:2}"
		until_true child_of "$JOB"
		TARGET=$CHILD
	fi
	until_true is_waiting
}

# Whether it has executed the program, and sleeps.
is_waiting() {
	[ "$(readlink "/proc/$TARGET/exe")" = "$(readlink -f "$INIT")" ] && grep -q '^State:.S' "/proc/$TARGET/status"
}

@test "-P: pauses, with no program or whatever one is named, until SIGTERM or SIGINT: 0; no other signal ends it" {
	for INIT in "${BOTH[@]}"; do
		for how in plain init; do
			for signo in 15 2; do
				pauses $how "$INIT" -P
				for other in 1 3 10 12 18 40; do kill -$other "$TARGET"; done
				kill -$signo "$TARGET"
				expect_status 0
				silent out
				silent err
			done
		done
		pauses plain "$INIT" -P -- no-such-command
		kill -TERM "$TARGET"
		expect_status 0
	done
}

@test "-P: reaps" {
	for INIT in "${BOTH[@]}"; do
		pauses init "$INIT" -P
		nsenter --target "$TARGET" --pid --mount sh -c 'sleep 0.05 & sleep 0.1 &' 3>&-
		until_true nsenter --target "$TARGET" --pid --mount sh -c 'set -- /proc/[0-9]*; [ $# -eq 2 ]' 3>&-
		kill -TERM "$TARGET"
		expect_status 0
	done
}

# --- On a terminal

@test "PID 1: the app is the foreground job, Ctrl-C reaches it once" {
	shares_the_terminal --
}

@test "PID 1: an app stopped by Ctrl-Z is continued" {
	continues_after_ctrl_z --
}

@test "at a prompt: Ctrl-Z returns to the prompt, and fg continues the app" {
	stops_at_a_prompt --
}
