#!/usr/bin/env bats
# lull.1, OPTIONS (--drain-file), READINESS (Health check command) and CAVEATS: the drain file, helpers, and lull --ready.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

load lib
bats_require_minimum_version 1.5.0

setup() {
	MARKER=$BATS_TEST_TMPDIR/marker
}

# A volume that a failed test leaves frozen would block lull without end.
teardown() {
	[ ! -e /proc/self/fd/8 ] || nsenter --mount=/proc/self/fd/8 fsfreeze -u "$BATS_TEST_TMPDIR/volume" 2>/dev/null || :
	end_jobs
}

# --- The drain file

@test "the drain file exists from the start of the shutdown on, is empty, and stays" {
	for start in start_plain start_init; do
		rm -f "$MARKER"
		$start "$LULL" -d 700ms --drain-file "$MARKER" "$PROBE" times exit=15:0
		wait_for out '^ready'
		[ ! -e "$MARKER" ] || fail "it exists before the stop"
		begin_stop
		until_true test -f "$MARKER"
		has_not out '^got 15'
		expect_status 0
		[ -f "$MARKER" ] && [ ! -s "$MARKER" ] || fail "$(stat "$MARKER")"
	done
}

@test "the drain file from its variable, which the app does not get" {
	start_plain env LULL_DRAIN_FILE="$MARKER" "$LULL" "$PROBE" state exit=15:0
	begin_stop
	expect_status 0
	has_not out '^env LULL_'
	[ -f "$MARKER" ] || fail "it does not exist"
}

@test "no drain file if the app exits by itself" {
	run -0 "$LULL" --drain-file "$MARKER" true
	[ ! -e "$MARKER" ] || fail "it exists"
}

@test "a drain file of an earlier run is removed before the app starts" {
	: >"$MARKER"
	run -0 "$LULL" --drain-file "$MARKER" test ! -e "$MARKER"
}

@test "a drain file that the app has created stays" {
	start_plain "$LULL" --drain-file "$MARKER" sh -c 'echo mine >"$0"; exec "$1" exit=15:0' "$MARKER" "$PROBE"
	begin_stop
	expect_status 0
	[ "$(cat "$MARKER")" = mine ] || fail "it was changed"
	has_not err warning
}

# rejected_file PATH REASON: an error with the flag and with the variable, before the app is started.
rejected_file() {
	run -125 "$LULL" --drain-file "$1" echo started
	[[ $output == "lull: --drain-file \"$1\": "*"$2"* ]] || fail "output: $output"
	LULL_DRAIN_FILE=$1 run -125 "$LULL" echo started
	[[ $output == "lull: LULL_DRAIN_FILE \"$1\": "*"$2"* ]] || fail "output: $output"
}

@test "a path that cannot be a drain file is an error at start, with the option's name" {
	echo precious >"$MARKER"
	rejected_file "$MARKER" 'the path exists and is not an empty regular file; use another path'
	[ "$(cat "$MARKER")" = precious ] || fail "it was changed"
	rejected_file "$BATS_TEST_TMPDIR" 'not an empty regular file'
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	rejected_file "$BATS_TEST_TMPDIR/fifo" 'not an empty regular file'
	: >"$BATS_TEST_TMPDIR/empty"
	ln -s empty "$BATS_TEST_TMPDIR/link"
	rejected_file "$BATS_TEST_TMPDIR/link" 'not an empty regular file'
	rejected_file "$BATS_TEST_TMPDIR/none/marker" 'No such file or directory'
	rejected_file "$MARKER/marker" 'Not a directory'
	# The mode decides where root may write.
	rejected_file /proc/marker 'No such file or directory'
	rejected_file relative 'not an absolute path'
	rejected_file "/$(printf 'x%.0s' {1..300})" ''
}

@test "a drain file in a directory without write permission, or read-only, is rejected" {
	mkdir "$BATS_TEST_TMPDIR/others"
	chmod 755 "$BATS_TEST_TMPDIR/others"
	run -125 setpriv --reuid 65534 --regid 65534 --clear-groups "$LULL" --drain-file "$BATS_TEST_TMPDIR/others/marker" true
	[[ $output == *": cannot create the file: Permission denied" ]] || fail "output: $output"
	run -125 unshare --mount sh -c 'mount -t tmpfs -o ro none "$0" && exec "$1" --drain-file "$0/marker" true' \
		"$BATS_TEST_TMPDIR/others" "$LULL"
	[[ $output == *": cannot create the file: Read-only file system" ]] || fail "output: $output"
}

