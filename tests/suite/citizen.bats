#!/usr/bin/env bats
# lull.1, SIGNALS, ENVIRONMENT and CAVEATS: what the app inherits, and that lull does not change what it shares with other
# processes: descriptors, the flags of stderr, stdout.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

load lib

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	end_jobs
}

# --- What the app inherits

# seen COMMAND...: prints the state of a probe that the command starts, without what has to differ.
seen() {
	start "$@" "$PROBE" state exit=15:0
	wait_for out '^ready'
	grep -vE '^(pid|ready) ' out
	kill -TERM "$JOB"
	wait "$JOB" || true
}

@test "the app inherits the mask, the ignored signals, the directory and the descriptors that lull was started with" {
	local given=(env --default-signal --block-signal="USR1,40" --ignore-signal="HUP,CHLD,41" LISTEN_FDS=2)
	exec 8</dev/null 9>>file
	seen "${given[@]}" >without
	seen "${given[@]}" "$LULL" >with
	grep -qE '^SigBlk:.*8000000200$' without
	# 32 and 33 may be ignored as well, if posix_spawn(3) started the tests.
	grep -qE '^SigIgn:.*010[01][08]0010001$' without
	grep -qE '^fds 0 1 2 .*8 9' without
	grep -qE "^cwd $BATS_TEST_TMPDIR$" without
	diff without with
	seen env --default-signal >without
	seen env --default-signal "$LULL" >with
	diff without with
}

@test "the app leads a process group of its own" {
	for start in start_plain start_init; do
		$start "$LULL" "$PROBE" state exit=15:0
		begin_stop
		expect_status 0
		local pid group
		read -r _ pid _ _ _ group _ <<<"$(grep '^pid' out)"
		[ "$pid" = "$group" ]
	done
}

@test "SIGCHLD ignored at start: lull gets the status, nothing hangs, orphans are reaped" {
	for start in start_plain start_init; do
		$start env --ignore-signal=CHLD "$LULL" -v sh -c '(true &); exec "$0" exit=1:7' "$PROBE"
		wait_for out '^ready'
		wait_for err 'reaped orphan'
		kill -HUP "$TARGET"
		expect_status 7
	done
}

@test "LISTEN_PID with lull's PID becomes the app's, and LISTEN_PIDFDID is removed" {
	start_plain sh -c 'LISTEN_PIDFDID=12 LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"' - "$LULL" "$PROBE" state exit=15:0
	begin_stop
	expect_status 0
	has out "^env LISTEN_PID=$APP$"
	has out '^env LISTEN_FDS=1$'
	has_not out LISTEN_PIDFDID
	start_init env LISTEN_PID=1 LISTEN_PIDFDID=12 LISTEN_FDS=1 "$LULL" "$PROBE" state exit=15:0
	begin_stop
	expect_status 0
	has out "^env LISTEN_PID=$(sed -n 's/^ready //p' out)$"
	has_not out LISTEN_PIDFDID
}

@test "LISTEN_PID with another PID stays" {
	start_plain env LISTEN_PID=1 LISTEN_PIDFDID=12 LISTEN_FDS=1 "$LULL" "$PROBE" state exit=15:0
	begin_stop
	expect_status 0
	has out '^env LISTEN_PID=1$'
	has out '^env LISTEN_PIDFDID=12$'
}

