#!/usr/bin/env bats
# lull.1, EXIT STATUS (126 and 127): why a command cannot be executed, if the user or the machine is the reason.

# An inner shell expands the variables.
# shellcheck disable=SC2016

load lib

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	chmod 755 .
}

# rejected STATUS REASON COMMAND...: the error of lull as a user that owns no file.
rejected() {
	local status=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$LULL" "${@:3}" 2>err || status=$?
	[ "$status" -eq "$1" ] || fail "status $status, not $1"
	has err "^lull: cannot execute \".*\": $2\$"
}

@test "no permission to search a parent directory, or to execute the file" {
	mkdir -m 700 closed
	cp "$(type -P true)" closed/true
	cp "$(type -P true)" mine
	chmod 700 mine
	rejected 126 'permission denied on a parent directory .needs x.' ./closed/true
	rejected 126 'this user has no permission to execute it or its interpreter' ./mine
}

@test "a program for an architecture that lull has no name for" {
	printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x34\x12%064d' 0 >program
	chmod 755 program
	rejected 126 'it was built for another machine, and this machine is .*' ./program
}

@test "blanks before the interpreter of a script, and none at all" {
	printf '#! \t /no/such interpreter\n' >script
	printf '#!\n' >empty
	chmod 755 script empty
	rejected 127 'the file exists, but its interpreter "/no/such" does not' ./script
	rejected 126 'its #! line names no interpreter' ./empty
}

@test "with stdin and stdout closed" {
	start bash -c 'closing "$@"' - 01 "$LULL" /nonexistent
	expect_status 127
	has err '^lull: cannot execute "/nonexistent": no such file$'
}
