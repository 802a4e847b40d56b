#!/usr/bin/env bats
# lull.1, READINESS (Readiness endpoint): --ready-on and --listens. Each test runs in its own network namespace.

# Inner shells expand the variables.
# shellcheck disable=SC2016

load lib

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	make_network
}

# The shell prints which processes it killed, when it has waited for them.
teardown() {
	{ end_jobs && wait; } 2>/dev/null || true
}

in_net() {
	exec "${THERE[@]}" "$@"
}

# start_lull WORD...: starts lull in the namespace of the test, not as PID 1.
start_lull() {
	start_plain "${THERE[@]}" "$LULL" "$@"
}

GET=$'GET / HTTP/1.1\r\nHost: app\r\n\r\n'
PORT=8080

# ask REQUEST [HOST [PORT [MS]]]: sets ANSWER to the whole response.
ask() {
	ANSWER=$(in_net timeout 20 "$CLIENT" ask "${2:-127.0.0.1}" "${3:-$PORT}" "${4:-0}" <<<"$1")
}

# is_answered STATUS WORD [HOST [PORT]]: checks the response to a GET.
is_answered() {
	ask "$GET" "${@:3}" && [[ $ANSWER == "HTTP/1.1 $1 "*$'\r\n\r\n'"$2" ]]
}

# nobody_answers [HOST]
nobody_answers() {
	if ask "$GET" "$@" 2>/dev/null; then fail "there is a response: $*"; fi
}

# Runs in the background, with its output in the file of that name.
client() {
	in_net "$CLIENT" "${@:2}" <&0 >"$1" 2>&1 3>&- &
	LAST=$!
}

end() {
	kill -KILL "$1"
	wait "$1" || true
}

# --- Answers

@test "ready while the app runs, draining from the stop signal on, no connection after the exit" {
	for start in start_plain start_init; do
		$start "${THERE[@]}" "$LULL" --ready-on 8080 -d 60s "$PROBE" exit=1:0
		wait_for out '^ready'
		is_answered 200 ready
		kill -USR1 "$TARGET"
		wait_for out '^got 10'
		is_answered 200 ready
		kill -TERM "$TARGET"
		wait_for err 'stopping: SIGTERM'
		is_answered 503 draining
		kill -HUP "$TARGET"
		expect_status 0
		nobody_answers
	done
}

@test "draining once the app has exited, while remaining processes run" {
	start_lull --ready-on 8080 --linger 60s "$PROBE" orphan exit=1:0
	until_count 2 out '^ready'
	is_answered 200 ready
	kill -HUP "$APP"
	wait_for out '^got 1 '
	until_true is_gone "$APP"
	is_answered 503 draining
	wait_for out '^got 15 '
	is_answered 503 draining
	kill -HUP "$TARGET"
	expect_status 0
}

@test "draining while the app handles the signal, and after SIGKILL was due" {
	start_lull --ready-on 8080 -t 60s "$PROBE" exit=1:0
	begin_stop
	wait_for out '^got 15'
	is_answered 503 draining
	kill -HUP "$APP"
	expect_status 0
}

@test "200 or 503 for GET, HEAD, OPTIONS, HTTP/1.0 and 1.1, with and without CR" {
	start_lull --ready-on 8080 "$PROBE" exit=15:0
	local method version end
	for version in 1.0 1.1; do
		for end in $'\r\n' $'\n'; do
			for method in GET OPTIONS; do
				ask "$method /healthz?x=1 HTTP/$version${end}Host: app${end}X: y${end}${end}"
				[ "$ANSWER" = $'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nCache-Control: no-store\r\nConnection: close\r\n\r\nready' ]
			done
			ask "HEAD / HTTP/$version${end}${end}"
			[ "$ANSWER" = $'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nCache-Control: no-store\r\nConnection: close\r\n\r' ]
		done
	done
	ask $'OPTIONS / HTTP/1.0\r\n\r'
	[[ $ANSWER == "HTTP/1.1 200 "*ready ]]
}

