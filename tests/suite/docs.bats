#!/usr/bin/env bats
# lull.1 lists each option and each variable, and lull accepts its examples. readme.bats tests README.md.

load lib.bash

MANUAL=$ROOT/docs/lull.1

setup() {
	command -v mandoc >/dev/null || fail "mandoc is missing: apt-get install mandoc"
	manual >"$BATS_TEST_TMPDIR/manual"
}

# As displayed, without overstrikes, and wide enough that no line is broken.
manual() {
	mandoc -Tascii -Owidth=500 "$MANUAL" | sed 's/.\x08//g'
}

# section NAME: prints that section of the manual.
section() {
	sed -n "/^$1\$/,/^[A-Z]/p" "$BATS_TEST_TMPDIR/manual"
}

# The table in options.c, of lull under its own name: letters, names and variables.
table() {
	sed -n '/ OPTIONS\[\] = {$/,/^};$/p' "$ROOT/src/options.c"
}

letters() {
	table | sed -n "s/^\t{'\(.\)'.*/-\1/p"
}

names() {
	table | sed -n 's/^\t{.*\.name = "\([^"]*\)".*/--\1/p'
}

variables() {
	table | grep -o '"LULL_[A-Z_]\+"' | tr -d '"' | sort -u
}

# The documents that list them: the manual, and the README if there is one.
readers() {
	echo "$BATS_TEST_TMPDIR/manual"
	[ ! -e "$ROOT/README.md" ] || echo "$ROOT/README.md"
}

# Each line of the input is a word of the file.
each_in() {
	local word
	while read -r word; do
		grep -qE -- "(^|[^A-Za-z0-9_-])$word([^A-Za-z0-9_-]|\$)" "$1" || fail "${1##*/} does not have $word"
	done
}

# Each line of the input is a line of the output of the command.
each_known() {
	local known word
	known=$("$@")
	while read -r word; do
		grep -qxF -- "$word" <<<"$known" || fail "lull knows no $word"
	done
}

@test "the table of options was read" {
	[ "$(names | wc -l)" -ge 17 ] && [ "$(letters | wc -l)" -ge 12 ] && [ "$(variables | wc -l)" -ge 14 ]
}

@test "--help lists each option of the table" {
	"$LULL" --help >"$BATS_TEST_TMPDIR/help"
	names | each_in "$BATS_TEST_TMPDIR/help"
	grep -oE -- '^ +(-., )?--[a-z-]+' "$BATS_TEST_TMPDIR/help" | grep -oE -- '--[a-z-]+' | each_known names
}

@test "the manual has each letter, option and variable where options are explained" {
	section OPTIONS >"$BATS_TEST_TMPDIR/options"
	letters | each_in "$BATS_TEST_TMPDIR/options"
	names | each_in "$BATS_TEST_TMPDIR/options"
	variables | each_in "$BATS_TEST_TMPDIR/options"
}

@test "each option of the manual is under the letter, with the variable, that the table gives it" {
	local letter name variable line
	while read -r letter name variable; do
		line="--${name}"
		[ "$letter" = 0 ] || line="-$letter, $line"
		[ "$variable" = NULL ] || line+="( .*)?, $variable"
		section OPTIONS | grep -qE -- "^ +$line\$" || fail "no entry like: $line"
	done < <(table | tr -d "\"'" | sed -n 's/^\t{\([^,]*\), [^=]*\.name = \([a-z-]*\), \([A-Z_]*\),.*/\1 \2 \3/p')
}

# A line that is about another program may have that one's options.
@test "no option or variable is written that lull does not know" {
	local others='COPY|docker|podman|systemd|unshare|git|apt|make|bats|mandoc|uwsgi|redis|tini|dumb-init'
	local reader
	for reader in $(readers); do
		grep -oE 'LULL_[A-Z_]*[A-Z]' "$reader" | grep -vxE "LULL_DELYA|LULL_SIGNAL|LULL_PID" | sort -u | each_known variables
		grep -vE "$others" "$reader" | grep -oE -- '(^|[^a-zA-Z0-9-])--[a-z][a-z-]+' | grep -oE -- '--.*' | sort -u |
			each_known names
	done
}

@test "mandoc prints no warning" {
	run mandoc -Tlint -W warning "$MANUAL"
	[ "$status" -eq 0 ] && [ -z "$output" ] || fail "$output"
}

# explain WORD...: lull accepts the command line.
explain() {
	"$LULL" --explain "$@" >/dev/null || fail "refused: lull $*"
	echo "$*" >>"$BATS_TEST_TMPDIR/tried"
}

@test "lull takes the examples: command lines" {
	local line
	while read -r line; do
		eval "explain $line"
	done < <(section EXAMPLES | sed -n 's/^ *\$ lull //p')
	[ "$(wc -l <"$BATS_TEST_TMPDIR/tried")" -ge 5 ]
}

@test "lull takes the examples: ENTRYPOINT" {
	local line
	while read -r line; do
		eval "explain $line app"
	done < <(section EXAMPLES | sed -n 's/^ *ENTRYPOINT \["[^"]*lull", *\(.*\)\]/\1/p' | tr , ' ')
	[ -s "$BATS_TEST_TMPDIR/tried" ]
}

# "NAME=value", "NAME: value", and both kinds of {name: NAME, value: value}: together they are one example.
@test "lull takes the examples: variables" {
	local settings
	section EXAMPLES | grep -oE 'LULL_[A-Z_]+("?, "?value"?: "|=|: )[^ ",]+' |
		sed -E 's/("?, "?value"?: "|=|: )/=/' >"$BATS_TEST_TMPDIR/settings"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/settings")" -ge 8 ]
	while mapfile -t -n 2 settings && [ "${#settings[@]}" -eq 2 ]; do
		env "${settings[@]}" "$LULL" --explain >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
		has out '^ +29 s  SIGKILL'
		[ ! -s "$BATS_TEST_TMPDIR/err" ] || fail "${settings[*]}"
	done <"$BATS_TEST_TMPDIR/settings"
}

@test "the manual has lull's default times" {
	section OPTIONS >"$BATS_TEST_TMPDIR/out"
	has out 'The default is 90 seconds'
	has out 'The default is 5 seconds'
	"$LULL" --explain >"$BATS_TEST_TMPDIR/out"
	has out '^ +90 s  SIGKILL'
	has out 'get SIGTERM, and SIGKILL 5 s later'
}
