#!/usr/bin/env bats
# lull.1, OPTIONS (--drain-timeout, --listens, --ready-for) and SHUTDOWN (Draining connections). Each test has its own network
# namespace. The server answers on SIGUSR1 and drops all requests on SIGTERM.

# Inner shells expand their words themselves; that a test is a function is not seen.
# shellcheck disable=SC2016,SC2030,SC2031

bats_require_minimum_version 1.5.0
load lib

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	make_network
}

teardown() {
	{ end_jobs && wait; } 2>/dev/null || true
}

# keep_alive: a connection that has had its response, and stays open.
keep_alive() {
	"${THERE[@]}" bash -c 'exec 5<>/dev/tcp/127.0.0.1/8080 && printf "GET / HTTP/1.1\r\n\r\n" >&5 && head -n 4 <&5 >kept; sleep 1000' \
		3>&- &
	wait_for out '^request'
	kill -USR1 "$TARGET"
	until_true grep -q '^ok' kept
}

served() {
	grep -q '^ok' "$1" || fail "no response in $1"
}

@test "a request that the server has read is answered before SIGTERM" {
	for start in plain init; do
		if [ $start = plain ]; then
			start_server --drain-timeout 60s --listens 8080 "${SERVER[@]}" 8080
		else
			start "${THERE[@]}" unshare --pid --fork --kill-child --mount-proc "$LULL" --drain-timeout 60s \
				--listens 8080 "${SERVER[@]}" 8080
			wait_for out '^ready'
			child_of "$JOB" && TARGET=$CHILD
		fi
		request first
		kill -TERM "$TARGET"
		wait_for err '^lull: draining: 1 connection busy'
		has_not out '^got TERM'
		kill -USR1 "$TARGET"
		wait_for err '^lull: drained in '
		expect_status 0
		served first
		has out '^got TERM'
		rm first
	done
}

@test "a request that arrives during the drain is answered as well" {
	start_server --delay 300ms --drain-timeout 60s --listens 8080 "${SERVER[@]}" 8080
	request first
	request second
	kill -TERM "$TARGET"
	wait_for err '^lull: draining: 2 connections busy, waiting '
	request third
	kill -USR1 "$TARGET"
	expect_status 0
	served first && served second && served third
}

@test "without a busy connection the drain ends immediately" {
	start_server --drain-timeout 1h --listens 8080 "${SERVER[@]}" 8080
	kill -TERM "$TARGET"
	expect_status 0
	has err '^lull: stopping: .*; SIGTERM to the app when no connection is busy, in 3600 s at the latest, SIGKILL in 3690 s at the latest$'
	has err '^lull: drained in (0 s|[0-9]+ ms): no connection is busy$'
	has_not err 'draining'
}

@test "a connection that is kept open after its response does not hold the drain up" {
	start_server --drain-timeout 1h --listens 8080 "${SERVER[@]}" 8080
	keep_alive
	kill -TERM "$TARGET"
	expect_status 0
	has err '^lull: drained in '
}

@test "the timeout ends a drain, with the number of busy connections" {
	start_server --drain-timeout 300ms --listens 8080 "${SERVER[@]}" 8080
	request first
	T0=$(now_ms)
	kill -TERM "$TARGET"
	expect_status 0
	has err '^lull: warning: drain timeout after .*: 1 connection still busy'
	expect_ms "$(since "$T0")" 300
}

@test "a second stop signal ends the delay and the drain" {
	start_server --delay 30m --drain-timeout 1h --listens 8080 "${SERVER[@]}" 8080
	request first
	T0=$(now_ms)
	kill -TERM "$TARGET"
	until_true is_past $((T0 + 1100))
	kill -TERM "$TARGET"
	expect_status 0
}

@test "a second stop signal ends the drain" {
	start_server --drain-timeout 1h --listens 8080 "${SERVER[@]}" 8080
	request first
	T0=$(now_ms)
	kill -TERM "$TARGET"
	wait_for err '^lull: draining'
	until_true is_past $((T0 + 1100))
	kill -TERM "$TARGET"
	expect_status 0
	has err '^lull: warning: drain ended after .*: 1 connection still busy'
}