@test "405 for other methods, 400 for requests that are not HTTP/1" {
	start_lull --ready-on 8080 "$PROBE" exit=15:0
	local method word
	for method in POST PUT DELETE TRACE CONNECT GETS get VERYLONGMETHOD; do
		ask "$method / HTTP/1.1"$'\r\nContent-Length: 3\r\n\r\nabc'
		[[ $ANSWER == "HTTP/1.1 405 "*$'\r\nAllow: GET, HEAD, OPTIONS\r\n'*$'\r\n\r\nmethod not allowed' ]]
	done
	for word in hello 'GET /' 'GET  / HTTP/1.1' ' / HTTP/1.1' 'GET / HTTP/2' 'GET / HTTP/1.' 'GET / http/1.1' \
		'GET / HTTP/1.1 ' $'GET / HTTP/1.1\rX' $'GET / HTTP/1.1\r\nX: \x01' $'\x16\x03\x01' \
		$'PRI * HTTP/2.0\r\n\r\nSM\r\n\r'; do
		ask "$word"$'\r\n\r'
		[[ $ANSWER == "HTTP/1.1 400 "*$'\r\n\r\nbad request' ]] || fail "not 400: $word" "$ANSWER"
	done
	is_answered 200 ready
}

@test "a head of 8 kB is answered, a longer one gets an error before its end" {
	start_lull --ready-on 8080 "$PROBE" exit=15:0
	local filler
	filler=$(printf 'x%.0s' {1..8000})
	ask $'GET / HTTP/1.1\r\nX: '"$filler"$'\r\n\r'
	[[ $ANSWER == "HTTP/1.1 200 "*ready ]]
	ask $'GET / HTTP/1.1\r\nX: '"$filler$filler"
	[[ $ANSWER == "HTTP/1.1 400 "*'bad request' ]]
	ask "$filler$filler$filler"
	[[ $ANSWER == "HTTP/1.1 400 "*'bad request' ]]
}

@test "a request that is sent byte by byte is answered, within a second" {
	start_lull --ready-on 8080 "$PROBE" exit=15:0
	ask $'GET / HTTP/1.0\n' 127.0.0.1 8080 1
	[[ $ANSWER == "HTTP/1.1 200 "*ready ]]
}

# --- Addresses

@test "without an address: IPv4 and IPv6" {
	start_lull --ready-on 8080 "$PROBE" exit=15:0
	is_answered 200 ready 127.0.0.1
	is_answered 200 ready 127.0.0.2
	is_answered 200 ready ::1
}

@test "without IPv6: IPv4" {
	start_lull_denied inet6 --ready-on 8080 "$PROBE" exit=15:0
	is_answered 200 ready 127.0.0.1
	nobody_answers ::1
}

# start_lull_denied CALL[,CALL]... WORD...
start_lull_denied() {
	start_plain "${THERE[@]}" "$DENY" "${ERROR:-EPERM}" "$1" "$LULL" "${@:2}"
}

@test "with an address: only there" {
	LULL_READY_ON=127.0.0.2:8080 start_lull "$PROBE" exit=15:0
	is_answered 200 ready 127.0.0.2
	nobody_answers 127.0.0.1
	nobody_answers ::1
	begin_stop
	expect_status 0
	for host in '[::1]' '[::]'; do
		start_lull --ready-on "$host:8080" "$PROBE" exit=15:0
		is_answered 200 ready ::1
		nobody_answers 127.0.0.1
		begin_stop
		expect_status 0
	done
}

# not_started PATTERN WORD...: lull exits with an error before the app runs.
not_started() {
	local status=0
	(in_net "${@:2}" echo started) >stdout 2>refusal 3>&- || status=$?
	[ "$status" -eq 125 ] || fail "status $status: ${*:2}"
	has_not stdout .
	expect_count 1 refusal '^lull: '
	has refusal "$1"
}

@test "a port in use, by another program or another lull, and a foreign address are errors at start" {
	client listener listen 127.0.0.1 8081 1
	wait_for listener '^listening'
	not_started '^lull: --ready-on "8081": cannot listen: Address' "$LULL" --ready-on 8081
	not_started '^lull: LULL_READY_ON "127.0.0.1:8081": cannot listen: Address' env LULL_READY_ON=127.0.0.1:8081 "$LULL"
	not_started '^lull: --ready-on "192.0.2.1:8081": cannot listen: ' "$LULL" --ready-on 192.0.2.1:8081
	not_started '^lull: --ready-on "\[2001:db8::1\]:8081": cannot listen: ' "$LULL" --ready-on '[2001:db8::1]:8081'
	start_lull --ready-on 8080 "$PROBE" exit=15:0
	not_started '^lull: --ready-on "8080": cannot listen: Address' "$LULL" --ready-on 8080
	is_answered 200 ready
	# The next one can bind it immediately, whatever connections there were.
	begin_stop
	expect_status 0
	start_lull --ready-on 8080 "$PROBE" exit=15:0
	is_answered 200 ready
}