@test "a drain file that cannot be created later is a warning, and the shutdown continues" {
	mkdir "$BATS_TEST_TMPDIR/dir"
	start_plain "$LULL" --drain-file "$BATS_TEST_TMPDIR/dir/marker" "$PROBE" exit=15:3
	wait_for out '^ready'
	rmdir "$BATS_TEST_TMPDIR/dir"
	begin_stop
	expect_status 3
	has err 'warning: cannot create drain file .*/dir/marker: No such file or directory; load balancers that check it do not see the shutdown$'
}

@test "a volume that hangs delays neither SIGTERM nor SIGKILL, and lull's exit by a second" {
	local volume=$BATS_TEST_TMPDIR/volume
	for start in start_plain start_init; do
		rm -rf "$volume"
		mkdir "$volume"
		$start "$LULL" -t 2s --drain-file "$volume/marker" --report "$volume/report" "$PROBE" times
		wait_for out '^ready'
		"$HOLD" -o "$volume" >"$BATS_TEST_TMPDIR/hold" 3>&- &
		local holder=$!
		until_true grep -q ready "$BATS_TEST_TMPDIR/hold"
		begin_stop
		until_true is_gone "$APP"
		local killed_ms
		killed_ms=$(since "$T0")
		# When PID 1 exits, the kernel kills lull's helpers, which exit when the volume is thawed.
		[ $start = start_plain ] || kill "$holder"
		expect_status 137
		kill "$holder" 2>/dev/null || true
		[ $(($(got_at 15) - T0)) -lt 1000 ] || fail "SIGTERM after $(($(got_at 15) - T0)) ms"
		[ "$killed_ms" -ge 2000 ] && [ "$killed_ms" -lt 3000 ] || fail "SIGKILL after $killed_ms ms"
		[ $start = start_init ] || has err 'warning: cannot create drain file .*/marker: .* timed out; load balancers that check it do not see the shutdown$'
		[ $start = start_init ] || has err 'warning: report not written to ".*/report": .* timed out$'
	done
}

@test "without a delay the app may get the signal before the drain file exists" {
	cd "$BATS_TEST_TMPDIR"
	truncate -s 16M disk
	mkfs.ext4 -q disk
	mkdir volume
	start_plain unshare --mount bash -c 'mount -o loop disk volume && exec "$@"' - \
		"$LULL" --drain-file "$PWD/volume/marker" "$PROBE" exit=1:3
	wait_for out '^ready'
	exec 8<"/proc/$TARGET/ns/mnt"
	nsenter --mount=/proc/self/fd/8 fsfreeze -f "$PWD/volume"
	begin_stop
	wait_for out '^got 15'
	nsenter --mount=/proc/self/fd/8 test ! -e "$PWD/volume/marker" || fail "it exists already"
	nsenter --mount=/proc/self/fd/8 fsfreeze -u "$PWD/volume"
	until_true nsenter --mount=/proc/self/fd/8 test -f "$PWD/volume/marker"
	kill -HUP "$TARGET"
	expect_status 3
	has_not err warning
	exec 8<&-
}

@test "lull waits for a helper for one second; the helper writes later, or is killed with PID 1" {
	cd "$BATS_TEST_TMPDIR"
	for start in start_plain start_init; do
		rm -rf volume
		mkdir volume
		$start "$LULL" --report "$PWD/volume/report" "$PROBE" exit=15:7
		wait_for out '^ready'
		"$HOLD" -o volume >hold 3>&- &
		local holder=$!
		until_true grep -q ready hold
		strace -qq -e trace=rt_sigtimedwait -o calls -p "$TARGET" 2>attached 3>&- &
		until_true is_traced
		begin_stop
		expect_status 7
		expect_ms "$(since "$T0")" 1000
		sed '1,/SIGCHLD/d' calls >waits
		grep -q EAGAIN waits && ! grep -vE '\{tv_sec=(0|1, tv_nsec=0)[,}]' waits || fail "$(cat waits)"
		[ ! -s volume/report ] || fail "the helper was not held"
		kill "$holder"
		if [ $start = start_plain ]; then
			until_true grep -q '; exit 7; ' volume/report
		else
			until_true is_gone "$holder"
			[ ! -s volume/report ] || fail "a helper of PID 1 has written"
		fi
	done
}

# --- lull --ready

# ask_inside STATUS [WORD]...: lull --ready in the namespaces of this container exits with STATUS.
ask_inside() {
	local status=$1
	shift
	run "-$status" nsenter --target "$TARGET" --pid --mount "$LULL" --ready "$@"
}

