#!/usr/bin/env bats
# What tini 0.19 does by its help, its README or by test, and lull in its compatibility mode.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

# shellcheck disable=SC2034
NAME=tini
load lib

# --- The command line

@test "--version is one line on stdout that docker info reads" {
	for INIT in "${BOTH[@]}"; do
		ends 0 "$INIT" --version
		[[ $(cat out) =~ ^tini\ version\ 0\.19\.[0-9]+(\ -\ git\.[0-9a-f]{1,7})?$ ]] || fail "$(cat out)"
		silent err
	done
}

@test "-h names every flag and variable on stdout" {
	for INIT in "${BOTH[@]}"; do
		ends 0 "$INIT" -h
		for word in --version -h -s -p -v -w -g -e -l TINI_SUBREAPER TINI_VERBOSITY TINI_KILL_PROCESS_GROUP; do
			has out "^ *$word\b"
		done
		has out '^Usage: '
		silent err
	done
}

@test "-l prints a text about the licence, on stdout" {
	for INIT in "${BOTH[@]}"; do
		ends 0 "$INIT" -l
		has out '[Ll]icen[cs]e'
		silent err
	done
}

@test "bad usage: 1, and why, on stderr" {
	for INIT in "${BOTH[@]}"; do
		ends 1 "$INIT"
		has err '(Usage:|use) tini \[OPTION'
		silent out
		ends 1 "$INIT" -x true
		has err '(invalid option|no such option)'
		ends 1 "$INIT" -e 256 -- true
		has err '256'
		ends 1 "$INIT" -e x -- true
		has err 'x'
		ends 1 "$INIT" -p SIGNONE -- true
		has err 'SIGNONE'
		ends 1 "$INIT" -e
		silent out
	done
}

@test "flags may be combined, their values too, and -- ends them" {
	for INIT in "${BOTH[@]}"; do
		ends 0 "$INIT" -swge3 -e 4 -pSIGTERM -- sh -c 'exit 3'
		ends 0 "$INIT" -s true
		ends 0 "$INIT" -s -- echo -v
		[ "$(cat out)" = -v ]
	done
}

@test "flags after the command belong to the app without --" {
	for INIT in "${BOTH[@]}"; do
		if is_real; then
			ends 1 "$INIT" -s sh -c 'exit 3'
			shows 'no: an error, or taken for its own'
		else
			ends 3 "$INIT" -s sh -c 'exit 3'
		fi
	done
}

@test "PROGRAM -- ARGS: the dashes are dropped; after -- they are an argument" {
	for INIT in "${BOTH[@]}"; do
		ends 3 "$INIT" -s sh -- -c 'exit 3'
		ends 0 "$INIT" -s -- echo -- a
		[ "$(cat out)" = '-- a' ]
	done
}

@test "-h and -l, and then nothing else counts; with no program, or nothing after --: 1" {
	for INIT in "${BOTH[@]}"; do
		ends 0 "$INIT" -hx
		ends 0 "$INIT" -sl -e x
		ends 1 "$INIT" -xh
		ends 1 "$INIT" --
		ends 1 "$INIT" -s --
		ends 127 "$INIT" -s -- ''
		ends 127 "$INIT" -s -
	done
}

@test "TINI_VERBOSITY: 0 or no number is silence, 1 what it is without it" {
	for INIT in "${BOTH[@]}"; do
		for value in 0 '' x; do
			TINI_VERBOSITY=$value ends 0 "$INIT" true
			silent err
		done
		TINI_VERBOSITY=1 ends 0 "$INIT" true
		has err 'PID 1.*subreaper'
		silent out
	done
}

@test "odd values, and lull's own forms of them, are valid or errors as documented" {
	for INIT in "${BOTH[@]}"; do
		if is_real; then odd=(0 1 1 0 'a b'); else odd=(1 0 0 1 'a -- b'); fi
		ends "${odd[0]}" "$INIT" -s -e '' -- true
		ends "${odd[1]}" "$INIT" -s -e 3,4 -- true
		ends "${odd[2]}" "$INIT" -s -p TERM -- true
		TINI_VERBOSITY=0 ends 0 "$INIT" -v -- true
		[ "$(count err 'PID 1.*subreaper')" -eq "${odd[3]}" ]
		TINI_VERBOSITY=2x ends 0 "$INIT" -- true
		[ "$(count err 'PID 1.*subreaper')" -eq "${odd[1]}" ]
		ends 0 "$INIT" -s echo a -- b
		[ "$(cat out)" = "${odd[4]}" ]
		! is_real || shows 'no: in its own way'
	done
}

@test "a subreaper by inheritance: no warning" {
	local become='import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])'
	for INIT in "${BOTH[@]}"; do
		ends 0 python3 -c "$become" "$INIT" true
		silent err
	done
}

@test "its variables stay in the app's environment" {
	for INIT in "${BOTH[@]}"; do
		TINI_SUBREAPER=1 TINI_VERBOSITY=1 ends 0 "$INIT" -- env
		has out '^TINI_SUBREAPER=1$'
		has out '^TINI_VERBOSITY=1$'
	done
}

# --- Exit status

