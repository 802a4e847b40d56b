#!/usr/bin/env bats
# What dumb-init 1.2.5 does by its help, its README or by test, and lull in its compatibility mode.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

# shellcheck disable=SC2034
NAME=dumb-init
load lib

# --- The command line

@test "-V and --version: one line on stderr" {
	for INIT in "${BOTH[@]}"; do
		for how in -V --version -vV; do
			ends 0 "$INIT" $how
			[[ $(cat out err) =~ ^dumb-init\ v1\.2\.[0-9]+$ ]] || fail "$(cat out err)"
			silent out
		done
	done
}

@test "-h and --help name every flag, on stderr" {
	for INIT in "${BOTH[@]}"; do
		for how in -h --help; do
			ends 0 "$INIT" $how
			for word in -c --single-child -r --rewrite -v --verbose -h --help -V --version; do
				grep -qE -- "(^|[ ,])$word\b" err || fail "no $word in the help of $INIT"
			done
			silent out
		done
	done
}

@test "bad usage: 1, and why, on stderr" {
	for INIT in "${BOTH[@]}"; do
		ends 1 "$INIT"
		[ -s err ]
		ends 1 "$INIT" --nonsense true
		has err 'nonsense'
		for value in x 15 15:99 0:1 15:x; do
			ends 1 "$INIT" -r $value true
			[ -s err ]
		done
		silent out
	done
}

@test "long flags and short, with values in every form; what follows the command is the app's" {
	for INIT in "${BOTH[@]}"; do
		ends 3 "$INIT" -c -r 15:2 --rewrite 1:2 --rewrite=10:0 -r12:0 --single-child -- sh -c 'exit 3'
		ends 3 "$INIT" sh -c 'exit 3'
		ends 0 "$INIT" echo -v --help
		[ "$(cat out)" = '-v --help' ]
	done
}

@test "the first of -h and -V that comes is what is printed; -- or nothing after the flags is bad usage" {
	for INIT in "${BOTH[@]}"; do
		ends 0 "$INIT" -cV -x
		[[ $(cat err) =~ ^dumb-init\ v ]]
		ends 1 "$INIT" -xV
		ends 1 "$INIT" -c --
		ends 2 "$INIT" -c -- ''
		ends 2 "$INIT" -
		silent out
	done
}

@test "as the interpreter of a script" {
	for INIT in "${BOTH[@]}"; do
		printf '#!%s /bin/sh\necho "$1"; exit 5\n' "$INIT" >script
		chmod +x script
		ends 5 ./script word
		[ "$(cat out)" = word ]
	done
}

@test "one in another, with -c or DUMB_INIT_SETSID=0 or not" {
	for INIT in "${BOTH[@]}"; do
		ends 7 "$INIT" "$INIT" sh -c 'exit 7'
		ends 7 "$INIT" -c "$INIT" -c sh -c 'exit 7'
		DUMB_INIT_SETSID=0 ends 7 "$INIT" "$INIT" sh -c 'exit 7'
	done
}

@test "odd values, and lull's own forms of them, are valid or errors as documented" {
	for INIT in "${BOTH[@]}"; do
		if is_real; then odd=(0 1); else odd=(1 0); fi
		for value in 15:3x ' 15:3' 9:15 19:15; do ends "${odd[0]}" "$INIT" -r "$value" true; done
		ends "${odd[0]}" "$INIT" --rew 15:3 true
		for value in TERM:QUIT 40:3 15:40; do ends "${odd[1]}" "$INIT" -r "$value" true; done
		! is_real || shows 'no: in its own way'
	done
}

@test "its variables stay in the app's environment" {
	for INIT in "${BOTH[@]}"; do
		DUMB_INIT_SETSID=0 DUMB_INIT_DEBUG=0 ends 0 "$INIT" env
		has out '^DUMB_INIT_SETSID=0$'
		has out '^DUMB_INIT_DEBUG=0$'
	done
}

# --- Exit status

@test "the app's status, or 128 + the signal that ended it" {
	for INIT in "${BOTH[@]}"; do
		for status in 0 1 7 255; do ends $status "$INIT" sh -c "exit $status"; done
		for status in 1 9 15 34 64; do ends $((128 + status)) "$INIT" "$PROBE" raise=$status; done
		ends 7 "${NAMESPACE[@]}" "$INIT" sh -c 'exit 7'
		silent err
	done
}

@test "2 if the command cannot be executed, with the reason" {
	for INIT in "${BOTH[@]}"; do
		ends 2 "$INIT" no-such-command
		has err 'no-such-command.*(No such file|not found)'
		ends 2 "$INIT" /etc/passwd
		has err '/etc/passwd.*([Pp]ermission denied|not executable)'
		ends 2 "$INIT" /
		silent out
	done
}