@test "lull's own variables are removed from the app's environment, and no others" {
	start_plain unshare --net env LULL_DELAY=0 LULL_TIMEOUT=9s LULL_STOP_SIGNAL=TERM LULL_LINGER=1 LULL_REWRITE=HUP:HUP LULL_GROUP=no \
		LULL_PARENT_DEATH=TERM LULL_SUCCESS_EXIT=3 LULL_STOPPED_OK= LULL_VERBOSE=0 LULL_QUIET=0 LULL_WARN_REAP=off \
		LULL_READY_ON=8080 LULL_LISTENS=80 LULL_PRE_STOP=/bin/true LULL_DRAIN_FILE="$BATS_TEST_TMPDIR/drain" \
		LULL_REPORT=/dev/null LULL_LOG_FORMAT=text \
		LULL_TIMEOUTS=5 LULL_SERVICE_HOST=10.0.0.1 LULL_PORT=tcp://10.0.0.1:80 LULL_PORT_80_TCP=tcp://10.0.0.1:80 \
		"$LULL" "$PROBE" state exit=15:0
	begin_stop
	expect_status 0
	expect_count 4 out '^env LULL_'
	expect_count 1 out '^env LULL_TIMEOUTS=5$'
	expect_count 1 err 'warning'
	has err '^lull: warning: unknown variable LULL_TIMEOUTS ignored; did you mean LULL_TIMEOUT\?$'
	start_plain env LULL_GRACE=9s "$LULL" "$PROBE" state exit=15:0
	begin_stop
	expect_status 0
	has_not out '^env LULL_'
	start_plain env LULL_PLAN=TERM/9s/KILL "$LULL" "$PROBE" state exit=15:0
	begin_stop
	expect_status 0
	has_not out '^env LULL_'
}

# --- What lull keeps

fds_of() {
	find "/proc/$1/fd" -mindepth 1 -printf '%f\n' | sort -n | xargs
}

holds_only() {
	[ "$(fds_of "$1")" = "$2" ]
}

@test "lull holds no descriptor but stderr, nor its directory" {
	exec 8</dev/null 9>>file
	for start in start_plain start_init; do
		$start "$LULL" "$PROBE" exit=15:0
		until_true holds_only "$TARGET" 2
		until_true [ "$(readlink "/proc/$TARGET/cwd")" = / ]
		[[ " $(fds_of "$APP") " == *" 0 1 2 "*"8 9 "* ]]
		[ "$(readlink "/proc/$APP/cwd")" = "$BATS_TEST_TMPDIR" ]
		begin_stop
		expect_status 0
		wait_for err 'stopped in'
	done
}

@test "10 000 inherited descriptors are the app's, and not lull's" {
	start_plain bash -c 'ulimit -n 20000; for fd in {10..10009}; do eval "exec $fd</dev/null"; done; exec "$@"' - \
		"$LULL" "$PROBE" exit=15:0
	wait_for out '^ready'
	until_true holds_only "$TARGET" 2
	[ "$(fds_of "$APP" | wc -w)" -ge 10003 ]
	begin_stop
	expect_status 0
}

@test "a reader of the app's stdout sees its end while lull runs" {
	mkfifo pipe
	cat <pipe >received 3>&- &
	local reader=$!
	start_plain bash -c 'exec "$@" >pipe' - "$LULL" sh -c 'echo last; exec >&-; sleep 1000; exit'
	wait "$reader"
	[ "$(cat received)" = last ]
	is_lull "$TARGET"
	kill -TERM "$TARGET"
	finish
}

@test "no heap, and idle no wake-ups: neither running nor during a delay" {
	start_plain "$LULL" "$PROBE" exit=15:0
	wait_for out '^ready'
	local running=$JOB
	start_plain "$LULL" -d 60s "$PROBE" exit=1:0
	begin_stop
	wait_for err 'stopping: SIG'
	until_true is_waiting "$TARGET"
	until_true is_waiting "$running"
	local before
	before=$(switches "$running" "$TARGET")
	# There is no event to wait for, so the test waits for a time.
	sleep 2
	[ "$(switches "$running" "$TARGET")" = "$before" ]
	if grep -F '[heap]' "/proc/$running/maps" "/proc/$TARGET/maps"; then return 1; fi
	kill -HUP "$TARGET"
	expect_status 0
	kill -TERM "$running"
	wait "$running"
}

switches() {
	grep -h ctxt_switches "/proc/$1/status" "/proc/$2/status"
}