# --- --listens

# follows_listener HOST: starting, ready once a process listens there, and starting again when it has exited.
follows_listener() {
	is_answered 503 starting
	client listener listen "$1" 8081 1
	until_true is_answered 200 ready
	end "$LAST"
	until_true is_answered 503 starting
}

@test "--listens: starting until a process listens, and again when none does: IPv4, IPv6, both" {
	start_lull --ready-on 8080 --listens 8081 "$PROBE" exit=1:0
	for host in 0.0.0.0 127.0.0.1 :: ::1 dual; do
		follows_listener $host
	done
	client listener listen 127.0.0.1 8081 1
	until_true is_answered 200 ready
	kill -TERM "$TARGET"
	wait_for err 'stopping: SIG'
	is_answered 503 draining
	kill -HUP "$TARGET"
	expect_status 0
}

@test "--listens without sock_diag: /proc/net is read" {
	for ERROR in EPERM ENOSYS; do
		start_lull_denied netlink --ready-on 8080 --listens 8081 "$PROBE" exit=15:0
		for host in 0.0.0.0 ::1 dual; do
			follows_listener $host
		done
		begin_stop
		expect_status 0
	done
}

@test "--listens with a kernel without sock_diag: lull does not try it each time" {
	ERROR=ENOENT start_lull_denied netlink --ready-on 8080 --listens 8081 "$PROBE" exit=15:0
	wait_for out '^ready'
	strace -qq -e trace=socket,openat,open -o calls -p "$TARGET" 2>attached 3>&- &
	local tracer=$!
	until_true is_traced
	follows_listener 127.0.0.1
	kill -TERM "$TARGET"
	expect_status 0
	wait "$tracer"
	expect_count 1 calls AF_NETLINK
	[ "$(count calls '/proc/net/tcp')" -ge 3 ]
}

# Connections that outlive their listener have its port. Another port, or a listener in another namespace, is not the app's.
@test "--listens: only listeners, on this port, in this network namespace" {
	client others listen 0.0.0.0 8082 300
	"$CLIENT" up "$CLIENT" listen dual 8081 1 >elsewhere 3>&- &
	client served serve 127.0.0.1 8081 200
	client served6 serve ::1 8081 200
	for file in others:listening elsewhere:listening served:connected served6:connected; do
		wait_for "${file%:*}" "^${file#*:}"
	done
	start_lull --ready-on 8080 --listens 8081 "$PROBE" exit=15:0
	is_answered 503 starting
	local netlink=$TARGET
	ERROR=EPERM start_lull_denied netlink --ready-on 8079 --listens 8081 "$PROBE" exit=15:0
	is_answered 503 starting 127.0.0.1 8079
	client listener listen dual 8081 1
	until_true is_answered 200 ready
	until_true is_answered 200 ready 127.0.0.1 8079
	kill -TERM "$TARGET" "$netlink"
	finish
	wait "$netlink"
}

@test "--listens is an error at start if the kernel's table cannot be read" {
	local bare=(unshare --mount bash -c 'mount -t tmpfs none /proc && exec "$@"' -)
	not_started '^lull: --listens "8081": cannot read the kernel.s socket table: ' \
		"${bare[@]}" "$DENY" EPERM netlink "$LULL" --listens 8081
	not_started '^lull: LULL_LISTENS "8081": cannot read the kernel.s socket table: ' \
		env LULL_LISTENS=8081 "${bare[@]}" "$DENY" ENOSYS netlink "$LULL"
	[ "$(in_net "${bare[@]}" "$LULL" --listens 8081 echo started 2>/dev/null)" = started ]
}

# --- Limits

POLITE=$'GET / HTTP/1.1\r\n\r\n'
ENDLESS=$'GET / HTTP/1.1\r\nX: '

# descriptors_of PID: how many it has.
descriptors_of() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

resident_kb() {
	sed -nE 's/^VmRSS:\s+([0-9]+) kB/\1/p' "/proc/$1/status"
}

# has_no_connection [COUNT]: lull has no descriptor but stderr, two of the endpoint, and COUNT of the log.
has_no_connection() {
	[ "$(descriptors_of "$TARGET")" -eq $((3 + ${1:-0})) ]
}

