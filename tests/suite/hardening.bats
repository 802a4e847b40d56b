#!/usr/bin/env bats
# docs/security.md: the program file, its memory, and shutdown with few privileges: without /proc, /dev or capabilities, and
# under a seccomp profile.

load lib

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	end_jobs
}

# --- The file

segments() {
	readelf -lW "$LULL" | sed -n '/^ *Type /,/^$/p'
}

@test "no segment can be written and executed, the stack is not executable" {
	[ "$(segments | grep -c '^ *LOAD ')" -ge 2 ]
	segments | grep -q '^ *LOAD .* R E 0x'
	segments | grep -q '^ *LOAD .* RW  0x'
	if segments | grep -E '^ *[A-Z_]+ .* (RWE|WE| W ) '; then return 1; fi
	segments | grep -q '^ *GNU_STACK .* RW  0x'
}

@test "nothing is loaded but the file itself: no interpreter, no library, no relocation of code" {
	if segments | grep INTERP; then return 1; fi
	if readelf -dW "$LULL" | grep -E 'NEEDED|TEXTREL|RPATH|RUNPATH'; then return 1; fi
}

# A position-independent program would have them in .data.rel.ro, which would be writable here.
@test "no table of lull's is in a writable segment" {
	if nm -S "${LULL%/*}"/*.o | grep -E ' [bBdDcC] [^.]*$'; then return 1; fi
	[ "$(cat "${LULL%/*}"/*.o | wc -c)" -gt 0 ]
	if readelf -SW "${LULL%/*}"/*.o | grep -E ' \.data\.rel'; then return 1; fi
}

# --- The process

# maps PID: prints address, rights and name of each mapping.
maps() {
	awk '{ print $1, $2, $6 }' "/proc/$1/maps"
}

@test "running and during a shutdown: no mapping can be written and executed, only the file is code" {
	for start in start_plain start_init; do
		$start unshare --net "$LULL" -d 60s --ready-on 8080 --listens 80 --pre-stop /bin/true "$PROBE" exit=10:0
		maps_are_right "$TARGET"
		begin_stop
		wait_for err 'stopping: SIG'
		maps_are_right "$TARGET"
		kill -USR1 "$TARGET"
		expect_status 0
	done
}

maps_are_right() {
	maps "$1" >mappings
	grep -q ' rw-p \[stack\]$' mappings
	grep -q " r-xp $(readlink -f "$LULL")\$" mappings
	[ "$(grep -c ' ..x' mappings)" -ge 1 ]
	if grep ' .wx' mappings; then return 1; fi
	if grep -F '[heap]' mappings; then return 1; fi
	if grep ' ..x' mappings | grep -vE " r-xp $(readlink -f "$LULL")\$| \[vdso\]\$| \[vsyscall\]\$"; then return 1; fi
}

# --- Under a seccomp profile of no more than lull's own calls: docs/examples/seccomp-lull.json

PROFILE=$ROOT/docs/examples/seccomp-lull.json
INSIDE=${INSIDE:-$ROOT/build/tests/inside}
GET=$'GET / HTTP/1.1\r\nHost: app\r\n\r\n'

# To be put before a command: any other call kills it. The profile applies to the app as well.
CONFINED=(/usr/bin/python3 "$ROOT/tests/helpers/seccomp" "$PROFILE" KILL)

# is_answered WORD: checks the response of the endpoint, in lull's network namespace.
is_answered() {
	local answer
	answer=$(nsenter --net="/proc/$TARGET/ns/net" "$CLIENT" ask 127.0.0.1 8080 0 <<<"$GET") &&
		[[ $answer == *$'\r\n\r\n'"$1" ]]
}

# asked_ready STATUS: checks the exit status of `lull --ready`, under the profile and in lull's namespaces.
asked_ready() {
	STATUS=0
	nsenter --target "$TARGET" --all "${CONFINED[@]}" "$LULL" --ready 2>>ready || STATUS=$?
	[ "$STATUS" -eq "$1" ]
}

@test "a call that is not in the profile kills" {
	run "${CONFINED[@]}" "$(command -v mkdir)" directory
	[ "$status" -eq $((128 + 31)) ]
	[ ! -e directory ]
}

# The calls in the first column of the table, except those of runc.
@test "docs/security.md has a line for each call of the profile, and for no other" {
	sed -n '/^| call |/,/^$/s/^| \([^|]*\)|.*/\1/p' "$ROOT/docs/security.md" | grep -o '`[a-z0-9_]*`' | tr -d '\`' | sort >told
	python3 - "$PROFILE" <<-'END' | sort >allowed
		import json, sys
		for entry in json.load(open(sys.argv[1]))["syscalls"]:
		    if not entry["comment"].startswith("runc"):
		        print("\n".join(entry["names"]))
	END
	diff told allowed
	[ "$(wc -l <told)" -ge 40 ]
}

# live START COMMAND...: a whole run under the command: endpoint, app that listens, pre-stop program, drain file, a second
# stop signal, remaining processes, SIGKILL, report.
live() {
	rm -f drain report
	"$1" "$CLIENT" up "${@:2}" "$LULL" -v -d 60s -t 300ms --ready-on 8080 --listens 8081 --drain-file "$PWD/drain" \
		--pre-stop "$INSIDE" --report "$PWD/report" "$INSIDE" ignore listen orphan
	until_count 2 out '^ready'
	is_answered starting
	kill -USR2 "$TARGET"
	wait_for out '^listening'
	until_true is_answered ready
	"$SEND" "$TARGET" 40 5
	wait_for out '^got 40'
	begin_stop
	wait_for err '^pre-stop ran'
	until_true is_answered draining
	[ -e drain ]
	until_true is_past $((T0 + 1100))
	kill -TERM "$TARGET"
	wait_for out '^got 15'
	expect_status 137
	has err '^lull: warning: no exit .*, sending SIGKILL to: '
	has report '; killed [0-9o]'
}

@test "under the profile: a whole run, as PID 1 and otherwise" {
	live start_init "${CONFINED[@]}"
	live start_plain "${CONFINED[@]}"
}

@test "under the profile: remaining processes get their signal and their time" {
	for start in start_plain start_init; do
		$start "${CONFINED[@]}" "$LULL" "$INSIDE" orphan
		until_count 2 out '^ready'
		kill -USR1 "$TARGET"
		expect_status 3
		expect_count 1 out '^got 15'
	done
}

@test "under the profile: --ready" {
	start_init "${CONFINED[@]}" "$LULL" -d 60s "$INSIDE" word
	wait_for out '^ready'
	until_true asked_ready 0
	begin_stop
	until_true asked_ready 1
	kill -USR1 "$TARGET"
	expect_status 3
}

@test "under the profile: the reason why a command does not run, as without it" {
	local file
	mkdir directory
	: >plain
	printf '#!/no/such\n' >script
	head -c 100 "$LULL" >damaged
	chmod +x script damaged
	for file in ./none ./directory ./plain ./script ./damaged no-such-command; do
		STATUS=0
		PATH=/bin "$LULL" "$file" 2>without || STATUS=$?
		[ $STATUS -ge 126 ] && [ $STATUS -le 127 ]
		echo $STATUS >>without
		STATUS=0
		PATH=/bin "${CONFINED[@]}" "$LULL" "$file" 2>with || STATUS=$?
		echo $STATUS >>with
		diff without with
	done
}

@test "under the profile: --explain, --help, --version, --pause, and the name dumb-init" {
	local word
	for word in --explain --help --version; do
		run "${CONFINED[@]}" "$LULL" $word
		[ "$status" -eq 0 ] && [ -n "$output" ]
	done
	start unshare --pid --fork --kill-child --mount-proc "${CONFINED[@]}" "$LULL" --pause
	until_true is_pause
	kill -TERM "$TARGET"
	expect_status 0
	ln -s "$LULL" dumb-init
	start_plain "${CONFINED[@]}" "$PWD/dumb-init" "$INSIDE" word
	begin_stop
	finish
	has out '^got 15'
}

is_pause() {
	child_of "$JOB" && TARGET=$CHILD && [ "/proc/$TARGET/exe" -ef "$LULL" ] &&
		[ ! -e "/proc/$TARGET/fd/0" ]
}

@test "under the profile: stderr a terminal, a full pipe, a file; signals to a group" {
	local pty=${PTY:-$ROOT/build/tests/pty}
	"$pty" --pid1 expect:ready signal:10 'expect:reaped app' -- "${CONFINED[@]}" "$LULL" -v "$INSIDE" word || [ $? -eq 3 ]
	make_full_pipe
	start_plain bash -c 'with_stderr "$@"' - "$PIPE" "${CONFINED[@]}" "$LULL" -v --group "$INSIDE" ignore
	lose_four_lines
	expect_count 1 logged '^lull: received SIGWINCH from'
	kill -KILL "$APP"
	expect_status 137
}

# --- With few privileges and files

# be_poor WORD... -- COMMAND...: runs it in a new root with /lull, /inside and a volume /run. Words: user, nocaps, nnp, readonly;
# proc and dev to mount them.
be_poor() {
	local words=" " rights=() identity=()
	while [ "$1" != -- ]; do
		words+="$1 "
		shift
	done
	mkdir -p root/proc root/dev root/run
	cp "$LULL" root/lull
	cp "$INSIDE" root/inside
	chmod 755 . root
	chmod 1777 root/run
	mount --bind root root
	mount --bind root/run root/run
	[[ $words != *" proc "* ]] || mount -t proc proc root/proc
	[[ $words != *" dev "* ]] || mount --bind /dev root/dev
	[[ $words != *" readonly "* ]] || mount -o remount,bind,ro root
	[[ $words != *" nnp "* ]] || rights+=(--no-new-privs)
	[[ $words != *" nocaps "* ]] || rights+=(--inh-caps -all --bounding-set "-all,+sys_chroot,+setuid,+setgid")
	[[ $words != *" user "* ]] || identity=(--userspec 65534:65534 --groups "")
	exec setpriv "${rights[@]}" chroot "${identity[@]}" root "${@:2}"
}
export -f be_poor
export LULL INSIDE

# stop_poorly WORD...: a whole shutdown there, as PID 1 with a network of its own. The app's orphan outlives it, and is killed.
stop_poorly() {
	rm -rf root
	start unshare --pid --fork --kill-child --mount "$CLIENT" up bash -c 'be_poor "$@"' - "$@" -- \
		/lull -v -d 60s -t 300ms --ready-on 8080 --listens 8081 --drain-file /run/drain --report /run/report \
		--pre-stop /inside /inside ignore listen orphan
	until_count 2 out '^ready'
	child_of "$JOB"
	TARGET=$CHILD
	is_answered starting
	kill -USR2 "$TARGET"
	wait_for out '^listening'
	until_true is_answered ready
	[ "$(kept Uid)" = "$([[ " $* " = *" user "* ]] && echo 65534 || echo 0)" ]
	[[ " $* " != *" nnp "* ]] || [ "$(kept NoNewPrivs)" = 1 ]
	[[ " $* " != *" user "* ]] || [ "$(kept CapEff)$(kept CapPrm)" = 00000000000000000000000000000000 ]
	[[ " $* " != *" nocaps "* ]] || [ $((0x$(kept CapBnd) & ~0x400c0)) -eq 0 ]
	[[ " $* " != *" readonly "* ]] || grep -qE ' / ro,' "/proc/$TARGET/mountinfo"
	begin_stop
	wait_for err '^pre-stop ran'
	until_true is_answered draining
	[ -e root/run/drain ]
	until_true is_past $((T0 + 1100))
	kill -TERM "$TARGET"
	wait_for out '^got 15'
	expect_status 137
	grep -qE 'exit 137; .*; stop signal SIGTERM; ' root/run/report
	has err '^lull: stopped in .* app killed by SIGKILL'
}

# kept KEY: prints that line of lull's /proc/PID/status.
kept() {
	awk -v key="$1:" '$1 == key { print $2 }' "/proc/$TARGET/status"
}

@test "a whole shutdown as any user" { stop_poorly proc dev user; }
@test "a whole shutdown without capabilities" { stop_poorly proc dev nocaps; }
@test "a whole shutdown with no-new-privileges" { stop_poorly proc dev nnp; }
@test "a whole shutdown on a read-only root" { stop_poorly proc dev readonly; }
@test "a whole shutdown without /proc" { stop_poorly dev; }
@test "a whole shutdown without /dev" { stop_poorly proc; }
@test "a whole shutdown with none of these" { stop_poorly user nocaps nnp readonly; }

@test "with none of these: remaining processes get their signal and their time" {
	start unshare --pid --fork --kill-child --mount "$CLIENT" up bash -c 'be_poor "$@"' - user nocaps nnp readonly -- \
		/lull -v /inside orphan
	until_count 2 out '^ready'
	child_of "$JOB"
	kill -USR1 "$CHILD"
	expect_status 3
	expect_count 1 out '^got 15'
}

@test "what a read-only root makes impossible is an error, before the app runs" {
	start unshare --pid --fork --kill-child --mount bash -c 'be_poor "$@"' - readonly -- \
		/lull --drain-file /drain /inside word
	expect_status 125
	has err '^lull: --drain-file "/drain": cannot create the file: Read-only file system$'
	has_not out .
}

# --- Under an emulator: the build with AddressSanitizer does not run there

@test "under an emulator vfork is fork: a command that does not run is explained, another one runs" {
	local status=0
	"qemu-$(uname -m)-static" "$LULL" /nonexistent 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[ "$status" -eq 127 ] || fail "status $status, not 127"
	has err '^lull: cannot execute "/nonexistent": no such file$'
	"qemu-$(uname -m)-static" "$LULL" sh -c 'exit 5' || status=$?
	[ "$status" -eq 5 ] || fail "status $status, not 5"
}