@test "the app's exit ends the drain" {
	start_server --drain-timeout 1h --listens 8080 "${SERVER[@]}" 8080
	request first
	kill -TERM "$TARGET"
	wait_for err '^lull: draining'
	kill -KILL "$APP"
	expect_status 137
	has err '^lull: warning: drain ended after .*: 1 connection still busy'
}

@test "with --grace SIGKILL does not come earlier when the drain ends early" {
	start_server --grace 4s --drain-timeout 1s --listens 8080 "$PROBE" times exit=15:0
	T0=$(now_ms)
	kill -TERM "$TARGET"
	wait_for err 'SIGTERM to the app when no connection is busy, in 1 s at the latest, SIGKILL in 3 s$'
	expect_status 0
	start_server --grace 4s --drain-timeout 1s --listens 8080 "$PROBE" times
	T0=$(now_ms)
	kill -TERM "$TARGET"
	expect_status 137
	expect_ms "$(since "$T0")" 3000
	has err '^lull: drained in '
}

@test "in another plan the later steps come earlier" {
	start_server --plan drain:1h/TERM/300ms/KILL --listens 8080 "$PROBE" times
	kill -TERM "$TARGET"
	expect_status 137
}

@test "a drain in the middle of a plan" {
	start_server --plan 'USR1/drain:1h/TERM/30s/KILL' --listens 8080 "${SERVER[@]}" 8080
	request first
	kill -TERM "$TARGET"
	expect_status 0
	served first
}

@test "the signal waits for the pre-stop program as well as for the drain" {
	printf '#!/bin/sh\nuntil [ -e "$0.go" ]; do sleep 0.01; done\n' >hook
	chmod +x hook
	start_server --drain-timeout 1h --pre-stop "$PWD/hook" --listens 8080 "${SERVER[@]}" 8080
	kill -TERM "$TARGET"
	request first
	: >hook.go
	wait_for err '^lull: draining'
	has_not out '^got TERM'
	kill -USR1 "$TARGET"
	expect_status 0
	served first
}

@test "a drain that waits for the pre-stop program logs the time of that" {
	printf '#!/bin/sh\nuntil [ -e "$0.go" ]; do sleep 0.01; done\n' >hook
	chmod +x hook
	start_server --drain-timeout 1ms --pre-stop "$PWD/hook" --listens 8080 "${SERVER[@]}" 8080
	kill -TERM "$TARGET"
	wait_for err '^lull: stopping: .*; SIGTERM to the app .*after the pre-stop program, in 5 s at the latest'
	request first
	wait_for err '^lull: draining: 1 connection busy, waiting [1-5](\.[0-9])? s at most$'
	: >hook.go
	expect_status 0
}

@test "after a delay and a drain, the app has 1 s of the time that the pre-stop program can take" {
	printf '#!/bin/sh\nexec sleep 1000\n' >hook
	chmod +x hook
	start_server --plan 500ms/drain:300ms/TERM/1200ms/KILL --pre-stop "$PWD/hook" --listens 8080 "${SERVER[@]}" 8080
	T0=$(now_ms)
	kill -TERM "$TARGET"
	expect_status 0
	has err 'in 500 ms to 800 ms and after the pre-stop program, in 1 s at the latest, SIGKILL in 2 s at the latest$'
	expect_ms "$(since "$T0")" 1000
}

@test "several ports: a busy connection on any of them holds the signal back" {
	start_server --drain-timeout 1h --listens 8080,8081 "${SERVER[@]}" 8080 8081
	request first 8081
	kill -TERM "$TARGET"
	wait_for err '^lull: draining: 1 connection busy'
	kill -USR1 "$TARGET"
	expect_status 0
	served first
}

@test "several ports: ready when all of them listen" {
	start "${THERE[@]}" unshare --pid --fork --kill-child --mount-proc "$LULL" --listens 8080 --listens 8081 "${SERVER[@]}" 8080
	wait_for out '^ready'
	child_of "$JOB" && TARGET=$CHILD
	local inside=(nsenter --target "$TARGET" --pid --mount --net "$LULL" --ready)
	run "${inside[@]}" --listens 8080,8081
	[ "$status" -eq 1 ] && [[ $output == *"nothing listens on port 8081"* ]] || fail "$status: $output"
	run "${inside[@]}" --listens 8080
	[ "$status" -eq 0 ] || fail "$status: $output"
	kill -TERM "$TARGET"
	expect_status 0
}