@test "not PID 1: lull becomes a subreaper, without a warning" {
	start_plain "$LULL" "$PROBE" orphan exit=15:0
	until_count 2 out '^ready'
	local orphan
	orphan=$(sed -n 's/^ready //p' out | grep -vx "$APP")
	[ "$(ps -o ppid= -p "$orphan" | tr -d ' ')" = "$TARGET" ]
	has_not err .
	kill -TERM "$TARGET"
	expect_status 0
}

@test "--parent-death: lull gets the signal when its parent dies, and forwards it" {
	: >out
	sh -c '"$@" & echo "$!" >pid; wait' - "$LULL" -p USR1 "$PROBE" exit=10:0 >>out 2>>err 3>&- &
	local parent=$!
	wait_for out '^ready'
	kill -KILL "$parent"
	wait_for out '^got 10'
	until_true is_gone "$(cat pid)"
	run wait "$parent"
	came out 10
}

@test "--parent-death: a stop signal starts the shutdown with its delay" {
	: >out
	sh -c '"$@" & echo "$!" >pid; wait' - "$LULL" -p TERM -d 1h "$PROBE" exit=15:0 >>out 2>>err 3>&- &
	wait_for out '^ready'
	kill -KILL "$!"
	wait_for err 'stopping: SIGTERM .* to the app in 3600 s'
	TARGET=$(cat pid)
	"$SEND" "$TARGET" 40 5
	wait_for out '^got 40'
	has_not out '^got 15'
	kill -KILL "$(sed -n 's/^ready //p' out)"
	until_true is_gone "$TARGET"
}

# make_traced: makes a program that is traced by its parent (PTRACE_TRACEME), and stops at a signal and at an exec.
make_traced() {
	cat >traced <<-'END'
		import ctypes, os, signal, sys
		signal.signal(signal.SIGUSR1, signal.SIG_IGN)
		ctypes.CDLL(None).ptrace(0, 0, 0, 0)
		os.kill(os.getpid(), signal.SIGUSR1)
		ctypes.CDLL(None).ptrace(0, 0, 0, 0)
		os.execv("/bin/sh", ["sh", "-c", "echo traced $1; exit 7", "-", sys.argv[1]])
	END
}

@test "an app or orphan that is traced by its parent is continued" {
	make_traced
	for start in start_plain start_init; do
		$start "$LULL" -t 1s python3 traced app
		expect_status 7
		has out '^traced app$'
		$start "$LULL" -t 1s sh -c '(python3 traced orphan &); exec "$0" exit=15:0' "$PROBE"
		wait_for out '^traced orphan$'
		begin_stop
		expect_status 0
	done
}

# The thread that starts lull ends once the app runs; "ended" comes after that.
STARTED_BY_THREAD='
import subprocess, sys, threading
def start():
    children.append(subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True))
    print(children[0].pid, children[0].stdout.readline(), flush=True)
children = []
thread = threading.Thread(target=start)
thread.start()
thread.join()
print("ended", flush=True)
for line in children[0].stdout:
    print(line, end="", flush=True)
'

@test "--parent-death: no signal if only a thread of the parent exits" {
	start python3 -c "$STARTED_BY_THREAD" "$LULL" -p USR1 "$PROBE" exit=15:0
	wait_for out '^ended'
	TARGET=$(sed -n 's/^\([0-9]*\) ready.*/\1/p' out)
	"$SEND" "$TARGET" 40 5
	wait_for out '^got 40'
	came out 40
	kill -TERM "$TARGET"
	expect_status 0
}

# The first one is the shell's.
has_asked_for_parent() {
	awk '/SUBREAPER/ { seen = 1 } seen && /getppid/ { found = 1 } END { exit !found }' trace 2>/dev/null
}

@test "--parent-death: a parent that dies before lull has requested the signal" {
	strace -f -o trace -e trace=prctl,getppid -e inject=prctl:delay_enter=3000000:when=2 \
		sh -c 'echo $$ >parent; "$@"; true' - "$LULL" -v -p USR1 sleep 1000 >out 2>err 3>&- &
	until_true has_asked_for_parent
	kill -KILL "$(cat parent)"
	wait_for err 'reaped app .*: killed by SIGUSR1$'
}

