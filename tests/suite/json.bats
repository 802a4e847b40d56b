#!/usr/bin/env bats
# lull.1, LOG FIELDS and REPORTS: the events and the fields of the manual are those of the program.

# Inner shells expand their words themselves.
# shellcheck disable=SC2016

load lib

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	JSON=("$LULL" --log-format json)
}

teardown() {
	end_jobs
}

# keep: adds the log of the last run to those that are checked.
keep() {
	cat err >>all
}

# check WHAT: documented: the events in the file all are documented, each has its fields, and each type is right.
# complete: each documented event is in the file, and the sources have no other.
check() {
	python3 - "$1" "$ROOT" <<'PYTHON'
import json, re, sys
from pathlib import Path
what, root = sys.argv[1], Path(sys.argv[2])
manual = (root / "docs/lull.1").read_text()

def section(name):
    return re.search(rf"\n\.Sh {name}\n(.*?)\n\.Sh ", manual, re.S)[1]

def typed(text):
    """The fields of `.It Cm a , b Pq type`, and their types."""
    found = re.findall(r"^\.It Cm ([a-z_ ,]+) Pq (.+)$", text, re.M)
    return {name: kind for names, kind in found for name in names.split(" , ")}

TYPES = {"string": str, "number": int, "list": list, "null": type(None)}

def has_type(value, kind):
    return isinstance(value, tuple(TYPES[word] for word in kind.split(" or ")))

if what == "report":
    kinds = typed(section("REPORTS"))
    names = [name for name in kinds if name != "error"]
    for line in Path("reports").read_text().splitlines():
        report = json.loads(line)
        wanted = ["time", "exit", "error"] if "error" in report else names
        assert list(report) == wanted, (list(report), wanted)
        assert all(has_type(report[name], kinds[name]) for name in report), line
    sys.exit()

events_text, fields_text = section("LOG FIELDS").split("\nThe fields:\n")
kinds = typed(fields_text)
events = {}
for item in events_text.split("\n.It Cm ")[1:]:
    event, rest = item.split("\n", 1)
    events[event] = re.findall(r"^\.Cm (.+) \.$", rest, re.M)[-1].split(" , ")
assert set(kinds) == {name for names in events.values() for name in names}, "a field is not described, or of no event"
seen = set()
for line in Path("all").read_text(errors="surrogateescape").splitlines():
    entry = json.loads(line)
    if "event" not in entry:
        assert list(entry) == ["time", "level", "message"], line
        continue
    seen.add(entry["event"])
    assert entry["event"] in events, f"LOG FIELDS of lull.1 does not have the event: {line}"
    assert list(entry) == ["time", "level", "event", "message", *events[entry["event"]]], (line, events[entry["event"]])
    for name in events[entry["event"]]:
        assert has_type(entry[name], kinds[name]), (name, line)
    for process in entry.get("processes", []):
        assert list(process) == ["pid", "name", "state"], line
if what == "complete":
    assert seen == set(events), f"this test must log these events of LOG FIELDS, too: {set(events) - seen}"
    sources = "".join(path.read_text() for path in sorted((root / "src").glob("*.c")))
    written = set(re.findall(r'(?:log_event|make_event)\([^";]*?, "([a-z_]+)"', sources))
    assert written == set(events), f"not both in src/ and in LOG FIELDS of lull.1: {written ^ set(events)}"
PYTHON
}

