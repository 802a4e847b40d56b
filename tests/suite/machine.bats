#!/usr/bin/env bats
# The invariants of tests/machine/witness.c are those of docs/design.md.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
}

@test "machine: the invariants have the same names and numbers in the code and in docs/design.md" {
	names=$(sed -n 's/^\t\[[A-Z_]*\] = "\(.*\)",$/\1/p' tests/machine/witness.c)
	documented=$(sed -n '/^## Invariants/,/^## The endpoint/s/^[0-9]*\. \*\*\([^*]*\)\*\*.*/\1/p' docs/design.md)
	numbers=$(sed -n '/^## Invariants/,/^## The endpoint/s/^\([0-9]*\)\. \*\*.*/\1/p' docs/design.md)
	[ "$(wc -l <<<"$names")" -ge 29 ]
	[ "$names" = "$documented" ]
	[ "$numbers" = "$(seq "$(wc -l <<<"$names")")" ]
}
