#!/usr/bin/env bats
# lull.1, OPTIONS and SHUTDOWN: valid and invalid values, by flag and by variable, and which of the two overrides the other.

load lib
bats_require_minimum_version 1.5.0

# explained [VARIABLE=VALUE]... -- [FLAG]...: sets EXPLAINED to what --explain prints.
explained() {
	local variables=()
	while [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	shift
	EXPLAINED=$(env "${variables[@]}" "$LULL" "$@" --explain 2>"$BATS_TEST_TMPDIR/err") ||
		fail "explain failed: ${variables[*]} $*"
}

shows() {
	local line
	while IFS= read -r line; do
		[[ ! $line =~ $1 ]] || return 0
	done <<<"$EXPLAINED"
	fail "not explained: $1" "$EXPLAINED"
}

# same_by_both FLAG VARIABLE VALUE SHOWN: the value reads the same from the flag and from the variable.
same_by_both() {
	local by_flag
	explained -- "$1" "$3"
	by_flag=$EXPLAINED
	shows "$4"
	explained "$2=$3" --
	[ "$EXPLAINED" = "$by_flag" ] || fail "$1 $3 and $2=$3 differ" "$by_flag" "$EXPLAINED"
}

# rejected PATTERN [VARIABLE=VALUE]... -- [FLAG]...: exit status 125, one line that matches, and the app is not started.
rejected() {
	local pattern=$1 variables=() lines
	shift
	while [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	shift
	local out="$BATS_TEST_TMPDIR/out" err="$BATS_TEST_TMPDIR/err" status=0
	(
		[ ${#variables[@]} -eq 0 ] || export "${variables[@]}"
		exec "$LULL" "$@" echo started >"$out" 2>"$err"
	) || status=$?
	[ "$status" -eq 125 ] || fail "status $status, not 125: ${variables[*]} $*"
	[ ! -s "$out" ] || fail "the app was started: ${variables[*]} $*"
	mapfile lines <"$err"
	[[ ${#lines[@]} -eq 1 && ${lines[0]} = *$'\n' ]] || fail "not one line: ${variables[*]} $*"
	has err "$pattern"
}

@test "every form of TIME is read, by flag and by variable" {
	local pair
	for pair in 0:'0 s' 5:'5 s' 5s:'5 s' 250ms:'250 ms' 1.5s:'1.5 s' 1.5:'1.5 s' 2m:'120 s' 1h:'3600 s' 1m30s:'90 s' \
		1h1m1s500ms:'3661.5 s' 0.25s:'250 ms' 0.5m:'30 s' 007:'7 s' 8760h:'31536000 s'; do
		same_by_both --delay LULL_DELAY "${pair%%:*}" "^ *${pair#*:}  SIGTERM to the app"
	done
}

@test "what is no TIME is rejected, by flag and by variable" {
	local word
	for word in '' x 5x 's' '5 s' ' 5' '5 ' -5 +5 1e3 0x5 5S 1,5 1. .5 1..5 5ss '5s5' 1m2m 1s1m 1m30 5ms5s 0.0001 1.2345s \
		9999999999999999999 8761h 31536000001ms 99999999h never inf 1.5.5s ٣ 5s/ ms 1h1h; do
		rejected '^lull: --delay ".*": invalid time; use' -- --delay "$word"
		rejected '^lull: --linger ".*": invalid time; use' -- --linger="$word"
		[ -z "$word" ] || rejected '^lull: LULL_DELAY ".*": invalid time; use' LULL_DELAY="$word" --
	done
}

@test "timeout: never turns it off, 0 is an error" {
	same_by_both --timeout LULL_TIMEOUT 7 ' 7 s  SIGKILL'
	same_by_both --timeout LULL_TIMEOUT never '^No SIGKILL: lull waits until all processes have exited\.$'
	rejected '^lull: --timeout "0": ' -- --timeout 0
	rejected '^lull: -t "0ms": ' -- -t 0ms
	rejected '^lull: LULL_TIMEOUT "0": ' LULL_TIMEOUT=0 --
	rejected 'or never$' -- -t Never
}

@test "grace: SIGKILL 1 s before its end with any delay, which must leave the app 2 s" {
	same_by_both --grace LULL_GRACE 30s '29 s  SIGKILL'
	explained LULL_GRACE=30 -- --delay 27
	shows ' 27 s  SIGTERM'
	shows ' 29 s  SIGKILL'
	rejected '^lull: --delay "27001ms" with LULL_GRACE "30": .*use a delay of at most 27s$' LULL_GRACE=30 -- -d 27001ms
	rejected '^lull: LULL_DELAY "8" with --grace "10s": .*use a delay of at most 7s$' LULL_DELAY=8 -- --grace 10s
	rejected '^lull: LULL_DELAY "1" with LULL_GRACE "2": .*use a longer grace period$' LULL_GRACE=2 LULL_DELAY=1 --
	rejected '^lull: --grace "1s": ' -- --grace 1s
	explained -- --grace 2s
	shows ' 1 s  SIGKILL'
}

@test "grace and timeout: from one source an error, a flag overrides the other's variable" {
	rejected '--grace "5" with --timeout "9": cannot be combined, both set' -- --grace 5 --timeout 9
	rejected 'LULL_GRACE "5" with LULL_TIMEOUT "9": cannot be combined, both set' LULL_GRACE=5 LULL_TIMEOUT=9 --
	explained LULL_GRACE=5 -- --timeout 9
	shows ' 9 s  SIGKILL'
	explained LULL_TIMEOUT=9 -- --grace 5
	shows ' 4 s  SIGKILL'
}

@test "plan: steps" {
	same_by_both --plan LULL_PLAN 5s/TERM/20s/QUIT/2s/KILL ' 25 s  SIGQUIT'
	shows ' 27 s  SIGKILL'
	same_by_both --plan LULL_PLAN =/2/sigint/RTMIN+3/1m/kill ' 2 s  SIGRTMIN\+3'
	explained -- --plan 10s/=/20s/KILL
	local plan=$EXPLAINED
	explained -- --delay 10s --timeout 20s
	[ "$EXPLAINED" = "$plan" ] || fail "delay and timeout are not D/=/T/KILL" "$plan" "$EXPLAINED"
	explained -- --plan "TERM/$(printf '1s/TERM/%.0s' {1..14})KILL"
	shows ' 14 s  SIGKILL'
}

@test "plan: a drain" {
	explained LULL_LISTENS=80 -- --plan 3s/drain:20s/TERM/10s/KILL
	shows ' 3 s  lull waits until no connection is busy, 20 s at most'
	shows ' 23 s  SIGTERM'
	shows ' 33 s  SIGKILL'
	explained LULL_LISTENS=80 -- --plan 3s/drain:20s/=/10s/KILL
	local plan=$EXPLAINED
	explained LULL_LISTENS=80 -- --delay 3s --drain-timeout 20s --timeout 10s
	[ "$EXPLAINED" = "$plan" ] || fail "delay and drain timeout are not D/drain:W/=/T/KILL" "$plan" "$EXPLAINED"
	explained -- --listens 80 --plan USR1/1s/drain:2s/TERM/drain:3s/4s/QUIT
	shows ' 10 s  SIGQUIT'
	local word
	for word in drain:/TERM drain:x/TERM drain/TERM DRAIN:1s/TERM drain:never/TERM drain:-1/TERM drain:1s:2s/TERM; do
		rejected "^lull: --plan \".*\": \"${word%/*}\" is neither a time nor a signal name; use a plan like" -- --listens 80 --plan "$word"
	done
	rejected 'the last step is a time; use a signal' -- --listens 80 --plan TERM/drain:5s
	rejected 'two times in a row' -- --listens 80 --plan drain:5s/drain:5s/TERM
	rejected 'too many steps' -- --listens 80 --plan "$(printf '1s/drain:1s/TERM/%.0s' {1..8})KILL"
	explained -- --listens 80 --plan "$(printf '1s/drain:1s/TERM/%.0s' {1..7})1s/KILL"
}

@test "plan: an invalid plan is an error" {
	rejected 'too many steps; use at most 16 steps' -- --plan "$(printf 'TERM/1s/%.0s' {1..16})KILL"
	rejected 'the last step is a time; use a signal' -- --plan TERM/5s
	rejected 'the last step is a time; use a signal' -- --plan 5s
	rejected 'two times in a row' -- --plan 5s/5s/TERM
	rejected 'a step follows KILL' -- --plan KILL/5s/TERM
	local word
	for word in '' / TERM/ /TERM TERM//KILL 5s/FOO/KILL TERM/5s/KILL/ == 5x/TERM TERM,KILL never/TERM -5/TERM; do
		rejected '^lull: --plan ".*": ' -- --plan "$word"
	done
	rejected '^lull: LULL_PLAN "TERM/5s": ' LULL_PLAN=TERM/5s --
}

@test "plan: with delay, timeout or grace from the same source an error; a flag overrides the variables of the others" {
	rejected '--plan "TERM" with --delay "1": ' -- --plan TERM --delay 1
	rejected '--plan "TERM" with --drain-timeout "1": ' -- --plan TERM --drain-timeout 1 --listens 80
	rejected '--plan "TERM" with --timeout "1": ' -- --timeout 1 --plan TERM
	rejected '--plan "TERM" with --grace "9": ' -- --grace 9 --plan TERM
	rejected 'LULL_PLAN "TERM" with LULL_DELAY "1": ' LULL_PLAN=TERM LULL_DELAY=1 --
	explained LULL_DELAY=7 LULL_TIMEOUT=8 -- --plan INT/3s/KILL
	shows ' 3 s  SIGKILL'
	local flag
	for flag in --delay --drain-timeout --timeout --grace; do
		explained LULL_PLAN=INT/33s/KILL LULL_LISTENS=80 -- $flag 11
		if grep -q 33 <<<"$EXPLAINED"; then fail "LULL_PLAN overrides $flag"; fi
	done
}

@test "a flag overrides the variable, the last flag the one before" {
	explained LULL_DELAY=7 -- -d 9
	shows ' 9 s  SIGTERM'
	explained -- -d 9 -d 11
	shows ' 11 s  SIGTERM'
	explained LULL_DELAY=7 -- --timeout 3
	shows ' 10 s  SIGKILL'
}

@test "an empty variable counts as not set" {
	explained LULL_DELAY= LULL_PLAN= LULL_STOP_SIGNAL= LULL_GROUP= LULL_GRACE= --
	shows ' 90 s  SIGKILL'
}

@test "--stop-signal replaces the default, and adds up within a source" {
	same_by_both --stop-signal LULL_STOP_SIGNAL TERM,QUIT '^Shutdown starts with SIGQUIT or SIGTERM\.'
	same_by_both --stop-signal LULL_STOP_SIGNAL int '^Shutdown starts with SIGINT\.'
	explained LULL_STOP_SIGNAL=HUP -- --stop-signal INT --stop-signal=USR1
	shows '^Shutdown starts with SIGINT or SIGUSR1\.'
	local word
	for word in '' ',' 'TERM,' ,TERM 'TERM QUIT' FOO 0 65 KILL STOP CHLD 9 RTMIN+31 RTMAX-31 RTMIN-1 RTMAX+1 SIG SIGSIGTERM; do
		rejected '^lull: --stop-signal ".*": ".*" is not a signal that can be caught' -- --stop-signal "$word"
	done
	rejected '^lull: LULL_STOP_SIGNAL "TERM,X": "X" is not' LULL_STOP_SIGNAL=TERM,X --
}

@test "signals by name and number: RTMIN is 34 and RTMAX 64, in any case" {
	local pair
	for pair in TERM:SIGTERM SIGTERM:SIGTERM sigTerm:SIGTERM 15:SIGTERM 34:SIGRTMIN RTMIN:SIGRTMIN rtmin+0:SIGRTMIN \
		RTMIN+3:SIGRTMIN.3 37:SIGRTMIN.3 RTMAX:SIGRTMAX 64:SIGRTMAX RTMAX-1:SIGRTMIN.29 SIGRTMAX-30:SIGRTMIN \
		RTMIN+30:SIGRTMAX 32:'signal 32' 33:'signal 33' IOT:SIGABRT POLL:SIGIO 1:SIGHUP 31:SIGSYS; do
		same_by_both --stop-signal LULL_STOP_SIGNAL "${pair%%:*}" "^Shutdown starts with ${pair#*:}\.\$|^Shutdown starts with ${pair#*:}\. "
	done
}

@test "rewrite: pairs, 0 drops, adds up within a source" {
	same_by_both --rewrite LULL_REWRITE TERM:QUIT ' 0 s  SIGQUIT to the app'
	same_by_both --rewrite LULL_REWRITE 15:3 ' 0 s  SIGQUIT to the app'
	same_by_both -r LULL_REWRITE HUP:USR1,TERM:INT ' 0 s  SIGINT to the app'
	same_by_both -r LULL_REWRITE TERM:0 '0 s  no signal to the app .dropped by --rewrite.$'
	same_by_both -r LULL_REWRITE TERM:KILL ' 0 s  SIGKILL to all remaining processes; lull exits when they have exited$'
	same_by_both -r LULL_REWRITE TERM:KILL ' 1 s  the grace period must not end earlier$'
	explained LULL_REWRITE=TERM:HUP -- -r TERM:INT -r HUP:USR1
	shows ' 0 s  SIGINT'
	explained LULL_REWRITE=TERM:HUP -- -r USR1:INT
	shows ' 0 s  SIGTERM'
	local word
	for word in '' TERM TERM: :TERM 'TERM:QUIT,' TERM:FOO FOO:TERM TERM:QUIT:INT KILL:TERM STOP:TERM CHLD:TERM 0:TERM TERM:65 \
		TERM:-1 'TERM: QUIT'; do
		rejected '^lull: --rewrite ".*": ".*" is invalid; use FROM:TO' -- --rewrite "$word"
	done
}

@test "ready-on and listens: valid and invalid ports and addresses" {
	local word
	for word in 1 65535 08080 127.0.0.1:8080 0.0.0.0:1 '[::]:8080' '[::1]:8080' '[2001:db8::1]:80' '[::ffff:1.2.3.4]:80'; do
		explained LULL_READY_ON="$word" --
		explained -- --ready-on "$word"
	done
	for word in '' 0 65536 -1 x 80x ' 80' 8080: :8080 localhost:80 127.0.0.1 127.1:80 1.2.3.4.5:80 1.2.3:80 256.0.0.1:80 ::1 \
		::1:80 '[::1]' '[::1]:' '[]:80' '[:80' ']:80' '[127.0.0.1]:80' '[::1]80' '[::1%lo]:80' '[::g]:80' 127.0.0.1:0 \
		"$(printf '1%.0s' {1..200}):80" "[$(printf '1%.0s' {1..200})]:80"; do
		rejected '^lull: --ready-on ".*": invalid address; use PORT or ADDR:PORT, like' -- --ready-on "$word"
		[ -z "$word" ] || rejected '^lull: LULL_READY_ON ".*": invalid address' LULL_READY_ON="$word" --
	done
	explained -- --listens 1 --ready-on 2
	explained LULL_LISTENS=65535 --
	explained -- --listens 1,2,3,4,5 --listens 6,7,8,8
	for word in '' 0 65536 -1 x 127.0.0.1:80 http 99999999999999999999 ',' '80,' ',80' '80,,81' '80, 81' 80:81 1,2,3,4,5,6,7,8,9; do
		rejected '^lull: --listens ".*": ".*" is invalid; use at most 8 ports from 1 to 65535, like 8080,8443$' -- \
			--listens "$word"
	done
	rejected '^lull: --listens "80,81": this is the port of --ready-on' -- --ready-on 81 --listens 80,81
	rejected '^lull: LULL_LISTENS "80": this is the port of --ready-on; use the port of the app$' LULL_LISTENS=80 -- --ready-on 80
	explained LULL_LISTENS=80 -- --ready-on 80 --listens 81
}

@test "success-exit: exit codes, and it adds up within a source" {
	run "$LULL" -e 3 -e 4,5 sh -c 'exit 5'
	[ "$status" -eq 0 ]
	run "$LULL" -e 3 -e 4,5 sh -c 'exit 3'
	[ "$status" -eq 0 ]
	run "$LULL" -e 3 sh -c 'exit 6'
	[ "$status" -eq 6 ]
	run env LULL_SUCCESS_EXIT=7,255 "$LULL" sh -c 'exit 255'
	[ "$status" -eq 0 ]
	run env LULL_SUCCESS_EXIT=7 "$LULL" -e 8 sh -c 'exit 7'
	[ "$status" -eq 7 ]
	local word
	for word in '' x 256 -1 '1,' ,1 1,,2 '1 2' 1.0; do
		rejected '^lull: -e ".*": ".*" is not an exit code' -- -e "$word"
	done
}

@test "switches: each value for on and off, by variable and by flag" {
	local word
	for word in 1 true YES On; do
		explained LULL_GROUP=$word --
		shows "to the app's group"
		explained -- --group=$word
		shows "to the app's group"
	done
	for word in 0 false No off; do
		explained LULL_GROUP=$word --
		shows 'SIGTERM to the app$'
		explained LULL_GROUP=1 -- --group=$word
		shows 'SIGTERM to the app$'
	done
	local name
	for name in GROUP STOPPED_OK QUIET WARN_REAP; do
		rejected "^lull: LULL_$name \"2\": neither on nor off" "LULL_$name=2" --
	done
	rejected '^lull: --group "maybe": neither on nor off' -- --group=maybe
}

@test "verbose and quiet: the last one counts, a flag overrides a variable" {
	run env LULL_QUIET=1 "$LULL" -v true
	[[ $output == *reaped* ]]
	run env LULL_VERBOSE=1 "$LULL" -q true
	[ -z "$output" ]
	run "$LULL" -q -v true
	[[ $output == *reaped* ]]
	run "$LULL" -vvv true
	[[ $output == *reaped* ]]
	run env LULL_VERBOSE=0 "$LULL" true
	[ -z "$output" ]
	run env LULL_VERBOSE=3 "$LULL" true
	[[ $output == *reaped* ]]
	run env LULL_QUIET=1 LULL_VERBOSE=1 "$LULL" true
	[ -z "$output" ]
	run env LULL_VERBOSE=1 LULL_QUIET=1 "$LULL" true
	[ -z "$output" ]
	rejected '^lull: LULL_VERBOSE "10": ' LULL_VERBOSE=10 --
}

@test "parent-death: valid and invalid signals" {
	run "$LULL" -p TERM true
	[ "$status" -eq 0 ]
	run env LULL_PARENT_DEATH=9 "$LULL" true
	[ "$status" -eq 0 ]
	rejected '^lull: -p "FOO": not a signal' -- -p FOO
	rejected '^lull: LULL_PARENT_DEATH "0": not a signal' LULL_PARENT_DEATH=0 --
}

@test "combined letters, values joined or separate, and --" {
	run "$LULL" -gvd0 -t5 -l1s -sc -- echo hello
	[ "$status" -eq 0 ]
	[[ $output == *hello* ]]
	run "$LULL" --delay=0 --timeout 5 -- sh -c 'echo "$0"' --help
	[ "$output" = --help ]
}

@test "parsing stops at the first argument that is not an option" {
	run "$LULL" sh -c 'echo "$0" "$@"' -d --timeout --help
	[ "$output" = "-d --timeout --help" ]
	run -127 "$LULL" -- -v
	run -127 "$LULL" - x
}

@test "an unknown option is an error that suggests the nearest one" {
	rejected '^lull: --dely: no such option; did you mean --delay\?' -- --dely 5
	rejected '^lull: --Group: no such option; did you mean --group\?' -- --Group
	rejected '^lull: --frobnicate: no such option; see lull --help' -- --frobnicate
	rejected '^lull: -z: no such option' -- -gz
}

@test "a missing value, and no command" {
	run "$LULL" --delay
	[ "$status" -eq 125 ]
	[ "$output" = "lull: --delay: a value is missing; use --delay TIME" ]
	run "$LULL" -gd
	[ "$status" -eq 125 ]
	[ "$output" = "lull: -d: a value is missing; use -d TIME" ]
	run "$LULL" -g
	[ "$status" -eq 125 ]
	[[ $output == "lull: no command given; use lull [OPTION]... [--] COMMAND"* ]]
	run "$LULL" -g --
	[ "$status" -eq 125 ]
}

@test "an unknown variable gets a warning with the nearest name; those of a Kubernetes Service do not" {
	run env LULL_DELLAY=5 "$LULL" true
	[ "$status" -eq 0 ]
	[ "$output" = "lull: warning: unknown variable LULL_DELLAY ignored; did you mean LULL_DELAY?" ]
	run env LULL_STOP=INT "$LULL" true
	[ "$output" = "lull: warning: unknown variable LULL_STOP ignored; did you mean LULL_STOP_SIGNAL?" ]
	run env LULL_SERVICE_HOST=1 LULL_PORT=2 LULL_PORT_80_TCP=3 LULL_WEB_SERVICE_PORT_HTTP=4 LULL_SERVICE_PORT=5 \
		LULL_PORT_80_TCP_ADDR=6 LULLABY=7 LULL=8 "$LULL" true
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "an invalid variable is an error even if a flag overrides it, but help and version always work" {
	rejected '^lull: LULL_DELAY "x": ' LULL_DELAY=x -- --delay 5
	run env LULL_DELAY=x "$LULL" --help
	[ "$status" -eq 0 ]
	[[ $output == "Usage: lull "* ]]
	run env LULL_DELAY=x "$LULL" --version
	[ "$status" -eq 0 ]
	[[ $output =~ ^lull\ version\ [0-9]+\.[0-9]+\.[0-9]+\ -\ git\.[0-9a-f]{7}$ ]]
	run "$LULL" -h
	[ "$status" -eq 0 ]
	run "$LULL" -V
	[ "$status" -eq 0 ]
}

@test "a value of any length leaves space for what would be valid" {
	local long
	long=$(printf 'x%.0s' {1..5000})
	rejected '^lull: --delay "x{100}": invalid time; use .*, at most a year$' -- --delay "$long"
	rejected '^lull: LULL_STOP_SIGNAL "x{100}": "x{100}" is not a signal .* like TERM,QUIT$' "LULL_STOP_SIGNAL=$long" --
}

@test "an error about a value with control characters is one line" {
	rejected '^lull: --delay "a\?b\?": invalid time; use' -- --delay $'a\nb\e'
}

# warns [REST]...: --explain prints these warnings and no other.
warns() {
	diff <(printf '%s\n' "$@" | sed '/^$/d') <(sed -n 's/^Warning: //p' <<<"$EXPLAINED") || fail "other warnings" "$EXPLAINED"
}

@test "explain: the times, the grace period to set, and nothing after the end of --grace" {
	run -0 "$LULL" --grace 30s --delay 10s --explain
	[ "$output" = "\
Shutdown starts with SIGTERM. Times are counted from then:

       0 s  the app keeps running; other signals are forwarded immediately
      10 s  SIGTERM to the app
      29 s  SIGKILL to all remaining processes; lull exits when they have exited
      30 s  the grace period ends

Set the grace period to at least 30 s: docker stop -t 30, stop_grace_period: 30s, terminationGracePeriodSeconds: 30.
Warning: Docker's default is 10 s. With it, Docker kills the container before the app gets SIGTERM.
If the app exits by itself, remaining processes get SIGTERM, and SIGKILL 5 s later." ] || fail "other output" "$output"
	explained -- --timeout 9001ms
	shows '^ +11 s  the grace period must not end earlier$'
	shows '^Set the grace period to at least 11 s: docker stop -t 11,'
	explained -- --delay 5 --timeout never
	shows '^No SIGKILL: lull waits until all processes have exited\.$'
	if grep -qE 'Set the grace|the grace period|SIGKILL to' <<<"$EXPLAINED"; then fail "there is no SIGKILL"; fi
	explained -- --linger 0
	shows '^Remaining processes get SIGKILL when the app exits\.$'
	explained -- --stop-signal TERM,INT --rewrite TERM:QUIT,INT:QUIT
	shows '0 s  SIGQUIT to the app$'
	explained -- --stop-signal TERM,INT --group
	shows "0 s  the stop signal to the app's group\$"
}

@test "explain: which default of Docker, Kubernetes and ECS is too short, and what it cuts" {
	local docker="Docker's default is 10 s. With it, Docker kills the container"
	local others="the default of Kubernetes and ECS is 30 s. With it, they kill the container"
	explained -- --timeout 9s
	warns ''
	explained -- --timeout 9001ms
	warns "$docker less than 1 s after lull sends SIGKILL."
	explained -- --timeout 10s
	warns "$docker before lull sends SIGKILL."
	explained -- --delay 9999ms --timeout 20
	warns "$docker before lull sends SIGKILL." "$others less than 1 s after lull sends SIGKILL."
	explained -- --delay 10 --timeout 20
	warns "$docker before the app gets SIGTERM." "$others before lull sends SIGKILL."
	explained -- --stop-signal INT,QUIT --grace 60 --delay 30
	warns "$docker before the app gets the stop signal." "$others before the app gets the stop signal."
	explained -- --rewrite TERM:0 --grace 20 --delay 15
	warns "$docker before lull sends SIGKILL."
	explained -- --plan 15s/KILL
	warns "$docker before lull sends SIGKILL."
	explained -- --timeout never --delay 10
	warns "$docker before the app gets SIGTERM."
	explained -- --timeout never
	warns ''
}

@test "explain starts nothing, and status 125 if its output cannot be written" {
	run "$LULL" --explain echo started
	[ "$status" -eq 0 ]
	[[ $output != *started* ]]
	run bash -c "'$LULL' --explain >/dev/full"
	[ "$status" -eq 125 ]
	run bash -c "'$LULL' --help >&-"
	[ "$status" -eq 125 ]
}

@test "an empty argv[0] is a usage error, not a crash" {
	run bash -c 'exec -a "" "$0"' "$LULL"
	[ "$status" -eq 125 ]
	[[ $output == "lull: no command given; use lull [OPTION]... [--] COMMAND"* ]]
}