@test "if the kernel denies sock_diag, lull logs a warning, and the drain takes its whole time" {
	for error in EPERM ENOSYS ENOENT; do
		start_plain "${THERE[@]}" "$DENY" $error netlink "$LULL" --drain-timeout 300ms --listens 8080 "${SERVER[@]}" 8080
		wait_for out '^ready'
		T0=$(now_ms)
		kill -TERM "$TARGET"
		expect_status 0
		expect_ms "$(since "$T0")" 300
		expect_count 1 err '^lull: warning: cannot check the app.s connections: .*; the drain takes'
		expect_count 1 err '^lull: warning: cannot check the app.s connections: .*; each drain takes'
		has err '^lull: warning: drain timeout after .*: the number of busy connections is not known'
	done
}

@test "a drain without --listens is an error that names it" {
	run "$LULL" --drain-timeout 5s true
	[ "$status" -eq 125 ] && [[ $output == *'--drain-timeout "5s": '*'--listens PORT'* ]] || fail "$status: $output"
	run "$LULL" --plan drain:5s/TERM true
	[ "$status" -eq 125 ] && [[ $output == *'--plan "drain:5s/TERM": '*'--listens PORT'* ]] || fail "$status: $output"
	run env LULL_DRAIN_TIMEOUT=5s "$LULL" true
	[ "$status" -eq 125 ] && [[ $output == *'LULL_DRAIN_TIMEOUT "5s": '* ]] || fail "$status: $output"
	run env LULL_DRAIN_TIMEOUT=5s "$LULL" --plan drain:7s/TERM true
	[ "$status" -eq 125 ] && [[ $output == *'--plan "drain:7s/TERM": '* ]] || fail "$status: $output"
}

@test "delay and drain must leave the app 2 s of the grace period" {
	run "$LULL" --grace 30s --delay 5s --drain-timeout 23s --listens 8080 true
	[ "$status" -eq 125 ] && [[ $output == *'use a drain timeout of at most 22s' ]] || fail "$status: $output"
	run "$LULL" --grace 30s --delay 28s --drain-timeout 1s --listens 8080 true
	[ "$status" -eq 125 ] && [[ $output == *'--delay "28s"'*'use a delay of at most 27s' ]] || fail "$status: $output"
	run "$LULL" --grace 2s --drain-timeout 1s --listens 8080 true
	[ "$status" -eq 125 ] && [[ $output == *'--drain-timeout "1s" with --grace "2s": '*'use a longer grace period' ]] || fail "$status: $output"
	run "$LULL" --grace 30s --delay 27s --drain-timeout 1s --listens 8080 true
	[ "$status" -eq 125 ] && [[ $output == *'--drain-timeout "1s" with --grace "30s": '*'use a longer grace period' ]] || fail "$status: $output"
	"$LULL" --grace 30s --delay 5s --drain-timeout 22s --listens 8080 true
}

@test "the report has the last drain" {
	start_server --report "$PWD/report" --drain-timeout 300ms --listens 8080 "${SERVER[@]}" 8080
	request first
	kill -TERM "$TARGET"
	expect_status 0
	grep -qE '; drain timeout after [0-9.]+ m?s: 1 connection still busy; ' report || fail "$(cat report)"
	start_server --log-format json --report "$PWD/json" --delay 100ms --drain-timeout 60s --listens 8080 "${SERVER[@]}" 8080
	request first
	kill -TERM "$TARGET"
	wait_for err '"event":"draining",.*"busy_count":1,"drain_timeout_ms":(60000|5[0-9]{4})'
	kill -USR1 "$TARGET"
	expect_status 0
	has err '"event":"stopping",.*"first_signal_ms":60100,"drain_timeout_ms":60000,'
	grep -qE '"drain_ms":[0-9]{3,},"drain_first_busy_count":1,"drain_busy_count":0,' json || fail "$(cat json)"
	run "$LULL" --log-format json --report "$PWD/none" true
	grep -q '"drain_ms":null,"drain_first_busy_count":null,"drain_busy_count":null,' none || fail "$(cat none)"
}

