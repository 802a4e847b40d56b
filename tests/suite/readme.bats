#!/usr/bin/env bats
# README.md: its links, snippets, options and figures are those of the repository, and lull accepts its examples.

load lib.bash

README=$ROOT/README.md
EXAMPLES=$ROOT/docs/examples

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
}

teardown() {
	end_jobs
}

# blocks LANGUAGE: writes each fenced block to a file of its own, and prints the file names.
blocks() {
	awk -v language="$1" '
		/^```/ && file { close(file); print file; file = ""; next }
		$0 == "```" language { file = language "." ++count; next }
		file { print > file }' "$README"
}

# table HEADING: prints the rows of the tables in that section, without header and separator.
table() {
	sed -n "/^## $1\$/,/^## /p" "$README" | grep '^|' | sed '1,/^|---/d'
}

# settings LINE: sets SETTINGS to the variables of a docker run command.
settings() {
	mapfile -t SETTINGS < <(grep -oE 'LULL_[A-Z_]+=[^ ]+' <<<"$1")
	[ "${#SETTINGS[@]}" -gt 0 ] || fail "no variables: $1"
}

# explain WORD...: runs lull --explain, which must accept the words and print no error.
explain() {
	"$LULL" "$@" --explain >out 2>err || fail "rejected: $*"
	[ ! -s err ] || fail "with an error message: $*"
}