@test "the app's status, or 128 + the signal that ended it" {
	for INIT in "${BOTH[@]}"; do
		for status in 0 1 7 255; do ends $status "$INIT" -s -- sh -c "exit $status"; done
		for status in 1 9 15 34 64; do ends $((128 + status)) "$INIT" -s -- "$PROBE" raise=$status; done
		ends 7 "${NAMESPACE[@]}" "$INIT" -- sh -c 'exit 7'
		silent err
		ends 137 "${NAMESPACE[@]}" "$INIT" -- sh -c 'kill -KILL $$'
	done
}

@test "an app that another process killed is logged" {
	logs_a_kill -s --
}

@test "a damaged program is not run as a script" {
	rejects_a_damaged_program -s --
}

@test "-e turns each given exit status into 0, and 128 + a signal" {
	for INIT in "${BOTH[@]}"; do
		ends 0 "$INIT" -s -e 3 -e 143 -- sh -c 'exit 3'
		ends 0 "$INIT" -s -e 3 -e 143 -- sh -c 'kill -TERM $$'
		ends 4 "$INIT" -s -e 3 -e 143 -- sh -c 'exit 4'
	done
}

@test "127 if the command is not found, 126 if it may not be executed, 1 otherwise; with the reason" {
	printf '\177ELF\0\0\0' >damaged
	chmod +x damaged
	for INIT in "${BOTH[@]}"; do
		ends 127 "$INIT" -s -- no-such-command
		has err 'no-such-command.*(No such file|not found)'
		ends 127 "$INIT" -s -- /no/such/command
		ends 126 "$INIT" -s -- /etc/passwd
		has err '/etc/passwd.*([Pp]ermission denied|not executable)'
		ends 126 "$INIT" -s -- /
		silent out
	done
}

@test "a script without #! is run by a shell" {
	echo 'echo "$0" "$@"; exit 5' >script
	chmod +x script
	for INIT in "${BOTH[@]}"; do
		ends 5 "$INIT" -s -- ./script a 'b c'
		[ "$(cat out)" = './script a b c' ]
	done
}

# --- Signals

@test "signals are forwarded to the app alone, realtime ones too" {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" -- "$PROBE" fork
		until_count 2 out '^ready'
		for signo in 1 2 3 10 12 13 14 15 16 20 23 24 25 26 27 28 29 30 18 35 40 64; do send $signo; done
		expect_count 22 out '^got'
		silent err
	done
}

@test "-g or its variable, whatever is in it: to the app's group" {
	for INIT in "${BOTH[@]}"; do
		for how in -g '' 0 1; do
			if [ "$how" = -g ]; then
				start_init "$INIT" -g -- "$PROBE" fork
			else
				start_init env TINI_KILL_PROCESS_GROUP=$how "$INIT" -- "$PROBE" fork
			fi
			until_count 2 out '^ready'
			kill -15 "$TARGET"
			until_count 2 out '^got 15 '
			kill -10 "$TARGET"
			until_count 2 out '^got 10 '
			expect_count 4 out '^got'
		done
	done
}

@test "SIGCHLD is not forwarded" {
	keeps_sigchld --
}

@test "SIGABRT, SIGSYS, SIGTTIN and the like are forwarded if another process sends them" {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" -- "$PROBE"
		for signo in 4 5 6 7 8 11 21 22 31; do kill -$signo "$TARGET"; done
		if is_real; then
			send 40
			came out 40
			shows 'no: dropped'
		else
			until_count 9 out '^got'
		fi
	done
}

@test "the value of a sigqueue arrives" {
	keeps_values --
}

@test "a SIGTERM that comes before the app runs is delivered, with -g" {
	delivers_early -g --
}

@test "an app that it may not signal does not end it" {
	for INIT in "${BOTH[@]}"; do
		runs start_plain setpriv --inh-caps -kill --bounding-set -kill "$INIT" -s -- \
			setpriv --reuid 65534 --regid 65534 --clear-groups "$PROBE"
		kill -10 "$TARGET"
		if is_real; then
			expect_status 1
			shows 'no: exits with 1, the container ends'
		else
			wait_for err 'cannot send SIGUSR1'
			kill -0 "$TARGET"
		fi
		kill -KILL "$READY"
	done
}

@test "-p: the signal comes when the parent dies, and is forwarded" {
	for INIT in "${BOTH[@]}"; do
		: >out
		: >pid
		sh -c '"$@" & echo "$!" >pid; wait' - "$INIT" -s -p SIGUSR1 -- "$PROBE" exit=10:0 >>out 2>>err 3>&- &
		parent=$!
		wait_for out '^ready'
		until_true test -s pid
		kill -KILL "$parent"
		wait_for out '^got 10'
		until_true is_gone "$(cat pid)"
		came out 10
		wait "$parent" || true
	done
}

# --- What the app inherits

@test "a process group of its own in the inherited session" {
	leads_a_group --
}