@test "the connections are checked when the drain starts, and then at most five times a second" {
	start_server --drain-timeout 60s --listens 8080 "${SERVER[@]}" 8080
	request first
	strace -qq -ttt -e trace=socket -o calls -p "$TARGET" 2>attached 3>&- &
	local tracer=$!
	until_true is_traced
	kill -TERM "$TARGET"
	until_true has_at_least 6 calls AF_NETLINK
	kill -USR1 "$TARGET"
	expect_status 0
	wait "$tracer"
	# The last call is not a check of the connections: lull reads whether the app listens.
	grep AF_NETLINK calls | awk 'NR == 1 { first = $1 } NR == 6 { exit $1 - first < 0.99 }' || fail "$(cat calls)"
}

@test "a connection of another program on the same port counts, on another address too" {
	start_server --drain-timeout 300ms --listens 8080 "${SERVER[@]}" 8080
	"${THERE[@]}" "$CLIENT" listen 127.0.0.2 8080 1 >other 3>&- &
	until_true grep -qs '^listening' other
	"${THERE[@]}" bash -c 'exec 5<>/dev/tcp/127.0.0.2/8080; echo >&5; echo sent; sleep 1000' >sender 3>&- &
	until_true grep -qs '^sent' sender
	kill -TERM "$TARGET"
	expect_status 0
	has err '^lull: warning: drain timeout after .*: 1 connection still busy'
}

# --- --ready-for

shows() {
	[ "$(cat "/proc/$TARGET/comm")" = "$1" ]
}

@test "--explain shows the drain, and how long readiness is kept" {
	run -0 "$LULL" --explain --grace 30s --delay 2s --drain-timeout 20s --listens 8080 --ready-for 7s --drain-file /run/drain
	[[ $output == *" 0 s  the container is reported as ready until 7 s"*" 0 s  /run/drain is created after that"* ]]
	[[ $output == *" 2 s  lull waits until no connection is busy, 20 s at most"*"22 s  SIGTERM to the app"*"29 s  SIGKILL"* ]]
}

@test "--ready-for keeps readiness after the shutdown has started" {
	start_server --ready-for 1h --delay 1h --drain-file "$PWD/marker" --listens 8080 "${SERVER[@]}" 8080
	T0=$(now_ms)
	kill -TERM "$TARGET"
	wait_for err '^lull: stop'
	shows lull:on:8080
	[ ! -e marker ] || fail "the drain file exists"
	until_true is_past $((T0 + 1100))
	kill -TERM "$TARGET"
	expect_status 0
}

@test "--ready-for: readiness ends at its time" {
	start_server --ready-for 700ms --delay 1h --drain-file "$PWD/marker" --listens 8080 "${SERVER[@]}" 8080
	T0=$(now_ms)
	kill -TERM "$TARGET"
	until_true shows lull:draining
	expect_ms "$(since "$T0")" 700
	until_true test -e marker
	until_true is_past $((T0 + 1100))
	kill -TERM "$TARGET"
	expect_status 0
}

# asked: the whole response of the endpoint.
asked() {
	"${THERE[@]}" "$CLIENT" ask 127.0.0.1 9000 0 <<<$'GET / HTTP/1.1\r\nHost: app\r\n\r\n'
}

answers() {
	[[ $(asked) == "HTTP/1.1 $1 "* ]]
}

@test "--ready-for: the endpoint reports ready until then" {
	start_server --ready-for 1h --delay 1h --ready-on 9000 --listens 8080 "${SERVER[@]}" 8080
	T0=$(now_ms)
	kill -TERM "$TARGET"
	wait_for err '^lull: stop'
	answers 200
	until_true is_past $((T0 + 1100))
	kill -TERM "$TARGET"
	expect_status 0
	start_server --ready-for 500ms --delay 1h --ready-on 9000 --listens 8080 "${SERVER[@]}" 8080
	T0=$(now_ms)
	kill -TERM "$TARGET"
	until_true answers 503
	expect_ms "$(since "$T0")" 500
	until_true is_past $((T0 + 1100))
	kill -TERM "$TARGET"
	expect_status 0
}

@test "--ready-for: readiness ends when the app exits" {
	start_plain "$LULL" --ready-for 1h --delay 1h --listens 8080 \
		sh -c 'trap "exit 0" USR2; (trap "" TERM; exec sleep 1000) & echo ready; wait; exit 0'
	begin_stop
	wait_for err '^lull: stop'
	shows lull:on:8080
	kill -USR2 "$APP"
	until_true shows lull:draining
	child_of "$TARGET" && kill -KILL "$CHILD"
	expect_status 0
}