@test "a script without #! is run by a shell" {
	echo 'echo "$0" "$@"; exit 5' >script
	chmod +x script
	for INIT in "${BOTH[@]}"; do
		ends 5 "$INIT" ./script a 'b c'
		[ "$(cat out)" = './script a b c' ]
	done
}

@test "an app that another process killed is logged" {
	logs_a_kill
}

@test "a damaged program is not run as a script" {
	rejects_a_damaged_program
}

# --- Sessions and groups

@test "the app leads a session and a group of its own" {
	for INIT in "${BOTH[@]}"; do
		for start in start_init start_plain; do
			runs $start "$INIT" "$PROBE" state exit=15:0
			[ "$(state_of pid)" = "$(state_of group)" ]
			[ "$(state_of pid)" = "$(state_of session)" ]
			kill -TERM "$TARGET"
			expect_status 0
		done
	done
}

@test "-c or DUMB_INIT_SETSID=0: no session of its own" {
	for INIT in "${BOTH[@]}"; do
		runs start_init setsid "$INIT" -c "$PROBE" state
		[ "$(state_of session)" = 1 ]
		runs start_init setsid env DUMB_INIT_SETSID=0 "$INIT" "$PROBE" state
		[ "$(state_of session)" = 1 ]
		runs start_init env DUMB_INIT_SETSID=1 "$INIT" "$PROBE" state
		[ "$(state_of session)" = "$(state_of pid)" ]
	done
}

# --- Signals

@test "signals are forwarded to the group, realtime ones too" {
	for INIT in "${BOTH[@]}"; do
		start_init "$INIT" "$PROBE" fork
		until_count 2 out '^ready'
		for signo in 1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 23 24 25 26 27 28 29 30 31 18 35 40 64; do
			kill -$signo "$TARGET"
			until_count 2 out "^got $signo "
		done
		expect_count 56 out '^got'
		silent err
	done
}

@test "-c or DUMB_INIT_SETSID=0: to the app alone" {
	for INIT in "${BOTH[@]}"; do
		for how in -c env; do
			if [ $how = -c ]; then
				start_init "$INIT" -c "$PROBE" fork
			else
				start_init env DUMB_INIT_SETSID=0 "$INIT" "$PROBE" fork
			fi
			until_count 2 out '^ready'
			send 15 10 1
			expect_count 3 out '^got'
		done
	done
}

@test "-r: another signal instead, by numbers, again and again; 0 drops it" {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" -r 15:3 --rewrite 1:12 -r 10:0 "$PROBE"
		kill -15 "$TARGET"
		wait_for out '^got 3 '
		kill -1 "$TARGET"
		wait_for out '^got 12 '
		kill -10 "$TARGET"
		send 2
		came out 3 12 2
	done
}

@test "SIGCHLD is not forwarded" {
	keeps_sigchld
}

@test "SIGTSTP, SIGTTIN, SIGTTOU stop the app and then itself; SIGCONT continues both" {
	for INIT in "${BOTH[@]}"; do
		for signo in 20 21 22; do
			runs start_plain "$INIT" "$PROBE" exit=15:0
			kill -$signo "$TARGET"
			until_true is_stopped "$READY"
			until_true is_stopped "$TARGET"
			kill -CONT "$TARGET"
			wait_for out '^got 18 '
			until_true is_running "$TARGET"
			kill -TERM "$TARGET"
			expect_status 0
			came out 18 15
		done
	done
}

is_running() {
	! is_stopped "$1"
}

@test "-r 20:20: the app gets SIGTSTP itself, and it is stopped all the same" {
	for INIT in "${BOTH[@]}"; do
		runs start_plain "$INIT" -r 20:20 "$PROBE" exit=15:0
		kill -20 "$TARGET"
		wait_for out '^got 20 '
		until_true is_stopped "$TARGET"
		kill -CONT "$TARGET"
		wait_for out '^got 18 '
		kill -TERM "$TARGET"
		expect_status 0
	done
}

@test "-c: SIGTSTP, SIGTTIN, SIGTTOU reach the app as they are, and suspend it as well" {
	for INIT in "${BOTH[@]}"; do
		for signo in 20 21 22; do
			runs start_plain "$INIT" -c "$PROBE" exit=15:0
			kill -$signo "$TARGET"
			wait_for out "^got $signo "
			until_true is_stopped "$TARGET"
			kill -CONT "$TARGET"
			wait_for out '^got 18 '
			until_true is_running "$TARGET"
			kill -TERM "$TARGET"
			expect_status 0
			came out $signo 18 15
		done
	done
}