@test "the events of the manual: all are logged, each with its fields and types, and there is no other" {
	chmod 755 . "$BATS_RUN_TMPDIR"
	start_plain "${JSON[@]}" -v -d 100ms --pre-stop "$(type -P false)" "$PROBE" exit=15:0 # pre_stop_exited
	begin_stop
	expect_status 0
	keep
	start_plain "${JSON[@]}" -t 5200ms sh -c 'trap "" TERM; echo ready; while :; do sleep 1; done' # still_running, signal_ignored
	begin_stop
	expect_status 137
	keep
	printf '#!/bin/sh\nexec sleep 1000\n' >hook
	chmod +x hook
	start_plain "${JSON[@]}" -t 200ms --pre-stop "$PWD/hook" "$PROBE" # pre_stop_timeout
	begin_stop
	expect_status 137
	keep
	start_plain "${JSON[@]}" --pre-stop /no/such/program --report /dev/full "$PROBE" exit=15:0 # pre_stop_failed, report_failed
	begin_stop
	expect_status 0
	keep
	start_plain "${JSON[@]}" -v "$PROBE" # app_killed
	wait_for out '^ready'
	kill -KILL "$APP"
	expect_status 137
	keep
	start_init "${JSON[@]}" -d 60s "$PROBE" exit=3:0 # signal_forwarded_without_delay
	wait_for out '^ready'
	kill -QUIT "$TARGET"
	expect_status 0
	keep
	start_plain "${JSON[@]}" -r TERM:WINCH sh -c 'echo ready; sleep 1000' # signal_replaced
	begin_stop
	expect_status 143
	keep
	out_of_reach start_plain "${JSON[@]}" -t 200ms # signal_not_sent, signal_denied
	begin_stop
	expect_status 137
	kill -KILL "$APP"
	keep
	mkdir dir
	start_plain "${JSON[@]}" --drain-file "$PWD/dir/marker" "$PROBE" exit=15:0 # drain_file_failed
	wait_for out '^ready'
	rmdir dir
	begin_stop
	expect_status 0
	keep
	make_network
	start_server --log-format json --drain-timeout 100ms --listens 8080 "${SERVER[@]}" 8080 # draining, drained
	request response
	kill -TERM "$TARGET"
	expect_status 0
	keep
	start_plain "${THERE[@]}" "$DENY" EPERM netlink "${JSON[@]}" --drain-timeout 100ms --listens 8080 "$PROBE" exit=15:0
	begin_stop # connections_failed
	expect_status 0
	keep
	make_full_pipe
	start_plain bash -c 'with_stderr "$@"' - "$PIPE" "${JSON[@]}" -v "$PROBE" exit=15:0 # log_lines_dropped
	lose_four_lines
	cat logged >>all
	kill -TERM "$TARGET"
	expect_status 0
	check complete
}

@test "the values of the fields: a shutdown that ends by SIGKILL" {
	start_init "${JSON[@]}" -d 200ms -t 300ms "$PROBE" late=15:60000
	begin_stop
	expect_status 137
	python3 - err <<'PYTHON'
import json, sys
first, killing, last = (json.loads(line) for line in open(sys.argv[1]))
assert first["event"] == "stopping" and first["signal"] == first["first_signal"] == "SIGTERM", first
assert first["sender"] == "outside" and first["sender_pid"] == 0 and first["sender_name"] is None, first
assert first["app_pid"] == 2 and first["first_signal_ms"] == 200 and first["kill_ms"] == 500, first
assert first["pre_stop_limit_ms"] is None, first
assert killing["event"] == "killing" and killing["signal"] == "SIGTERM" and killing["since_ms"] >= 300, killing
assert killing["since_app_exit_ms"] is None and killing["process_count"] == 1, killing
assert killing["processes"] == [{"pid": 2, "name": "probe", "state": "sleeping"}], killing
assert last["event"] == "stopped" and last["duration_ms"] >= 500 and last["app_pid"] == 2, last
assert last["app_status"] is None and last["app_signal"] == "SIGKILL", last
assert last["killed_count"] == 1 and last["not_killed_count"] == 0, last
PYTHON
}

# all_sleep N: the app has N children that have executed sleep.
all_sleep() {
	local children child count=0
	read -ra children <"/proc/$APP/task/$APP/children" || :
	for child in "${children[@]}"; do
		[[ $(readlink "/proc/$child/exe") != *sleep ]] || count=$((count + 1))
	done
	[ "$count" -eq "$1" ]
}

@test "names and a path of any length and any bytes: the line is valid, and no field is cut" {
	local name=$'\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12'
	ln -s "$(type -P sleep)" "$name"
	start_init "${JSON[@]}" -t 200ms bash -c 'trap "" TERM; for i in {1..20}; do "$0" 1000 & done; wait' "./$name"
	until_true all_sleep 20
	kill -TERM "$TARGET"
	expect_status 137
	grep '"killing"' err >all
	check documented
	python3 - all <<'PYTHON'
import json, sys
killing = json.loads(open(sys.argv[1]).read())
assert killing["process_count"] == 21 and 4 < len(killing["processes"]) <= 16, killing
PYTHON
	local long
	long=/$(printf '%3000s' '' | tr ' ' x)
	start_plain "${JSON[@]}" --pre-stop "$long" "$PROBE" exit=15:0
	begin_stop
	expect_status 0
	grep -qE '"event":"pre_stop_failed",.*,"error":"File ?name too long"}$' err
	python3 -c 'import json; [json.loads(line) for line in open("err")]'
}

@test "the fields of the report" {
	start_plain "${JSON[@]}" --report "$PWD/reports" -t 200ms "$PROBE"
	begin_stop
	expect_status 137
	start "${JSON[@]}" --report "$PWD/reports" true
	expect_status 0
	start "${JSON[@]}" --report "$PWD/reports" no-such-command
	expect_status 127
	[ "$(wc -l <reports)" -eq 3 ]
	check report
}