# --- What lull writes

@test "stdout is the app's alone" {
	for start in start_plain start_init; do
		$start "$LULL" -v -w -t 200ms sh -c '(sleep 1000 &) ; trap "" TERM; (true &); while :; do sleep 1000; done'
		wait_for err 'reaped orphan'
		kill -TERM "$TARGET"
		finish
		has err 'SIGKILL'
		has_not out .
	done
	"$LULL" no-such-command >out 2>/dev/null || true
	"$LULL" --no-such-option >>out 2>/dev/null || true
	LULL_DELAYS=1 "$LULL" true >>out 2>/dev/null
	has_not out .
}

@test "stdin, stdout and stderr closed, in any combination" {
	local closed
	for closed in none 0 1 2 01 02 12 012; do
		for start in start_plain start_init; do
			$start bash -c 'closing "$@"' - $closed "$LULL" -l 200ms \
				sh -c 'trap "exit 7" TERM; (true &); echo ready >&9; sleep 1000 & wait' 9>>"$BATS_TEST_TMPDIR/ready"
			until_true has_count 1 ready .
			[[ $closed = *0* ]] || [ -e "/proc/$APP/fd/0" ]
			[[ $closed = *2* ]] || until_true holds_only "$TARGET" 2
			[[ $closed != *2* ]] || until_true holds_only "$TARGET" ""
			kill -TERM "$TARGET"
			expect_status 7
			rm ready
		done
	done
}

@test "stderr closed: lull writes to no other descriptor 2" {
	# What the app opens becomes its own descriptor 2, not lull's.
	start_plain bash -c 'closing "$@"' - 2 "$LULL" -v bash -c 'exec 2>>mine; exec "$0" exit=15:0' "$PROBE"
	wait_for out '^ready'
	kill -HUP "$TARGET"
	wait_for out '^got 1 '
	begin_stop
	expect_status 0
	has_not mine .
	has_not err .
}

flags_of_stderr() {
	sed -n 's/^flags:\s*//p' "/proc/$1/fdinfo/2"
}

# flags_are_left FILE: lull changes no flag of its stderr when it writes to it, or tries to.
flags_are_left() {
	start_plain bash -c 'with_stderr "$@"' - "$1" "$LULL" -v "$PROBE" exit=15:5
	wait_for out '^ready'
	local before
	before=$(flags_of_stderr "$APP")
	kill -HUP "$TARGET"
	wait_for out '^got 1 '
	[ "$(flags_of_stderr "$APP")" = "$before" ]
	[ $((0$before & 04000)) -eq 0 ]
	kill -TERM "$TARGET"
	expect_status 5
}

@test "the flags of stderr are left alone: a file, a pipe, a full one, /dev/null, /dev/full" {
	flags_are_left "$BATS_TEST_TMPDIR/file"
	has file '^lull: received SIGHUP from'
	mkfifo empty
	exec 8<>empty
	flags_are_left empty
	dd if=empty of=logged bs=65536 count=1 iflag=nonblock status=none
	has logged '^lull: received SIGHUP from'
	make_full_pipe
	flags_are_left "$PIPE"
	flags_are_left /dev/null
	flags_are_left /dev/full
}

@test "stderr a file opened for appending: lines of others are kept" {
	echo before >file
	start_plain bash -c 'exec "$@" 2>>file' - "$LULL" sh -c 'echo app >&2; exec "$0" exit=15:0' "$PROBE"
	begin_stop
	expect_status 0
	[ "$(sed 's/: .*//' file | xargs)" = "before app lull lull" ]
}

@test "stderr a full pipe: lull does not wait, and counts the dropped lines later" {
	make_full_pipe
	start_plain bash -c 'with_stderr "$@"' - "$PIPE" "$LULL" -v "$PROBE" exit=15:0
	lose_four_lines
	expect_count 1 logged '^lull: warning: 4 log lines dropped: writing them would have blocked$'
	expect_count 1 logged '^lull: received SIGWINCH from'
	kill -TERM "$TARGET"
	expect_status 0
}