@test "each link has a target" {
	local page link file anchor
	while read -r page; do
		while read -r link; do
			file=$(dirname "$page")/${link%%#*}
			[[ $link != '#'* ]] || file=$page
			[ -e "$file" ] || fail "$page: no file for the link $link"
			[[ $link == *'#'* ]] || continue
			anchor=${link#*#}
			sed -n 's/^##* //p' "$file" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-' | grep -qxF -- "$anchor" ||
				fail "$page: no heading for the link $link"
		done < <(grep -oE '\]\([^)]+\)' "$page" | sed 's/^](//; s/)$//' | grep -v '^https:')
	done < <(find "$README" "$ROOT/docs" "$ROOT/tests/README.md" -name '*.md')
}

@test "the snippets for Docker, Compose and Kubernetes are in docs/examples, line by line" {
	local block file found
	for block in $(blocks dockerfile) $(blocks yaml); do
		found=
		for file in "$EXAMPLES"/*; do
			[[ $(<"$file") != *"$(<"$block")"* ]] || found=$file
		done
		[ -n "$found" ] || fail "in no example:" "$(cat "$block")"
		echo "$found" >>found
	done
	[ "$(sort -u found | wc -l)" -eq 3 ]
}

@test "each block is tested: as a snippet, as a command, or as a shutdown" {
	run grep -cE '^```(dockerfile|yaml|sh|console)$' "$README"
	[ $((output * 2)) -eq "$(grep -c '^```' "$README")" ]
}

@test "lull prints the shutdown of the README" {
	local log
	log=$(blocks console)
	settings "$(grep 'docker run' "$log")"
	start_init env "${SETTINGS[@]}" "$LULL" bash -c 'trap "exit 0" TERM; echo ready; while :; do read -rt 1 <> <(:); done'
	begin_stop
	wait_for err 'stopping:'
	kill -TERM "$TARGET" # skips the rest of the delay
	expect_status 0
	head -n 1 err >first
	grep '^lull: stopping' "$log" | diff first - || fail "another first line"
	has err "^$(grep '^lull: stopped' "$log" | sed 's/ in [0-9.]* s:/ in [0-9.]+ m?s:/')\$"
}

@test "each docker run has a grace period in both places, and lull accepts its variables" {
	local line count=0
	while read -r line; do
		settings "$line"
		env "${SETTINGS[@]}" "$LULL" --explain >out 2>err || fail "rejected: $line"
		[ ! -s err ]
		[[ $line =~ --stop-timeout\ ([0-9]+)\  && $line == *" LULL_GRACE=${BASH_REMATCH[1]}s "* ]] || fail "$line"
		count=$((count + 1))
	done < <(grep -E '^([$] |    )?docker run' "$README")
	[ "$count" -ge 3 ]
}

@test "the build that the README describes has its file, and its make targets exist" {
	local name
	[ -e "$ROOT/Dockerfile.example" ]
	grep -qF 'docker build -t lull -f Dockerfile.example .' "$README"
	grep -oE '(&& |`)make [a-z-]+' "$README" | grep -oE '[a-z-]+$' | sort -u >targets
	[ "$(wc -l <targets)" -ge 5 ]
	while read -r name; do
		make -C "$ROOT" -n "$name" >/dev/null || fail "no target $name"
	done <targets
}

# tests/release/ runs the commands of Install.
@test "the version in Install is that of the Makefile" {
	local versions
	versions=$(sed -n '/^## Install$/,/^## Quick start$/p' "$README" | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | sort -u)
	[ "$versions" = "$(sed -n 's/^VERSION = //p' "$ROOT/Makefile")" ]
}

@test "lull accepts the options for each program" {
	local options option note count=0
	while IFS='|' read -r _ _ options note _; do
		options=$(grep -oE -- '`--[^`]+`' <<<"$options$note" | tr -d '\`') || continue
		while read -r option; do
			# shellcheck disable=SC2086
			explain $option
			count=$((count + 1))
			[[ ! $note =~ 'grace period of '([0-9]+ s) ]] || has out "grace period .*${BASH_REMATCH[1]}"
		done <<<"$options"
	done < <(table 'Which signal')
	[ "$count" -ge 6 ]
}

@test "the example of delay and grace is the plan that lull prints" {
	local section delay grace
	section=$(sed -n '/^## Choose delay and grace$/,/^## /p' "$README" | tr '\n' ' ')
	[[ $section =~ 'lull --grace '([0-9]+)'s --delay '([0-9]+)'s --explain' ]]
	grace=${BASH_REMATCH[1]} delay=${BASH_REMATCH[2]}
	[[ $section == *"= $delay s. "*"the app then has $((grace - 1 - delay)) s to exit"* ]]
	explain --grace "${grace}s" --delay "${delay}s"
	has out "^ +$delay s  SIGTERM to the app"
	has out "^ +$((grace - 1)) s  SIGKILL"
	run "$LULL" --explain --grace "${grace}s" --delay "$((grace - 2))s"
	[ "$status" -eq 125 ]
}

# make check-cost holds the file to the limit.
@test "the file is as small as the README claims" {
	local kb limit
	kb=$(grep -oE 'less than [0-9]+ kB' "$README" | grep -oE '[0-9]+')
	limit=$(awk '$1 == "file" { print $2 }' "$ROOT/tests/bench/limits")
	[ "$limit" -le $((kb * 1000)) ]
}

@test "the time line is drawn from its data" {
	cp "$ROOT/docs/img/shutdown.csv" .
	"$ROOT/tests/drain/timeline.py" shutdown
	cmp shutdown.svg "$ROOT/docs/img/shutdown.svg"
}

@test "the results are the smallest and the largest of the runs" {
	table Results >rows
	python3 - "$ROOT/docs/img/results.csv" rows <<-'PYTHON'
		import csv, sys

		SETUPS = {
		    "no init": ["no init"],
		    "tini, dumb-init or catatonit": ["tini", "dumb-init", "catatonit"],
		    "bash with `trap` and `sleep`": ["bash, trap and sleep"],
		    "lull, delay only": ["lull, delay only"],
		    "lull, delay and `--ready-on`": ["lull"],
		}

		def span(counts):
		    return f"{min(counts)} to {max(counts)}" if max(counts) else "**0**"

		runs = list(csv.DictReader(open(sys.argv[1], encoding="ascii")))
		for row in open(sys.argv[2], encoding="ascii"):
		    _, name, *cells, _ = (cell.strip() for cell in row.split("|"))
		    setups = SETUPS.pop(name)
		    chosen = [run for run in runs if run["setup"] in setups]
		    measured = [span([int(run[column]) for run in chosen]) for column in ("failed", "twice")]
		    assert cells == measured, f"{name}: {cells}, not {measured}"
		assert not SETUPS, f"no row for {SETUPS}"
	PYTHON
}