@test "each connection is closed after a second: silent, half a request, byte by byte, a response not read" {
	start_lull --ready-on 8080 "$PROBE" exit=15:0
	local first last
	for request in "" GET "$ENDLESS"; do
		for pause in 0 20; do
			[ -n "$request" ] || [ $pause -eq 0 ] || continue
			printf %s "$request" >request
			client held hold 127.0.0.1 8080 16 $pause <request
			wait "$LAST"
			read -r first last <<<"$(sed -nE 's/^received 0 first ([0-9]+) last ([0-9]+)$/\1 \2/p' held)"
			expect_ms "$first" 950
			expect_ms "$last" 950
		done
	done
	until_true has_no_connection
}

@test "one connection more than the limit replaces the oldest" {
	start_lull --ready-on 8080 "$PROBE" exit=15:0
	client held hold 127.0.0.1 8080 100 </dev/null
	wait_for held '^open'
	is_answered 200 ready
	wait "$LAST"
	# The oldest were closed before their second was over.
	[ "$(sed -nE 's/^received 0 first ([0-9]+) .*/\1/p' held)" -lt 950 ]
	until_true has_no_connection
}

# begin_storm: 10 000 parallel connections, of five kinds, without an end. Sets STORM, their clients.
begin_storm() {
	local file kinds=("$POLITE" "$POLITE" "$ENDLESS" "" "$(printf 'x%.0s' {1..60000})")
	STORM=()
	for file in 0 1 2 3 4; do
		printf %s "${kinds[$file]}" >request$file
		client storm$file storm "$([ $file -eq 1 ] && echo ::1 || echo 127.0.0.1)" 8080 2000 <request$file
		STORM+=("$LAST")
	done
	for file in 0 1 2 3 4; do wait_for storm$file '^open'; done
}

end_storm() {
	kill -TERM "${STORM[@]}"
	wait "${STORM[@]}"
}

@test "10 000 parallel connections: signals and orphans are not delayed, memory and descriptors bounded" {
	start_lull --ready-on 8080 -v "$PROBE" ping=10:500 chain=2000 exit=1:0
	wait_for out '^ready'
	is_answered 200 ready
	local before signo most middle orphans
	before=$(resident_kb "$TARGET")
	begin_storm
	orphans=$(count err 'reaped orphan')
	kill -USR1 "$TARGET"
	until [ "$(count out '^pinged')" -gt 0 ]; do
		# 16 connections, one that replaces another, and those of the log.
		[ "$(descriptors_of "$TARGET")" -le 24 ]
	done
	read -r most middle <<<"$(sed -n 's/^pinged most \([0-9]*\) middle \([0-9]*\)$/\1 \2/p' out)"
	[ "$middle" -lt 50000 ] && [ "$most" -lt 2000000 ] || fail "a signal took $middle us, and $most us at the most"
	until_true has_at_least $((orphans + 11)) err 'reaped orphan' # a helper writes the log, and may be late
	[ $(($(resident_kb "$TARGET") - before)) -le 512 ]
	# Clients with a whole request get responses. A client prints its first 100 with each status.
	until_true has_at_least 100 storm0 '^response 200$'
	until_true has_at_least 100 storm1 '^response 200$'
	until_true has_at_least 10 storm4 '^response 400$'
	for signo in {34..39} {41..63}; do kill -"$signo" "$TARGET"; done
	for signo in {34..39} {41..63}; do wait_for out "^got $signo "; done
	end_storm
	until_true has_no_connection 2
	kill -HUP "$APP"
	expect_status 0
}

@test "10 000 parallel connections: SIGKILL comes when it is due" {
	for start in start_plain start_init; do
		$start "${THERE[@]}" "$LULL" --ready-on 8080 -d 500ms -t 500ms "$PROBE"
		wait_for out '^ready'
		begin_storm
		begin_stop
		expect_status 137
		expect_ms "$(since "$T0")" 1000
		end_storm
		has err 'stopped in 1(\.[0-9])? s: app killed by SIGKILL, 1 process killed'
	done
}

@test "idle lull does not wake up, before and after connections" {
	start_lull --ready-on 8080 --listens 8081 "$PROBE" exit=15:0
	wait_for out '^ready'
	sleeps
	is_answered 503 starting
	client held hold 127.0.0.1 8080 3 </dev/null
	wait "$LAST"
	until_true has_no_connection
	sleeps
	begin_stop
	expect_status 0
}

# There is no event to wait for, so the test waits for a time.
sleeps() {
	local before
	until_true is_waiting "$TARGET"
	before=$(grep ctxt_switches "/proc/$TARGET/status")
	sleep 1.5
	[ "$(grep ctxt_switches "/proc/$TARGET/status")" = "$before" ]
}