# The first socket is read; the second is full, and not read.
SOCKET='
use Socket;
socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, 0) or die;
if (shift eq "full") { $theirs->blocking(0); 1 while defined syswrite($theirs, "x" x 4096); $theirs->blocking(1); }
if (fork == 0) { open(STDERR, ">&", $theirs); close $ours; close $theirs; exec @ARGV; }
close $theirs;
wait;
exit($? >> 8) if $ENV{UNREAD};
print while <$ours>;
exit($? >> 8);'

@test "stderr a socket, read or full" {
	start perl -MIO::Handle -e "$SOCKET" read "$LULL" -v "$PROBE" exit=1:5
	wait_for out '^ready'
	kill -HUP "$(pgrep -P "$JOB")"
	expect_status 5
	has out '^lull: received SIGHUP from'
	UNREAD=1 start perl -MIO::Handle -e "$SOCKET" full "$LULL" -v -t 300ms "$PROBE"
	wait_for out '^ready'
	TARGET=$(pgrep -P "$JOB")
	begin_stop
	expect_status 137
	expect_ms "$(since "$T0")" 300
}

# --- Denied system calls

CALLS='chdir close_range fcntl fstat getdents64 ioctl pidfd_open pidfd_send_signal pipe2 poll prctl prlimit64
pwritev2 rt_sigqueueinfo setpgid splice waitid'

@test "with a call denied, lull starts, forwards signals and exits with the right status" {
	local call
	for call in $CALLS "$(xargs <<<"$CALLS" | tr ' ' ,)"; do
		for error in EPERM ENOSYS; do
			start_plain "$DENY" $error "$call" "$LULL" -r HUP:0 "$PROBE" exit=15:7
			wait_for out '^ready'
			"$SEND" "$TARGET" 40 5
			wait_for out '^got 40'
			begin_stop
			expect_status 7
			came out 40 15
		done
	done
}

@test "with a call denied, lull stops a group, continues a stopped app, and kills in time" {
	local call
	for call in fstat pidfd_open pidfd_send_signal poll setpgid waitid; do
		for group in "" --group; do
			# shellcheck disable=SC2086
			start_plain "$DENY" EPERM $call "$LULL" $group -t 300ms "$PROBE" fork
			until_count 2 out '^ready'
			child_of "$APP"
			kill -STOP "$APP"
			until_true is_stopped "$APP"
			begin_stop
			wait_for out '^got 15'
			expect_status 137
			expect_ms "$(since "$T0")" 300
			until_true is_gone "$CHILD"
		done
	done
}

@test "with close_range denied, lull closes inherited descriptors one by one" {
	local calls
	exec 8</dev/null 9>>file
	for calls in close_range close_range,getdents64; do
		start_plain "$DENY" ENOSYS "$calls" "$LULL" "$PROBE" exit=15:0
		until_true holds_only "$TARGET" 2
		begin_stop
		expect_status 0
	done
}

@test "with close_range denied, lull also closes descriptors above the limit" {
	start_plain bash -c 'ulimit -n 3000; exec 2000</dev/null 2500</dev/null; ulimit -Sn 256; exec "$@"' - \
		"$DENY" ENOSYS close_range "$LULL" "$PROBE" exit=15:0
	until_true holds_only "$TARGET" 2
	[[ " $(fds_of "$APP") " == *" 2000 2500 "* ]]
	begin_stop
	expect_status 0
}

@test "with the list of /proc denied, lull finds remaining processes" {
	start_plain "$DENY" EPERM getdents64 "$LULL" "$PROBE" orphan exit=1:3 late=15:200
	until_count 2 out '^ready'
	kill -HUP "$TARGET"
	expect_status 3
	came out 1 15 18
	has out '^saved'
}
