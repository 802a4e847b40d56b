#!/usr/bin/env bats
# lull.1, REPORTS: --report, and a SIGKILL that lull did not send.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

load lib

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	ulimit -c 0
	REPORT=$BATS_TEST_TMPDIR/report
	TEXT=("$LULL" --report "$REPORT")
	JSON=("$LULL" --log-format json --report "$REPORT")
}

teardown() {
	end_jobs
	remove_cgroup
}

DATE='20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z'
TIME='[0-9.]+ m?s'
KEYS='time exit ran_ms ended_by oom_kill app_status app_signal stop_signal sender sender_pid sender_name sender_uid
	stop_started delay_ms stopping_ms remaining_ms killing_ms drain_ms drain_first_busy_count
	drain_busy_count not_killed_count killed_count killed'

# reads PATTERN: the report is one line, and the pattern matches all of it.
reads() {
	[ "$(wc -l <report)" -eq 1 ] || fail "$(wc -l <report) lines"
	grep -qxE -- "$1" report || fail "$(cat report)" "is not: $1"
	rm report
}

# holds KEYS EXPRESSION: the report is one line, an object with exactly these keys in this order, and the expression, in
# Python, is true of it, r; at() reads a date.
holds() {
	python3 - "$1" "$2" <<'PYTHON' || fail "$(cat report)"
import json, sys
from datetime import datetime, timedelta
def at(word):
    return datetime.strptime(word, "%Y-%m-%dT%H:%M:%S.%fZ")
lines = open("report", "rb").read().split(b"\n")
assert len(lines) == 2 and lines[1] == b"" and len(lines[0]) < 4096
r = json.loads(lines[0].decode("utf-8"))
assert list(r) == sys.argv[1].split(), list(r)
assert eval("(" + sys.argv[2] + ")"), (sys.argv[2], r)
PYTHON
	rm report
}

# --- Why the app ended

@test "an app that exits by itself" {
	start "${TEXT[@]}" sh -c 'exit 3'
	expect_status 3
	reads "lull: $DATE; exit 3; ran $TIME; ended by itself; app exited with status 3; no process killed"
	start "${JSON[@]}" sh -c 'exit 0'
	expect_status 0
	holds "$KEYS" \
		'r["exit"] == 0 and r["app_status"] == 0 and r["ended_by"] == "self" and r["killed"] == []'
	[ ! -s err ]
}

@test "an app that is killed by a signal" {
	start "${TEXT[@]}" "$PROBE" raise=6
	expect_status 134
	reads "lull: $DATE; exit 134; ran $TIME; ended by a signal; app killed by SIGABRT; no process killed"
	start "${JSON[@]}" "$PROBE" raise=40
	expect_status 168
	holds "$KEYS" \
		'r["exit"] == 168 and r["app_signal"] == "SIGRTMIN+6" and r["ended_by"] == "signal"'
}

@test "lull's exit status and the app's are separate fields" {
	start "${TEXT[@]}" -e 143 "$PROBE" exit=15:143
	begin_stop
	expect_status 0
	reads ".*; exit 0; ran $TIME; ended by a shutdown; app exited with status 143; stop signal SIGTERM; .*"
	start "${TEXT[@]}" --stopped-ok sleep 1000
	until_true is_lull "$JOB"
	kill -TERM "$JOB"
	expect_status 0
	reads ".*; exit 0; .*; app killed by SIGTERM; .*"
}

@test "times: the run, the delay, the shutdown, the remaining processes" {
	start_plain "${JSON[@]}" -d 400ms "$PROBE" late=15:300 fork
	until_count 2 out '^ready'
	child_of "$APP"
	local orphan=$CHILD
	sleep 0.2
	T0=$(now_ms)
	kill -TERM "$TARGET"
	wait_for out '^got 15'
	until_true is_gone "$APP"
	until_true is_gone "$orphan"
	expect_status 0
	local all=$(($(now_ms) - T0 + 20))
	holds "$KEYS" \
		"r['delay_ms'] >= 400 and r['stopping_ms'] >= 290 and r['remaining_ms'] >= 290 and r['killed'] == [] and
		 r['ran_ms'] >= 1100 and r['delay_ms'] + r['stopping_ms'] + r['remaining_ms'] <= $all"
	start_plain "${TEXT[@]}" -d 400ms "$PROBE" late=15:300
	begin_stop
	expect_status 0
	reads ".*; started $DATE; delay [4-9][0-9]+ ms; stopping [3-9][0-9]+ ms; no process killed"
}