@test "-c -r 20:19: the app is stopped by SIGSTOP after all" {
	for INIT in "${BOTH[@]}"; do
		runs start_plain "$INIT" -r 20:19 -c "$PROBE" exit=15:0
		kill -20 "$TARGET"
		until_true is_stopped "$READY"
		until_true is_stopped "$TARGET"
		kill -CONT "$TARGET"
		wait_for out '^got 18 '
		kill -TERM "$TARGET"
		expect_status 0
		came out 18 15
	done
}

@test "-r 20:0: the app gets no signal, only dumb-init stops" {
	for INIT in "${BOTH[@]}"; do
		runs start_plain "$INIT" -r 20:0 "$PROBE" exit=15:0
		kill -20 "$TARGET"
		until_true is_stopped "$TARGET"
		kill -CONT "$TARGET"
		wait_for out '^got 18 '
		kill -TERM "$TARGET"
		expect_status 0
		came out 18 15
	done
}

@test "the last of several rewrites of one signal counts" {
	for INIT in "${BOTH[@]}"; do
		runs start_init "$INIT" -r 15:2 -r 15:0 -r15:12 --rewrite 2:15 "$PROBE"
		kill -15 "$TARGET"
		wait_for out '^got 12 '
		kill -2 "$TARGET"
		wait_for out '^got 15 '
		came out 12 15
	done
}

@test "the value of a sigqueue arrives" {
	keeps_values
}

@test "a SIGTERM that comes before the app runs is delivered" {
	delivers_early
}

