#!/usr/bin/env bats
# --help and lull.1 list each option with its letter, variable and default, README.md lists no other, and lull accepts the examples.

load lib.bash
bats_require_minimum_version 1.5.0

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

# A line for each option of the table: its letter or 0, name, variable or NULL, and default if it has one.
rows() {
	table | tr -s '\n\t ' ' ' | sed 's/}, /},\n/g' |
		sed -nE "s/.*\{'?(.)'?, [^=]*\.name = \"([a-z-]+)\", \"?([A-Z_]+)\"?, (.*)/\1 \2 \3 \4/p" |
		sed -E 's/^(\S+ \S+ \S+) (.*\(default: ([^)]*)\).*|.*)$/\1 \3/; s/ $//'
}

# The same from --help. By its last sentences the options of all groups but the last one have variables.
help_rows() {
	"$LULL" --help | awk '
		function row(name, variable) {
			if (line !~ /^  (-., |    )--/)
				return
			gsub(/ +/, " ", line)
			match(line, /--[a-z-]+/)
			name = substr(line, RSTART + 2, RLENGTH - 2)
			variable = "LULL_" toupper(name)
			gsub(/-/, "_", variable)
			printf "%s %s %s", (line ~ /^ -[^-]/ ? substr(line, 3, 1) : 0), name, (last ? "NULL" : variable)
			print (match(line, /\(default: [^)]*/) ? " " substr(line, RSTART + 10, RLENGTH - 10) : "")
		}
		/^          / { line = line $0; next }
		{ row(); line = $0; last = last || $0 == "Other:" }'
}

# The same without letters, and from those rows of the tables in the README that begin with an option and its variable.
rows_without_letters() {
	rows | cut -d ' ' -f 2-
}

readme_rows() {
	sed -nE 's/^\| `(-., )?--([a-z-]+)[^`]*` \| `(LULL_[A-Z_]+)` \| `?([^`| ]*)`? ?\|.*/\2 \3 \4/p' "$ROOT/README.md" |
		sed -E 's/ (none)?$//'
}

# Those who read it: the manual, and the README where there is one.
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

@test "--help: each option with its letter, variable and default, and no other" {
	[ "$(rows | wc -l)" -eq "$(names | wc -l)" ]
	diff <(rows | sort) <(help_rows | sort) || fail "--help and the table differ"
	"$LULL" --help >"$BATS_TEST_TMPDIR/help"
	has help '^Each option above "Other" has a variable: --stop-signal is LULL_STOP_SIGNAL\.$'
}