@test "--ready: 0 while the app runs, 1 from the start of the shutdown on, and the process name shows it" {
	start_init "$LULL" -d 60s "$PROBE" exit=1:0
	wait_for out '^ready'
	until_true grep -qx 'lull:ready' "/proc/$TARGET/comm"
	ask_inside 0
	[ -z "$output" ] || fail "output: $output"
	kill -TERM "$TARGET"
	until_true grep -qx 'lull:draining' "/proc/$TARGET/comm"
	ask_inside 1
	[ "$output" = 'lull: not ready: the container is shutting down' ] || fail "output: $output"
	# The result is the output of --ready, so --quiet does not remove it.
	ask_inside 1 --quiet
	[ "$output" = 'lull: not ready: the container is shutting down' ] || fail "output: $output"
	kill -HUP "$TARGET"
	expect_status 0
}

@test "--ready: 0 for an app that runs it immediately" {
	for _ in $(seq 20); do
		run unshare --pid --fork --kill-child --mount-proc "$LULL" -- "$LULL" --ready
		[ "$status" -eq 0 ] || fail "status $status: $output"
	done
}

@test "--ready: 1 once the app has exited, while remaining processes run" {
	start_init "$LULL" --linger 60s sh -c '"$0" exit=1:0 & echo $$; exec "$0" exit=10:0' "$PROBE"
	until_count 2 out '^ready'
	ask_inside 0
	kill -USR1 "$TARGET"
	until_true grep -qx 'lull:ended' "/proc/$TARGET/comm"
	ask_inside 1
	[ "$output" = 'lull: not ready: the container is shutting down' ] || fail "output: $output"
	kill -HUP "$TARGET"
	expect_status 0
}

@test "--ready: 2, and a line, if there is no lull" {
	run -2 unshare --pid --fork --kill-child --mount-proc "$LULL" --ready
	[[ ${lines[-1]} == "lull: no running lull found: "* ]] || fail "output: $output"
	# The last line, because without /proc ASan also prints an error.
	run -2 unshare --pid --fork --kill-child --mount sh -c 'mount -t tmpfs none /proc; exec "$0" --ready echo ran' "$LULL"
	[[ ${lines[-1]} == "lull: no running lull found: "* ]] || fail "output: $output"
}