@test "an app that it may not signal does not end it" {
	for INIT in "${BOTH[@]}"; do
		runs start_plain setpriv --inh-caps -kill --bounding-set -kill "$INIT" \
			setpriv --reuid 65534 --regid 65534 --clear-groups "$PROBE" exit=10:6
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

@test "the mask and the ignored signals that were inherited" {
	for INIT in "${BOTH[@]}"; do
		start env --default-signal --block-signal=USR1 --ignore-signal=HUP "$INIT" "$PROBE" state exit=15:0
		wait_for out '^ready'
		if is_real; then
			has out '^SigBlk:.*0000000$'
			has out '^SigIgn:.*0000000$'
			shows 'no: nothing is blocked or ignored'
		else
			has out '^SigBlk:.*0000200$'
			has out '^SigIgn:.*0000001$'
		fi
		kill -TERM "$TARGET"
		expect_status 0
	done
}

@test "the directory and the descriptors" {
	exec 8</dev/null
	for INIT in "${BOTH[@]}"; do
		runs start_plain "$INIT" "$PROBE" state exit=15:0
		has out "^cwd $PWD$"
		has out '^fds 0 1 2 .*8'
		kill -TERM "$TARGET"
		expect_status 0
	done
}

@test "SIGCHLD ignored at start changes nothing" {
	for INIT in "${BOTH[@]}"; do
		ends 7 env --ignore-signal=CHLD "$INIT" sh -c 'exit 7'
	done
}

@test "it starts with stdin closed, and with stdout and stderr closed" {
	for INIT in "${BOTH[@]}"; do
		STATUS=0
		timeout 20 "$INIT" sh -c 'exit 7' <&- || STATUS=$?
		[ "$STATUS" -eq 7 ]
		STATUS=0
		timeout 20 "$INIT" sh -c 'exit 7' <&- >&- 2>&- || STATUS=$?
		[ "$STATUS" -eq 7 ]
	done
}

@test "descriptors of the app are not kept open" {
	keeps_no_descriptor
}

# --- Processes

@test "as PID 1 it reaps" {
	for INIT in "${BOTH[@]}"; do
		start_init "$INIT" sh -c '"$0" orphan & exec "$0"' "$PROBE"
		until_count 3 out '^ready'
		until_true has_child_but "$APP"
		kill -KILL "$ORPHAN"
		until_true is_gone "$ORPHAN"
		silent err
	done
}

@test "not PID 1: no subreaper, and no line about it" {
	for INIT in "${BOTH[@]}"; do
		start_plain "$INIT" sh -c '"$0" orphan & exec "$0"' "$PROBE"
		until_count 3 out '^ready'
		for pid in $(probes); do
			[ "$pid" = "$APP" ] || until_true is_elsewhere "$pid"
		done
		silent err
		kill -KILL "$APP"
		expect_status 137
		end_probes "$APP"
	done
}

# is_elsewhere PID: its parent is not the init.
is_elsewhere() {
	! is_child "$1" "$TARGET"
}

@test "-v or DUMB_INIT_DEBUG=1, and no other value: logs what it forwards and reaps, on stderr" {
	for INIT in "${BOTH[@]}"; do
		ends 3 "$INIT" -v sh -c 'exit 3'
		has err '[0-9]+\)?[,:]? exited (with (exit )?status )?3'
		silent out
		DUMB_INIT_DEBUG=1 ends 3 "$INIT" sh -c 'exit 3'
		has err '[0-9]+\)?[,:]? exited (with (exit )?status )?3'
		for value in 0 true yes; do
			DUMB_INIT_DEBUG=$value ends 3 "$INIT" sh -c 'exit 3'
			silent err
		done
	done
}

# --- Stopping

@test "an app that ignores SIGTERM is left alone, without a line" {
	has_no_timeout
}

@test "when the app exits its group gets SIGTERM, and it does not wait for the group" {
	for INIT in "${BOTH[@]}"; do
		start_plain "$INIT" sh -c '"$0" fork & exec "$0" exit=64:5' "$PROBE"
		until_count 3 out '^ready'
		"$SEND" "$APP" 64
		expect_status 5
		until_count 2 out '^got 15 '
		end_probes "$APP"
		# Except for SIGCHLD to the parent of one that exits.
		expect_count 3 out '^got (1[^7]|[^1])'
		silent err
	done
}

@test "the SIGTERM at the end is rewritten as well" {
	for INIT in "${BOTH[@]}"; do
		start_plain "$INIT" -r 15:12 sh -c '"$0" & exec "$0" exit=64:5' "$PROBE"
		until_count 2 out '^ready'
		"$SEND" "$APP" 64
		expect_status 5
		wait_for out '^got 12 '
		end_probes "$APP"
		expect_count 2 out '^got'
	done
}

@test "-c: remaining processes get no signal" {
	for INIT in "${BOTH[@]}"; do
		start_plain "$INIT" -c sh -c '"$0" & exec "$0" exit=64:5' "$PROBE"
		until_count 2 out '^ready'
		"$SEND" "$APP" 64
		expect_status 5
		READY=$(probes | grep -vx "$APP")
		"$SEND" "$READY" 40
		wait_for out '^got 40'
		came out 64 40
		kill -KILL "$READY"
	done
}

@test "LULL_DELAY: SIGTERM is forwarded when it is over" {
	delays
}

@test "a stopped app is continued for the SIGTERM" {
	continues_a_stopped_app
}

@test "idle, it does not wake up" {
	sleeps
}

# --- On a terminal

@test "PID 1: the app's session gets the terminal, without a SIGHUP or SIGCONT" {
	for INIT in "${BOTH[@]}"; do
		STATUS=0
		"$PTY" --pid1 expect:ready 'type:\x03' 'expect:got 2 ' signal:1 'expect:got 1 ' signal:18 'expect:got 18 ' \
			signal:15 -- "$INIT" "$PROBE" state exit=15:0 >out 2>err </dev/null 3>&- || STATUS=$?
		[ "$STATUS" -eq 0 ] || fail "status $STATUS"
		has out 'group 2 session 2 foreground 2\b'
		expect_count 4 out 'got '
	done
}

@test "PID 1: Ctrl-Z does not stop the app" {
	continues_after_ctrl_z
}

@test "at a prompt: Ctrl-Z stops it and its session, fg continues both, Ctrl-C and the window's size arrive" {
	for INIT in "${BOTH[@]}"; do
		at_prompt "run:'$INIT' '$PROBE' exit=2:7" expect:ready 'type:\x1a' expect:Stopped run:fg 'expect:got 18 ' \
			size:30x50 'expect:got 28 ' 'type:\x03' 'expect:got 2 ' 'run:echo status $?' 'expect:status 7' run:exit
		expect_count 1 out '^(\^C)?got 2 '
	done
}

@test "at a prompt, -c: Ctrl-Z stops both, fg continues both, and what the terminal sends comes once" {
	local size sizes=()
	for size in {30..49}; do sizes+=("size:${size}x50" 'expect:got 28 '); done
	for INIT in "${BOTH[@]}"; do
		at_prompt "run:'$INIT' -c '$PROBE' die=20 exit=40:0" expect:ready 'type:\x1a' expect:Stopped run:fg \
			'expect:got 18 ' "${sizes[@]}" 'until:read -r pid _ <"/proc/$PID/task/$PID/children"; kill -40 "$pid"' \
			'expect:got 40 ' run:exit
		if is_real; then
			# Its own SIGWINCH is merged with the terminal's if that is still pending: seldom, but all 20 may be.
			shows 'no: twice, from itself as well'
		else
			has_not out 'got 28 code 0 '
		fi
	done
}
