#!/usr/bin/env bats
# What the built program is, and how little it needs: its memory, and where it is started with almost nothing.

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

# .data.rel.ro would be those of a program that is position independent, which could be written to here.
@test "no table of lull's can be written to: nothing of its own is in a writable segment" {
	if nm -S "${LULL%/*}"/*.o | grep -E ' [bBdDcC] [^.]*$'; then return 1; fi
	[ "$(cat "${LULL%/*}"/*.o | wc -c)" -gt 0 ]
	if readelf -SW "${LULL%/*}"/*.o | grep -E ' \.data\.rel'; then return 1; fi
}

# --- The process

# maps PID: address, rights and name of each mapping.
maps() {
	awk '{ print $1, $2, $6 }' "/proc/$1/maps"
}

@test "running and during a stop: no mapping can be written and executed, the file is all that is code" {
	for start in start_plain start_init; do
		$start unshare --net "$LULL" -d 60s --ready-on 8080 --listens 80 --pre-stop /bin/true "$PROBE" exit=10:0
		maps_are_right "$TARGET"
		begin_stop
		wait_for err 'stop: SIG'
		maps_are_right "$TARGET"
		kill -USR1 "$TARGET"
		expect_status 0
	done
}

maps_are_right() {
	maps "$1" >maps
	grep -q ' rw-p \[stack\]$' maps
	grep -q " r-xp $(readlink -f "$LULL")\$" maps
	[ "$(grep -c ' ..x' maps)" -ge 1 ]
	if grep ' .wx' maps; then return 1; fi
	if grep -F '[heap]' maps; then return 1; fi
	if grep ' ..x' maps | grep -vE " r-xp $(readlink -f "$LULL")\$| \[vdso\]\$| \[vsyscall\]\$"; then return 1; fi
}