@test "--ready becomes the command if it would exit 0, with the inherited mask, and only then" {
	start_init "$LULL" -d 60s "$PROBE" exit=1:0
	wait_for out '^ready'
	ask_inside 7 -- sh -c 'grep SigBlk /proc/self/status; echo "$0"; exit 7' word
	[ "$output" = "SigBlk:	0000000000000000
word" ] || fail "output: $output"
	ask_inside 127 no-such-command
	[[ $output == 'lull: cannot execute "no-such-command": '* ]] || fail "output: $output"
	kill -TERM "$TARGET"
	until_true grep -qx 'lull:draining' "/proc/$TARGET/comm"
	ask_inside 1 -- echo ran
	[[ $output != *ran* ]] || fail "output: $output"
	kill -HUP "$TARGET"
	expect_status 0
}

@test "--ready as another user, on a read-only root, for a lull in a compatibility mode" {
	cp "$LULL" "$BATS_TEST_TMPDIR/tini"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/tini"
	LULL_DELAY=60s LULL=$BATS_TEST_TMPDIR/tini start_init "$BATS_TEST_TMPDIR/tini" "$PROBE" exit=1:0
	wait_for out '^ready'
	local as_nobody=(nsenter --target "$TARGET" --pid --mount unshare --mount sh -c
		'mount -o remount,bind,ro / 2>/dev/null; exec "$@"' sh setpriv --reuid 65534 --regid 65534 --clear-groups
		"$LULL" --ready)
	run -0 "${as_nobody[@]}"
	kill -TERM "$TARGET"
	until_true grep -qx 'lull:draining' "/proc/$TARGET/comm"
	run -1 "${as_nobody[@]}"
	kill -HUP "$TARGET"
	expect_status 0
}

@test "--ready under another PID 1: the lull in the same mount namespace" {
	start unshare --pid --fork --kill-child --mount-proc sh -c '"$0" -d 60s "$1" exit=1:0; exit $?' "$LULL" "$PROBE"
	wait_for out '^ready'
	child_of "$JOB"
	TARGET=$CHILD
	ask_inside 0
	child_of "$TARGET"
	kill -TERM "$CHILD"
	wait_for err 'stopping: SIGTERM'
	ask_inside 1
	kill -HUP "$CHILD"
	expect_status 0
}

@test "--ready in a shared PID namespace: each container checks its own lull" {
	# Two "containers" with a mount namespace each, under a PID 1 that is not lull.
	start unshare --pid --fork --kill-child --mount-proc sh -c '
		unshare --mount "$0" -d 60s "$1" exit=1:0 & unshare --mount "$0" -d 60s "$1" exit=1:0 & wait' "$LULL" "$PROBE"
	until_count 2 out '^ready'
	child_of "$JOB"
	local first second
	read -r first second <"/proc/$CHILD/task/$CHILD/children" || true
	TARGET=$first ask_inside 0
	kill -TERM "$first"
	until_true grep -qx 'lull:draining' "/proc/$first/comm"
	TARGET=$first ask_inside 1
	TARGET=$second ask_inside 0
	kill -TERM "$second"
	until_true grep -qx 'lull:draining' "/proc/$second/comm"
	kill -HUP "$first" "$second"
	finish
}

@test "--ready if PID 1 is the lull of another container: its own comes first" {
	start_init "$LULL" -d 60s sh -c 'unshare --mount "$0" -d 60s "$1" exit=1:0 & exec "$1" exit=1:0' "$LULL" "$PROBE"
	until_count 2 out '^ready'
	child_of "$APP"
	local inner=$CHILD
	kill -TERM "$TARGET"
	until_true grep -qx 'lull:draining' "/proc/$TARGET/comm"
	ask_inside 1
	TARGET=$inner ask_inside 0
	kill -HUP "$TARGET"
	end_tree "$JOB"
	finish
}

@test "--ready in a pod with lull --pause: that is not checked; each container checks its own lull" {
	local how first second
	for how in "$LULL --pause" "$BATS_TEST_TMPDIR/catatonit -P"; do
		ln -sf "$LULL" "$BATS_TEST_TMPDIR/catatonit"
		# shellcheck disable=SC2086
		start unshare --pid --fork --kill-child --mount-proc $how
		until_true child_of "$JOB"
		TARGET=$CHILD
		# The change of directory is its last step before it waits.
		until_true eval '[ "$(readlink /proc/$TARGET/cwd)" = / ] && [ /proc/$TARGET/exe -ef "$LULL" ]'
		ask_inside 2
		[[ $output == *'no running lull found'* ]] || fail "output: $output"
		nsenter --target "$TARGET" --pid --mount sh -c '
			unshare --mount "$0" -d 60s "$1" exit=1:0 & unshare --mount "$0" -d 60s "$1" exit=1:0 &' \
			"$LULL" "$PROBE" >>"$BATS_TEST_TMPDIR/out" 3>&-
		until_count 2 out '^ready'
		read -r first second <"/proc/$TARGET/task/$TARGET/children" || true
		ask_inside 2
		kill -TERM "$first"
		until_true grep -qx 'lull:draining' "/proc/$first/comm"
		ask_inside 2
		TARGET=$first ask_inside 1
		TARGET=$second ask_inside 0
		# A container without its lull does not check the pause.
		kill -HUP "$second"
		until_true is_gone "$second"
		run -2 nsenter --target "$TARGET" --pid --mount unshare --mount "$LULL" --ready
		kill -TERM "$TARGET"
		expect_status 0
	done
}

# listener PORT: a process that listens there, in the network namespace of this container. Sets LISTENER.
listener() {
	nsenter --target "$TARGET" --net python3 -c '
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(1000)' "$1" 3>&- &
	LISTENER=$!
}

listens_inside() {
	nsenter --target "$TARGET" --net --pid --mount "$LULL" --ready "$@"
}

@test "--ready with --listens: 1 while nothing listens there, with lull's flag or its own" {
	start_init unshare --net sh -c 'ip link set lo up; exec "$@"' sh "$LULL" --listens 8080 "$PROBE" exit=1:0
	wait_for out '^ready'
	until_true grep -qx 'lull:on:8080' "/proc/$TARGET/comm"
	run -1 listens_inside
	[ "$output" = 'lull: not ready: nothing listens on port 8080' ] || fail "output: $output"
	listener 8080
	until_true eval "listens_inside 2>/dev/null"
	run -1 listens_inside --listens 8081
	LULL_LISTENS=8081 run -1 listens_inside
	[ "$output" = 'lull: not ready: nothing listens on port 8081' ] || fail "output: $output"
	run -0 listens_inside --listens 8080
	end_tree "$LISTENER"
	until_true eval '! listens_inside 2>/dev/null'
	kill -HUP "$TARGET"
	finish
}