@test "the mask and the ignored signals that were inherited, the directory and the descriptors" {
	exec 8</dev/null
	for INIT in "${BOTH[@]}"; do
		start env --default-signal --block-signal=USR1,TTIN --ignore-signal=HUP,TTOU "$INIT" -s -- "$PROBE" state exit=15:0
		wait_for out '^ready'
		has out '^SigBlk:.*0000100200$'
		has out '^SigIgn:.*0200001$'
		has out "^cwd $PWD$"
		has out '^fds 0 1 2 .*8'
		kill -TERM "$TARGET"
		expect_status 0
	done
}

@test "SIGCHLD ignored at start changes nothing" {
	for INIT in "${BOTH[@]}"; do
		if is_real; then
			hangs env --ignore-signal=CHLD "$INIT" -s -- true
			shows 'no: hangs for ever'
		else
			ends 7 env --ignore-signal=CHLD "$INIT" -s -- sh -c 'exit 7'
		fi
	done
}

@test "it starts with stdin closed" {
	for INIT in "${BOTH[@]}"; do
		STATUS=0
		timeout 20 "$INIT" -s -- sh -c 'exit 7' <&- 2>err || STATUS=$?
		if is_real; then
			[ "$STATUS" -eq 1 ]
			has err 'tcsetpgrp failed'
			shows 'no: 1, the app is not started'
		else
			[ "$STATUS" -eq 7 ]
		fi
	done
}

@test "descriptors of the app are not kept open" {
	keeps_no_descriptor -s --
}

# --- Processes

@test "as PID 1 it reaps, and logs it with -w" {
	for INIT in "${BOTH[@]}"; do
		start_init "$INIT" -w -- sh -c '(true &); exec "$0" exit=10:0' "$PROBE"
		wait_for err 'Reaped zombie process with pid=[0-9]+'
		wait_for out '^ready'
		kill -USR1 "$TARGET"
		expect_status 0
		expect_count 1 err .
	done
}

@test "-s, or its variable, even empty: a subreaper, without a line" {
	for INIT in "${BOTH[@]}"; do
		for how in '-s' 'env'; do
			if [ $how = -s ]; then
				start_plain "$INIT" -s -- sh -c '"$0" orphan & exec sleep 60' "$PROBE"
			else
				start_plain env TINI_SUBREAPER= "$INIT" -- sh -c '"$0" orphan & exec sleep 60' "$PROBE"
			fi
			until_count 2 out '^ready'
			orphan=
			for pid in $(probes); do
				if is_child "$pid" "$TARGET"; then orphan=$pid; fi
			done
			[ -n "$orphan" ] || fail "no orphan came"
			kill -KILL "$orphan"
			until_true is_gone "$orphan"
			silent err
			kill -TERM "$TARGET"
			expect_status 143
			end_probes "$orphan"
		done
	done
}

@test "neither PID 1 nor a subreaper: a warning, and orphans do not come" {
	for INIT in "${BOTH[@]}"; do
		start_plain "$INIT" -- sh -c '"$0" orphan & exec sleep 60' "$PROBE"
		until_count 2 out '^ready'
		has err 'PID 1.*subreaper'
		for pid in $(probes); do
			until_true is_adopted "$pid"
		done
		kill -TERM "$TARGET"
		expect_status 143
		end_probes
		TINI_VERBOSITY=0 ends 0 "$INIT" -- true
		silent err
		ends 0 "${NAMESPACE[@]}" "$INIT" -- true
		silent err
	done
}

# is_adopted PID: neither the init nor what it started is its parent's parent, or its parent is not the init.
is_adopted() {
	! is_child "$1" "$TARGET"
}

@test "up to three times -v, or TINI_VERBOSITY: it logs more, on stdout" {
	for INIT in "${BOTH[@]}"; do
		for how in -v -vv -vvv; do
			ends 3 "$INIT" -s $how -- sh -c 'exit 3'
		done
		[ -s out ] || [ -s err ]
		if is_real; then
			has out "Spawned child process 'sh'"
			has out "Main child exited normally \(with status '3'\)"
		else
			silent out
			has err 'reaped app \(PID [0-9]+\): exited with status 3'
			shows 'on stderr, and in its own words: stdout is the app'\''s'
		fi
		TINI_VERBOSITY=3 ends 3 "$INIT" -s -- sh -c 'exit 3'
		[ -s out ] || [ -s err ]
	done
}

# --- Stopping

@test "an app that ignores SIGTERM is left alone, without a line" {
	has_no_timeout --
}

@test "it exits immediately with its app, and remaining processes get no signal" {
	for INIT in "${BOTH[@]}"; do
		start_plain "$INIT" -s -- sh -c 'trap "exit 5" USR1; "$0" & wait' "$PROBE"
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

@test "a stopped app is continued for the SIGTERM" {
	continues_a_stopped_app --
}

@test "idle, it does not wake up" {
	sleeps --
}

@test "LULL_DELAY: SIGTERM is forwarded when it is over" {
	delays --
}

# --- On a terminal

@test "PID 1: the app is the foreground job, Ctrl-C reaches it once" {
	shares_the_terminal --
}

@test "PID 1: an app stopped by Ctrl-Z is continued" {
	continues_after_ctrl_z --
}

@test "at a prompt: Ctrl-Z returns to the prompt, and fg continues the app" {
	stops_at_a_prompt -s --
}