@test "the dates are current, and the shutdown started as long ago as its phases took" {
	start_plain "${JSON[@]}" -d 300ms "$PROBE" exit=15:0
	begin_stop
	expect_status 0
	holds "$KEYS" '
		abs(datetime.utcnow() - at(r["time"])) < timedelta(minutes=5) and
		(at(r["time"]) - at(r["stop_started"])) / timedelta(milliseconds=1) == r["delay_ms"] + r["stopping_ms"]'
}

@test "an app that exits during the delay exited by itself" {
	start_plain "${TEXT[@]}" -d 60s "$PROBE" exit=1:4
	begin_stop
	wait_for err 'stopping: SIGTERM'
	kill -HUP "$TARGET"
	expect_status 4
	reads ".*; ended by itself; app exited with status 4; stop signal SIGTERM; sender .*; started $DATE; delay $TIME; no process killed"
}

# --- The sender

# For other users: a report that they may write, and programs that they may run in any checkout.
for_all_users() {
	touch report
	chmod 666 report
	chmod 755 . "$BATS_RUN_TMPDIR"
	mkdir programs
	cp "$LULL" programs/lull
	cp "$PROBE" programs/probe
	LULL=$PWD/programs/lull PROBE=$PWD/programs/probe
	TEXT[0]=$LULL
}

@test "a shutdown from within the namespace: PID, UID and name" {
	for_all_users
	for as in 0 4242; do
		start_plain setpriv --reuid 4242 --regid 4242 --clear-groups "${TEXT[@]}" "$PROBE" exit=15:0
		wait_for out '^ready'
		cp "$(readlink -f /bin/bash)" sender
		setpriv --reuid $as --regid $as --clear-groups ./sender -c 'echo $$ >&2; kill -TERM "$0"' "$TARGET" 2>pid
		expect_status 0
		grep -qE "; stop signal SIGTERM; sender PID $(cat pid)( \(sender\))?, UID $as; started $DATE; " report || fail "$(cat report)"
		: >report
	done
}

@test "the name of the sender, if that still runs" {
	start unshare --pid --fork --kill-child --mount-proc "${JSON[@]}" \
		sh -c 'trap "exit 0" TERM; kill -TERM 1; while :; do sleep 0.01; done'
	expect_status 0
	holds "$KEYS" \
		'r["stop_signal"] == "SIGTERM" and r["sender_pid"] == 2 and r["sender_uid"] == 0 and r["sender_name"] == "sh" and r["sender"] == "process"'
}

@test "a shutdown from outside the namespace" {
	start_init "${TEXT[@]}" "$PROBE" exit=15:7
	begin_stop
	expect_status 7
	reads ".*; exit 7; ran $TIME; ended by a shutdown; app exited with status 7; stop signal SIGTERM; sender outside the container; .*; no process killed"
	start_init "${JSON[@]}" --stop-signal QUIT -r QUIT:TERM "$PROBE" exit=15:7
	wait_for out '^ready'
	kill -QUIT "$TARGET"
	expect_status 7
	holds "$KEYS" \
		'r["stop_signal"] == "SIGQUIT" and r["sender"] == "outside" and r["sender_pid"] == 0 and r["sender_uid"] is None and r["sender_name"] is None'
}

@test "a shutdown from the terminal: Ctrl-C" {
	python3 - "${JSON[@]}" --stop-signal INT "$PROBE" late=2:300 3>&- <<'PYTHON'
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
logged = b""
while b"ready" not in logged:
    logged += os.read(terminal, 4096)
os.write(terminal, b"\x03")
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
PYTHON
	holds "$KEYS" \
		'r["stop_signal"] == "SIGINT" and r["sender"] == "kernel" and r["sender_pid"] is None'
}