@test "--help: groups, examples and the manual, in 80 columns; compatibility modes have these and all variables" {
	"$LULL" --help >"$BATS_TEST_TMPDIR/help"
	[ "$(grep ':$' "$BATS_TEST_TMPDIR/help" | tr '\n' ' ')" = \
		'Shutdown timing: Signals: Draining: Exit status: Logging: Other: Examples: ' ]
	has help '^Manual: man lull$'
	local name
	for name in tini catatonit dumb-init; do
		ln -s "$LULL" "$BATS_TEST_TMPDIR/$name"
		"$BATS_TEST_TMPDIR/$name" -h >"$BATS_TEST_TMPDIR/$name.help" 2>&1
		variables | each_in "$BATS_TEST_TMPDIR/$name.help"
	done
	run ! grep -E '.{81}' "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR"/*.help
}

@test "the defaults are those of the program" {
	local letter name variable default flags=()
	while read -r letter name variable default; do
		[ -z "$default" ] || flags+=("--$name=$default")
	done < <(rows)
	[ "${#flags[@]}" -eq 7 ] || fail "not the 7 defaults that this test knows; change the number: ${flags[*]}"
	diff <("$LULL" --explain) <("$LULL" "${flags[@]}" --explain) || fail "not the defaults: ${flags[*]}"
}

@test "the manual has the default of each option" {
	local letter name variable default unit
	section OPTIONS >"$BATS_TEST_TMPDIR/options"
	while read -r letter name variable default; do
		[ -n "$default" ] || continue
		unit=
		[[ $default != *s ]] || unit='( seconds| ?s)'
		sed -nE "/^ +(-., )?--$name .*, $variable\$/,/^ +(-., )?--.*, LULL_/p" "$BATS_TEST_TMPDIR/options" |
			grep -qE "default(:| is|,) (SIG)?${default%s}$unit([^A-Za-z0-9]|\$)" || fail "--$name: the default is $default"
	done < <(rows)
}

@test "the README has no other options, variables and defaults" {
	[ "$(readme_rows | wc -l)" -ge 8 ] || fail "the README has no table of options"
	readme_rows | each_known rows_without_letters
}

@test "make help has each target" {
	make -s -C "$ROOT" help >"$BATS_TEST_TMPDIR/help"
	sed -n '/^\.PHONY: all/,$p' "$ROOT/Makefile" | tr -s ':\\ \t' '\n' | sed '/^$/d; /PHONY/d' | each_in "$BATS_TEST_TMPDIR/help"
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
	local others='COPY|sha256sum|docker|podman|systemd|unshare|git|apt|make|bats|mandoc|uwsgi|redis|tini|dumb-init'
	local reader
	for reader in $(readers); do
		grep -oE 'LULL_[A-Z_]*[A-Z]' "$reader" | grep -vxE "LULL_DELYA|LULL_SIGNAL|LULL_PID" | sort -u | each_known variables
		grep -vE "$others" "$reader" | grep -oE -- '(^|[^a-zA-Z0-9-])--[a-z][a-z-]+' | grep -oE -- '--.*' | grep -vx -- --dellay | sort -u |
			each_known names
	done
}

@test "mandoc prints no warning" {
	run mandoc -Tlint -W warning "$MANUAL"
	[ "$status" -eq 0 ] && [ -z "$output" ] || fail "$output"
}

# explain WORD...: lull accepts the command line.
explain() {
	"$LULL" --explain "$@" >/dev/null || fail "rejected: lull $*"
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

# shape: replaces what differs from one shutdown to the next: signals, names, numbers and times.
shape() {
	sed -E 's/SIG[A-Z]+[0-9+-]*/SIG/g; s/TERM,[A-Z]+/TERM,SIG/g; s/"[^"]*"/"VALUE"/g; s/\([a-z0-9_-]+\)/(NAME)/g
		s/[0-9]+(\.[0-9]+)? ?m?s\b/TIME/g; s/[0-9]+/N/g; s/(N|no) process(es)? killed/N killed/; s/N [A-Za-z0-9_-]+ \(/N NAME (/g
		s/(exited with status N|killed by SIG)/ENDED/; s/LULL_([A-Z]+)|--([a-z]+)/OPTION/g'
}

@test "the log lines in the documents are lines of the manual" {
	local line
	section DIAGNOSTICS | sed -E 's/^ +//; s/  .*//; s/ (\.\.\.)$/ \1/' | shape >"$BATS_TEST_TMPDIR/lines"
	cat "$ROOT/README.md" "$ROOT"/docs/*.md "$ROOT/docs/examples/README.md" | sed -nE 's/^ *lull: (.*)/\1/p' | shape | sort -u >"$BATS_TEST_TMPDIR/quoted"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/quoted")" -ge 8 ] || fail "$(cat "$BATS_TEST_TMPDIR/quoted")"
	while read -r line; do
		# The manual may end a long line with "...".
		awk -v line="$line" '{ head = $0; if (sub(/\.\.\.$/, "", head)) found = found || index(line, head) == 1 } $0 == line { found = 1 } END { exit !found }' \
			"$BATS_TEST_TMPDIR/lines" || fail "the manual has no line like: $line"
	done <"$BATS_TEST_TMPDIR/quoted"
}