# calls_of WORD...: prints the names of lull's system calls, from its start to its exit.
calls_of() {
	(in_net strace -qq -o calls "$LULL" "$@" true) 3>&-
	sed -nE 's/^([a-z0-9_]+)\(.*/\1/p' calls | sort -u | xargs
}

@test "without --ready-on there is no system call for it; with it there is" {
	local off on foreign='(socket|bind|listen|accept4?|poll|ppoll|signalfd4?|setsockopt|dup3|recvfrom|sendto)'
	off=$(calls_of --delay 1)
	if grep -qwE "$foreign" <<<"$off"; then fail "off: $off"; fi
	on=$(calls_of --ready-on 8080)
	for call in socket bind listen signalfd4 dup3; do grep -qw $call <<<"$on" || fail "on: $on"; done
	grep -qwE 'p?poll' <<<"$on"
}

@test "the app inherits no descriptor of it, whichever of stdin, stdout and stderr are closed" {
	local closed
	for closed in none 0 1 2 01 02 12 012; do
		for words in "" "--ready-on 8080"; do
			# shellcheck disable=SC2086
			start_plain bash -c 'closing "$@"' - $closed "${THERE[@]}" "$LULL" -v $words \
				bash -c 'ls /proc/$$/fd >&8; exec "$0" exit=15:0 >&8' "$PROBE" 8>>"$BATS_TEST_TMPDIR/told$words"
			wait_for "told$words" '^ready'
			[ -z "$words" ] || is_answered 200 ready
			# The log lines meanwhile go nowhere, and not into a connection.
			if [ -n "$words" ] && [[ $closed = *2* ]]; then
				client held hold 127.0.0.1 8080 3 </dev/null
				wait_for held '^open'
				kill -HUP "$TARGET"
				wait_for "told$words" '^got 1 '
				wait "$LAST"
				has held '^received 0 '
			fi
			kill -TERM "$TARGET"
			expect_status 0
		done
		diff <(sed '/^ready/,$d' "told") <(sed '/^ready/,$d' "told--ready-on 8080")
		rm told*
	done
}

@test "without a descriptor for a connection lull sleeps, and continues when there is one" {
	start_lull --ready-on 8080 "$PROBE" exit=1:0
	wait_for out '^ready'
	prlimit --pid "$TARGET" --nofile=3:20
	client held hold 127.0.0.1 8080 3 </dev/null
	wait_for held '^open'
	local before
	before=$(switches)
	sleep 1
	[ $(($(switches) - before)) -le 30 ]
	kill -USR1 "$TARGET"
	wait_for out '^got 10'
	prlimit --pid "$TARGET" --nofile=20:20
	is_answered 200 ready
	kill -HUP "$TARGET"
	expect_status 0
}

switches() {
	sed -n 's/^voluntary_ctxt_switches:\s*//p' "/proc/$TARGET/status"
}

# --- Denied system calls

@test "with a call denied, the endpoint responds, signals arrive, and the shutdown is in time" {
	local call ERROR=EPERM PORT=9000
	for call in signalfd4 poll close_range shutdown setsockopt,inet6 signalfd4,poll,netlink; do
		# Without setsockopt a port that had connections is not free immediately.
		PORT=$((PORT + 1))
		[ $ERROR = EPERM ] && ERROR=ENOSYS || ERROR=EPERM
		start_lull_denied "$call" --ready-on $PORT --listens 8081 -d 60s -t 300ms "$PROBE"
		wait_for out '^ready'
		is_answered 503 starting
		client listener listen 127.0.0.1 8081 1
		until_true is_answered 200 ready
		kill -USR1 "$TARGET"
		wait_for out '^got 10'
		begin_stop
		until_true is_answered 503 draining
		# The shutdown has started: a stop signal after a second is not a duplicate.
		T0=$(now_ms)
		end "$LAST"
		until_true is_past $((T0 + 1020))
		T0=$(now_ms)
		kill -TERM "$TARGET"
		expect_status 137
		expect_ms "$(since "$T0")" 300
	done
}

@test "with accept denied, lull does not spin" {
	start_lull_denied accept4 --ready-on 8080 "$PROBE" exit=15:0
	wait_for out '^ready'
	in_net timeout 2 "$CLIENT" ask 127.0.0.1 8080 <<<"$GET" >/dev/null &
	local before
	before=$(switches)
	sleep 1
	[ $(($(switches) - before)) -le 30 ]
	begin_stop
	expect_status 0
}