# --- Killed processes

@test "killed processes are listed as in the warning" {
	for start in start_plain start_init; do
		$start "${TEXT[@]}" -t 200ms "$PROBE"
		begin_stop
		expect_status 137
		local named
		named=$(sed -n 's/.*warning: .* sending SIGKILL to: //p' err)
		grep -qE '^[0-9]+ probe \(sleeping\)$' <<<"$named"
		named=${named//(/\\(} named=${named//)/\\)}
		reads ".*; exit 137; .*; ended by a shutdown; app killed by SIGKILL; .*; stopping $TIME; killing $TIME; killed $named"
		has_not err 'not sent by lull'
	done
}

@test "killed processes are listed with --quiet too" {
	start_plain "${TEXT[@]}" -q -t 200ms "$PROBE"
	begin_stop
	expect_status 137
	reads ".*; killed $APP probe \(sleeping\)"
	[ ! -s err ]
}

@test "of many killed processes 16 are listed" {
	start_plain "${JSON[@]}" -t 200ms "$PROBE" tower=20
	wait_for out '^tower'
	begin_stop
	expect_status 137
	holds "$KEYS" \
		'r["killed_count"] == 21 and len(r["killed"]) == 16 and all(p["name"] == "probe" for p in r["killed"])'
}

@test "a name may hold any bytes: the report stays one line, and valid" {
	local names=(
		'b"a\"b\\c\nd\x1b\x7f"' '"a\"b\\c\nd\x1b\x7f"'
		'b"\xff\xfe; exit 0\xc3"' '"\ufffd\ufffd; exit 0\ufffd"'
		'b"\xf0\x9f\x98\x80\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"' '"\U0001f600\u20ac\u20ac\u20ac\ufffd\ufffd"'
	)
	for ((i = 0; i < ${#names[@]}; i += 2)); do
		local app=(python3 -c 'import ctypes, signal, sys
ctypes.CDLL(None).prctl(15, eval(sys.argv[1]))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True: signal.pause()' "${names[i]}")
		start_init "${JSON[@]}" -t 100ms "${app[@]}"
		begin_stop
		expect_status 137
		holds "$KEYS" \
			"r['killed'] == [{'pid': 2, 'name': ${names[i + 1]}, 'state': 'sleeping'}]"
		start_init "${TEXT[@]}" -t 100ms "${app[@]}"
		begin_stop
		expect_status 137
		if LC_ALL=C grep -q $'[\x01-\x1f\x7f]' report; then fail "$(od -c report)"; fi
		iconv -f UTF-8 -t UTF-8 report >converted
		LC_ALL=C reads ".*; killed 2 .* [(]sleeping[)]"
	done
}

@test "remaining processes: their time, and which of them were killed" {
	start_plain "${TEXT[@]}" -l 60s "$PROBE" exit=1:3 orphan late=15:300
	until_count 2 out '^ready'
	kill -HUP "$TARGET"
	expect_status 3
	reads ".*; exit 3; .*; ended by itself; app exited with status 3; remaining processes [3-9][0-9]* ms; no process killed"
	start_plain "${TEXT[@]}" -l 200ms "$PROBE" exit=1:3 orphan
	until_count 2 out '^ready'
	kill -HUP "$TARGET"
	expect_status 3
	reads ".*; ended by itself; app exited with status 3; remaining processes [2-9][0-9]* ms; killing $TIME; killed [0-9]+ probe \(sleeping\)"
	start_plain "${TEXT[@]}" -l 0 "$PROBE" exit=1:3 orphan
	until_count 2 out '^ready'
	kill -HUP "$TARGET"
	expect_status 3
	reads ".*; ended by itself; app exited with status 3; killing $TIME; killed [0-9]+ probe \(sleeping\)"
}

@test "a stop that begins while remaining processes are waited for" {
	start_plain "${TEXT[@]}" -l 60s "$PROBE" exit=1:3 orphan exit=10:0
	until_count 2 out '^ready'
	kill -HUP "$TARGET"
	wait_for out '^got 15'
	kill -TERM "$TARGET"
	wait_for err 'stopping: SIGTERM'
	kill -USR1 "$TARGET"
	expect_status 3
	reads ".*; ended by itself; app exited with status 3; stop signal SIGTERM; .*; started $DATE; remaining processes $TIME; no process killed"
}

@test "an app that does not exit after SIGKILL" {
	chmod 755 . "$BATS_RUN_TMPDIR"
	out_of_reach start_plain "${JSON[@]}" -t 200ms
	begin_stop
	expect_status 137
	kill -KILL "$APP"
	holds "$KEYS" \
		'r["exit"] == 137 and r["not_killed_count"] == 1 and r["killed"] == [] and r["app_status"] is None and r["app_signal"] is None and r["ended_by"] == "stop" and r["killing_ms"] >= 2000'
}

# --- A SIGKILL that lull did not send

@test "a SIGKILL from another process is reported as such, also in the log" {
	for start in start_plain start_init; do
		$start "${TEXT[@]}" "$PROBE"
		wait_for out '^ready'
		kill -KILL "$APP"
		expect_status 137
		reads ".*; exit 137; .*; ended by a SIGKILL not sent by lull; app killed by SIGKILL; no process killed"
		has err "^lull: warning: the app was killed by SIGKILL, not sent by lull$"
		expect_count 1 err .
	done
	start_plain "$LULL" "$PROBE"
	wait_for out '^ready'
	kill -KILL "$APP"
	expect_status 137
	expect_count 1 err .
	has err "^lull: warning: the app was killed by SIGKILL, not sent by lull$"
}

@test "a SIGKILL from another process during a shutdown" {
	start_plain "${JSON[@]}" "$PROBE"
	begin_stop
	wait_for out '^got 15'
	kill -KILL "$APP"
	expect_status 137
	holds "$KEYS" \
		'r["ended_by"] == "external_sigkill" and r["stop_signal"] == "SIGTERM"'
}

@test "a SIGKILL by a rewrite is lull's" {
	start_plain "${TEXT[@]}" -r USR1:KILL "$PROBE"
	wait_for out '^ready'
	kill -USR1 "$TARGET"
	expect_status 137
	reads ".*; ended by a signal; app killed by SIGKILL; no process killed"
	start_plain "${TEXT[@]}" -r TERM:KILL "$PROBE"
	begin_stop
	expect_status 137
	reads ".*; ended by a shutdown; app killed by SIGKILL; stop signal SIGTERM; .*"
	has_not err 'not sent by lull'
}

# make_cgroup: sets CGROUP to a memory cgroup below our own or the nearest above that can have one, of either version. LIMIT is
# the file that its limit goes to.
make_cgroup() {
	local place
	if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
		place=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:\([^:]*,\)*memory\(,[^:]*\)*://p' /proc/self/cgroup)
		[ -d "$place" ] || place=/sys/fs/cgroup/memory
		LIMIT=memory.limit_in_bytes
	else
		place=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
		[ -d "$place" ] || place=/sys/fs/cgroup
		until has_memory "$place" || [ "$place" = /sys/fs/cgroup ]; do place=${place%/*}; done
		LIMIT=memory.max
	fi
	CGROUP=$place/lull-test-$$-$BATS_TEST_NUMBER
	mkdir "$CGROUP" || fail "no cgroup can be made in $place"
	[ -e "$CGROUP/$LIMIT" ] || fail "a cgroup made in $place has no $LIMIT"
}

# has_memory DIRECTORY: can a cgroup below it have a limit?
has_memory() {
	grep -qw memory "$1/cgroup.subtree_control" || echo +memory >"$1/cgroup.subtree_control"
} 2>/dev/null

limit_memory() {
	echo "$1" >"$CGROUP/$LIMIT"
	for swap in memory.memsw.limit_in_bytes memory.swap.max; do
		[ ! -e "$CGROUP/$swap" ] || echo "$1" >"$CGROUP/$swap" || true
	done
}

remove_cgroup() {
	[ -z "${CGROUP-}" ] || [ ! -d "$CGROUP" ] || until_true rmdir "$CGROUP"
}

# in_cgroup COMMAND...
in_cgroup() {
	echo $BASHPID >"$CGROUP/cgroup.procs"
	exec "$@"
}

EATER='x = []
while True: x.append(bytearray(1 << 20))'

@test "an out-of-memory kill is shown in the log and in the report" {
	make_cgroup
	limit_memory $((48 << 20))
	export -f in_cgroup
	export CGROUP
	start bash -c 'in_cgroup "$@"' - "${TEXT[@]}" python3 -c "$EATER"
	expect_status 137
	reads ".*; exit 137; .*; ended by a SIGKILL not sent by lull, probably out of memory; oom_kill 1; app killed by SIGKILL; no process killed"
	has err "^lull: warning: the app was killed by SIGKILL, not sent by lull; probably out of memory \(cgroup oom_kill=1\)$"
	expect_count 1 err .
	# The shell stays: its child is killed, and its exit status shows that.
	start bash -c 'in_cgroup "$@"' - "${JSON[@]}" sh -c 'python3 -c "$0"; exit' "$EATER"
	expect_status 137
	holds "$KEYS" \
		'r["ended_by"] == "self" and r["app_status"] == 137 and r["oom_kill"] == 2'
}

@test "an out-of-memory kill in a container, whose mount starts at its own cgroup" {
	make_cgroup
	limit_memory $((48 << 20))
	local mount=/sys/fs/cgroup
	[ ! -d /sys/fs/cgroup/memory ] || mount=/sys/fs/cgroup/memory
	export -f in_cgroup
	export CGROUP
	start bash -c 'in_cgroup unshare -m "$@"' - bash -c 'mount --bind "$CGROUP" "$0" && exec "$@"' $mount \
		"${TEXT[@]}" python3 -c "$EATER"
	expect_status 137
	reads ".*; ended by a SIGKILL not sent by lull, probably out of memory; oom_kill 1; app killed by SIGKILL; no process killed"
}

# with_cgroup VERSION EVENTS LIST LULL ARG...: with these contents of the files; PLACE is our place in the hierarchy.
with_cgroup() {
	mkdir -p "tree$PLACE"
	cat >"tree$PLACE/$1" <<<"$2"
	cat >list <<<"$3"
	mount --bind tree "$MOUNT" && mount --bind list "/proc/$$/cgroup" && exec "${@:4}"
}

KILL_SELF='kill -KILL $$'

@test "cgroup v2 and v1: the files with the count" {
	export -f with_cgroup
	export MOUNT=/sys/fs/cgroup PLACE
	local v2=$'low 0\nhigh 4\nmax 9\noom 3\noom_kill 12\noom_group_kill 7' v1=$'oom_kill_disable 5\nunder_oom 0\noom_kill 12'
	local PLACE
	say_kills() {
		rm -rf tree list
		start unshare -m bash -c 'with_cgroup "$@"' - "$@" "${TEXT[@]}" sh -c "$KILL_SELF"
		expect_status 137
	}
	for PLACE in /a/b /docker-7.scope /; do
		say_kills memory.events "$v2" "0::$PLACE"
		reads ".*; ended by a SIGKILL not sent by lull, probably out of memory; oom_kill 12; .*"
		say_kills memory.events "$v2" "0::/../../elsewhere"
		[ $PLACE = / ] || reads ".*; ended by a SIGKILL not sent by lull; app killed .*"
		[ $PLACE != / ] || reads ".*; oom_kill 12; .*"
		say_kills memory.events "${v2/oom_kill 12/oom_kill 0}" "0::$PLACE"
		reads ".*; ended by a SIGKILL not sent by lull; app killed .*"
	done
	for PLACE in /memory/a/b /memory; do
		say_kills memory.oom_control "$v1" $'5:cpu:/x\n4:memory:'"${PLACE#/memory}"$'\n1:name=systemd:/x\n0::/x'
		reads ".*; ended by a SIGKILL not sent by lull, probably out of memory; oom_kill 12; .*"
	done
	PLACE=/nothing
	say_kills memory.events "$v2" "0::/x"
	reads ".*; ended by a SIGKILL not sent by lull; app killed .*"
}

# --- Errors at start

@test "a command that cannot be executed is reported, with the reason" {
	start "${TEXT[@]}" no-such-command
	expect_status 127
	reads "lull: $DATE; exit 127; error cannot execute \"no-such-command\": not found in PATH, .*"
	start "${JSON[@]}" /
	expect_status 126
	holds "time exit error" 'r["exit"] == 126 and r["error"] == "cannot execute \"/\": it is a directory"'
	echo '#!/no/such/interpreter' >script
	chmod +x script
	start "${TEXT[@]}" ./script
	expect_status 127
	reads "lull: $DATE; exit 127; error cannot execute \"./script\": .*/no/such/interpreter.*"
}

@test "a process that cannot be created is reported" {
	for_all_users
	start setpriv --reuid 4243 --regid 4243 --clear-groups bash -c 'ulimit -u 1; exec "$@"' - "${TEXT[@]}" true
	expect_status 125
	reads "lull: $DATE; exit 125; error cannot create a process: .*"
}

@test "invalid options are reported, once the report is known" {
	LULL_DELAY=soon start "${TEXT[@]}" true
	expect_status 125
	reads "lull: $DATE; exit 125; error LULL_DELAY \"soon\": invalid time; .*"
	LULL_DELAY=soon LULL_REPORT=$REPORT LULL_LOG_FORMAT=json start "$LULL" true
	expect_status 125
	holds "time exit error" 'r["exit"] == 125 and r["error"].startswith("LULL_DELAY \"soon\": invalid time")'
	LULL_REPORT=$REPORT start "$LULL" --explain --delay soon
	expect_status 125
	"${TEXT[@]}" --explain >/dev/null
	"${TEXT[@]}" --help >/dev/null
	"${TEXT[@]}" --version >/dev/null
	[ ! -e report ]
}

@test "an error of any length and any bytes is one whole line" {
	local name
	name=$(printf '%1000s' '')
	# In JSON each byte of the name becomes six: with one more byte before them, the line is cut at another place.
	for before in . .. ... .... ..... ......; do
		start "${JSON[@]}" "$before/${name// /$'\x01'}"
		finish
		[ "$(wc -c <report)" -ge 4090 ]
		holds "time exit error" \
			"r['error'].startswith('cannot execute \"$before/\x01\x01') and r['error'].endswith('\x01')"
	done
	name=$(printf '%5000s' '')
	start "${TEXT[@]}" "${name// /a}"
	finish
	reads "lull: $DATE; exit 127; error cannot execute \"a{1024}\": .*"
}

# --- The file

@test "reports are appended" {
	echo before >report
	chmod 640 report
	local i
	for i in 3 4; do
		start "${TEXT[@]}" sh -c "exit $i"
		expect_status $i
	done
	[ "$(sed 's/.*; exit \([0-9]\);.*/\1/' report | xargs)" = "before 3 4" ]
	[ "$(stat -c %a report)" = 640 ]
}

@test "a missing file is created when lull starts" {
	start_plain bash -c 'umask 027; exec "$@"' - "${TEXT[@]}" "$PROBE" exit=15:0
	wait_for out '^ready'
	[ -e report ] && [ ! -s report ] && [ "$(stat -c %a report)" = 640 ]
	begin_stop
	expect_status 0
	reads '.*; ended by a shutdown; .*'
}

@test "from the variable, which the app does not get" {
	LULL_REPORT=$REPORT start "$LULL" sh -c 'exit ${LULL_REPORT+1}3'
	expect_status 3
	reads '.*; exit 3; .*'
}

@test "a relative path is an error" {
	start "$LULL" --report report true
	expect_status 125
	has err '^lull: --report "report": not an absolute path; use one that begins with /$'
	LULL_REPORT=./report start "$LULL" true
	expect_status 125
	has err '^lull: LULL_REPORT "./report": not an absolute path; use one that begins with /$'
	[ ! -e report ]
}

# no_report COUNT PATH REASON [LULL...]: the app runs, and lull logs COUNT warnings: one at the start if COUNT is 2, and one
# with the reason when it exits.
no_report() {
	start "${@:4}" "$LULL" --report "$2" sh -c 'echo ran; exit 7'
	expect_status 7
	has out '^ran$'
	expect_count $(($1 - 1)) err "^lull: warning: cannot open report file \"$2\": $3; lull tries again when it exits\$"
	expect_count 1 err "^lull: warning: report not written to \"$2\": $3\$"
	expect_count "$1" err .
}

@test "the app runs although the report cannot be written: directory, read-only, missing, full, FIFO, socket" {
	mkdir directory
	no_report 2 "$PWD/directory" 'Is a directory'
	no_report 2 "$PWD/missing/report" 'No such file or directory'
	no_report 2 /proc/version/report 'Not a directory'
	no_report 1 /dev/full 'No space left on device'
	mkfifo unread
	no_report 1 "$PWD/unread" 'No such device or address'
	mkdir read-only
	no_report 2 "$PWD/read-only/report" 'Read-only file system' \
		unshare -m sh -c 'mount -t tmpfs -o ro none "$0" && exec "$@"' "$PWD/read-only"
	chmod 755 . "$BATS_RUN_TMPDIR"
	touch mine
	chmod 600 mine
	no_report 2 "$PWD/mine" 'Permission denied' setpriv --reuid 65534 --regid 65534 --clear-groups
	make_full_pipe
	no_report 1 "$PIPE" 'Resource temporarily unavailable'
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
	no_report 2 "$PWD/socket" 'No such device or address'
}

@test "a FIFO with a reader gets the line, and lull exits without one" {
	mkfifo fifo
	exec 8<>fifo
	start "$LULL" --report "$PWD/fifo" true
	expect_status 0
	read -r line <&8
	[[ $line = 'lull: '*'; ended by itself; '* ]]
	start_plain "$LULL" --report "$PWD/fifo" "$PROBE" exit=15:0
	exec 8<&-
	begin_stop
	expect_status 0
	expect_count 1 err 'warning: report not written to .*: No such device or address$'
}

@test "closed standard descriptors stay closed for the app; the report is written" {
	start bash -c 'exec 0<&- 1>&- 2>&-; exec "$@"' - "${TEXT[@]}" bash -c 'exec 3>>mine; [ ! -e /proc/self/fd/2 ] && exit 5'
	expect_status 5
	reads '.*; exit 5; .*'
	start bash -c 'exec 2>&-; exec "$@"' - "$LULL" --report /dev/full sh -c 'exit 5'
	expect_status 5
}

@test "the report and the log may be one file" {
	start bash -c 'exec "$@" 2>>report' - "${TEXT[@]}" -t 100ms "$PROBE"
	until_true is_lull "$JOB"
	begin_stop
	expect_status 137
	expect_count 1 report '^lull: stopping: SIGTERM'
	expect_count 1 report '^lull: stopped in '
	expect_count 1 report "^lull: $DATE; exit 137; .*probe \([a-z]+\)$"
	expect_count 4 report .
}

@test "a descriptor that lull closes gets a warning at the start; /dev/stderr does not" {
	local path
	for path in /dev/stdout /dev/fd/1 /proc/self/fd/1; do
		start_plain "$LULL" --report "$path" "$PROBE" exit=15:0
		wait_for out '^ready'
		has err "^lull: warning: no report can be written to \"$path\": lull closes this descriptor when the app starts; use /dev/stderr\$"
		kill -TERM "$TARGET"
		expect_status 0
	done
	start_init "$LULL" --report /proc/1/fd/1 "$PROBE" exit=15:0
	begin_stop
	expect_status 0
	has err 'lull closes this descriptor'
	start_plain "$LULL" --report /dev/stderr "$PROBE" exit=15:0
	begin_stop
	expect_status 0
	has_not err warning
}
