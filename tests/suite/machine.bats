#!/usr/bin/env bats
# The invariants of tests/machine/witness.c are those of docs/development/testing.md.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
}

@test "machine: the invariants have the same names and numbers in the code and in docs/development/testing.md" {
	names=$(sed -n 's/^\t\[[A-Z_]*\] = "\(.*\)",$/\1/p' tests/machine/witness.c)
	documented=$(sed -n '/^## Invariants/,/^## Fuzzing/s/^[0-9]*\. \*\*\([^*]*\)\*\*.*/\1/p' docs/development/testing.md)
	numbers=$(sed -n '/^## Invariants/,/^## Fuzzing/s/^\([0-9]*\)\. \*\*.*/\1/p' docs/development/testing.md)
	[ "$(wc -l <<<"$names")" -ge 29 ]
	[ "$names" = "$documented" ]
	[ "$numbers" = "$(seq "$(wc -l <<<"$names")")" ]
}
