#!/usr/bin/env bats
# lull.1, OPTIONS (--log-format) and DIAGNOSTICS: lines of JSON, and a stderr that is full or does not answer.

# Inner shells expand the variables. shellcheck does not see that a test is a function.
# shellcheck disable=SC2016,SC2030,SC2031

load lib

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	end_jobs
}

# objects FILE: fails unless each line is one whole object with the current time; prints level and message of each.
objects() {
	python3 - "$1" <<'PYTHON'
import datetime, json, sys
lines = open(sys.argv[1], "rb").read().split(b"\n")
assert lines.pop() == b"", "the last line has no end"
for line in lines:
    assert len(line) < 4096, len(line)
    one = json.loads(line.decode("utf-8"))
    assert list(one)[:4] == ["time", "level", "event", "message"] or list(one) == ["time", "level", "message"], one
    time = datetime.datetime.strptime(one["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert abs((datetime.datetime.utcnow() - time).total_seconds()) < 300, one["time"]
    assert len(one["time"]) == 24, one["time"]
    print(one["level"], one["message"].encode("unicode_escape").decode())
PYTHON
}

# named NAME_IN_PYTHON COMMAND...: runs it under a name that may hold any byte but NUL.
named() {
	python3 -c 'import ctypes, signal, sys
ctypes.CDLL(None).prctl(15, eval(sys.argv[1]))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True: signal.pause()' "$1"
}

@test "json: the lines of a shutdown, with their levels" {
	for start in start_plain start_init; do
		$start "$LULL" --log-format json -v "$PROBE" exit=15:3
		begin_stop
		expect_status 3
		objects err >logged
		has logged '^debug received SIGTERM from '
		has logged '^info stopping: SIGTERM from .*; SIGTERM to the app now, SIGKILL in 90 s$'
		has logged '^debug sending SIGTERM to PID '
		has logged '^debug reaped app \(PID [0-9]+\): exited with status 3$'
		has logged '^info stopped in .*: app exited with status 3, no process killed$'
		expect_count 5 logged .
	done
}

@test "json from the variable; the flag overrides it" {
	LULL_LOG_FORMAT=json start "$LULL" no-such-command
	expect_status 127
	[[ $(objects err) = 'error cannot execute "no-such-command": '* ]]
	LULL_LOG_FORMAT=json start "$LULL" --log-format text no-such-command
	expect_status 127
	has err '^lull: cannot execute'
	LULL_LOG_FORMAT=text start "$LULL" --log-format=json no-such-command
	expect_status 127
	objects err
}

@test "an unknown format is an error, as text" {
	start "$LULL" --log-format xml true
	expect_status 125
	has err '^lull: --log-format "xml": unknown format; use text or json$'
	LULL_LOG_FORMAT=JSON start "$LULL" true
	expect_status 125
	has err '^lull: LULL_LOG_FORMAT "JSON": unknown format; use text or json$'
}

@test "json: errors of a flag after it and of any variable" {
	start "$LULL" --log-format json --delay soon true
	expect_status 125
	[[ $(objects err) = 'error --delay "soon": invalid time'* ]]
	for format in flag variable; do
		if [ $format = flag ]; then
			LULL_DELAY='so"on' LULL_WARN_REAP=maybe start "$LULL" --log-format json true
		else
			LULL_LOG_FORMAT=json LULL_DELAY='so"on' LULL_WARN_REAP=maybe start "$LULL" true
		fi
		expect_status 125
		[[ $(objects err) = 'error LULL_DELAY "so"on": invalid time'* ]]
		expect_count 1 err .
	done
	LULL_LOG_FORMAT=json LULL_DELYA=1 start "$LULL" true
	expect_status 0
	[[ $(objects err) = 'warning unknown variable LULL_DELYA ignored'* ]]
}

@test "json: help, version and explain stay text" {
	"$LULL" --log-format json --help | grep -q '^Usage: lull'
	"$LULL" --log-format json --version | grep -q '^lull version '
	"$LULL" --log-format json --explain | grep -q '^Shutdown starts with SIGTERM'
}

@test "json: a rejected value may be long, and have any bytes" {
	local long
	long=$(printf '%1024s' '')
	long=${long// /$'\x01'}
	start "$LULL" --log-format json "$long"
	expect_status 126
	objects err >logged
	expect_count 1 logged '^error cannot execute '
	[ "$(wc -c <err)" -ge 4090 ]
	start "$LULL" --log-format json $'\xff\xfe"\x01\n\xc3'
	expect_status 127
	grep -qF 'error cannot execute "\ufffd\ufffd"\x01\n\ufffd": ' <(objects err)
	start "$LULL" --log-format json --delay $'\xe2\x82' true
	expect_status 125
	grep -qF 'error --delay "\ufffd\ufffd": ' <(objects err)
}

# A name has 15 bytes. Python's unicode_escape makes the expected text. As PID 1, because lull reads all of /proc in time
# there, also on a busy machine.
@test "json: a process name has any bytes" {
	local names=(
		'b"\"quotes\" \\back" ' '"quotes" \\back'
		'b"a\nb\tc\rd\x1b[2J"' 'a\nb\tc\rd\x1b[2J'
		'b"\xff\xc0\x80\xed\xa0\x80\xe2\x82"' '\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd'
		'b"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"' '\xe9\u20ac\U0001f600'
		'b"1234567890123\xe2\x82\xac"' '1234567890123\ufffd\ufffd'
		'b"\x7f) R 1 (\x01"' '\x7f) R 1 (\x01'
	)
	for ((i = 0; i < ${#names[@]}; i += 2)); do
		start_init "$LULL" --log-format json -t 100ms bash -c "$(declare -f named); named \"\$1\"" - "${names[i]}"
		begin_stop
		finish
		objects err >logged
		grep -F "${names[i + 1]} (" logged || fail "$(cat logged)" "${names[i + 1]}"
		start_init "$LULL" -t 100ms bash -c "$(declare -f named); named \"\$1\"" - "${names[i]}"
		begin_stop
		finish
		iconv -f UTF-8 -t UTF-8 err >logged || fail "no UTF-8"
		expect_count 3 logged '^lull: '
		expect_count 3 logged .
	done
}

@test "json: lines that would block are dropped and counted" {
	make_full_pipe
	start_plain bash -c 'with_stderr "$@"' - "$PIPE" "$LULL" --log-format json -v "$PROBE" exit=15:0
	lose_four_lines
	objects logged >err
	has err '^warning 4 log lines dropped: writing them would have blocked$'
	has err '^debug received SIGWINCH from'
	expect_count 2 err .
	kill -TERM "$TARGET"
	expect_status 0
}

# --- A stderr that blocks

@test "a full pipe for stderr: the app starts and is stopped, and lull exits if a command does not run" {
	make_full_pipe
	start_plain bash -c 'with_stderr "$@"' - "$PIPE" env LULL_DELY=5 "$LULL" "$PROBE" exit=15:7
	wait_for out '^ready'
	kill -TERM "$TARGET"
	expect_status 7
	start bash -c 'with_stderr "$@"' - "$PIPE" "$LULL" no-such-command
	expect_status 127
}

@test "a log file on a frozen file system delays neither SIGTERM nor SIGKILL, and gets all lines" {
	cd "$BATS_TEST_TMPDIR"
	truncate -s 16M disk
	mkfs.ext4 -q disk
	mkdir volume
	start_plain unshare --mount bash -c 'mount -o loop disk volume && exec 2>volume/log && exec "$@"' - \
		"$LULL" -t 2s "$PROBE" times
	wait_for out '^ready'
	exec 8<"/proc/$TARGET/ns/mnt"
	nsenter --mount=/proc/self/fd/8 fsfreeze -f "$PWD/volume"
	begin_stop
	until_true is_gone "$APP"
	local killed_ms
	killed_ms=$(since "$T0")
	expect_status 137
	nsenter --mount=/proc/self/fd/8 fsfreeze -u "$PWD/volume"
	[ $(($(got_at 15) - T0)) -lt 1000 ] || fail "SIGTERM after $(($(got_at 15) - T0)) ms"
	[ "$killed_ms" -ge 2000 ] && [ "$killed_ms" -lt 3000 ] || fail "SIGKILL after $killed_ms ms"
	until_true nsenter --mount=/proc/self/fd/8 grep -q '^lull: stopped in ' "$PWD/volume/log"
	exec 8<&-
}

@test "a full log file: lines are dropped and counted" {
	cd "$BATS_TEST_TMPDIR"
	mkdir volume
	start_plain unshare --mount bash -c 'mount -t tmpfs -o size=64k none volume && exec 2>>volume/log && exec "$@"' - \
		"$LULL" -v "$PROBE" exit=15:7
	wait_for out '^ready'
	exec 8<"/proc/$TARGET/ns/mnt"
	nsenter --mount=/proc/self/fd/8 dd if=/dev/zero of="$PWD/volume/filler" bs=1k count=128 status=none || :
	kill -USR1 "$TARGET"
	wait_for out '^got 10'
	kill -USR2 "$TARGET"
	wait_for out '^got 12'
	nsenter --mount=/proc/self/fd/8 rm "$PWD/volume/filler"
	kill -TERM "$TARGET"
	expect_status 7
	nsenter --mount=/proc/self/fd/8 grep -qE '^lull: warning: [0-9]+ log lines? dropped: writing ' "$PWD/volume/log"
	nsenter --mount=/proc/self/fd/8 grep -q '^lull: stopped in ' "$PWD/volume/log"
	exec 8<&-
}

@test "dates: the ends of days, months and years, leap years, and before 1970" {
	python3 - "$FORM" <<'PYTHON'
import datetime, random, subprocess, sys
epoch = datetime.datetime(1970, 1, 1)
edges = [datetime.datetime(year, month, day) for year in
         (1, 4, 100, 400, 1600, 1899, 1900, 1901, 1904, 1968, 1969, 1970, 1971, 1972, 1999, 2000, 2001, 2004, 2024, 2026,
          2038, 2099, 2100, 2101, 2104, 2200, 2262, 2300, 2399, 2400, 9999)
         for month in range(1, 13) for day in (1, 28)]
edges += [datetime.datetime(year, 2, 29) for year in (4, 400, 1904, 1968, 1972, 2000, 2024, 2096, 2104, 2400)]
edges += [datetime.datetime(year, 12, 31) for year in (4, 1968, 1969, 1970, 2000, 2024, 2099, 2100, 2400)]
times = [(edge - epoch) // datetime.timedelta(milliseconds=1) for edge in edges]
first, last = times[0], (datetime.datetime(9999, 12, 31, 23, 59, 59, 999000) - epoch) // datetime.timedelta(milliseconds=1)
times = [time + by for time in times for by in (-86400000, -1, 0, 1, 999, 1000, 59999, 3599999, 86399999)]
random.seed(7)
times += [random.randrange(first, last) for _ in range(5000)] + [0, -1, first, last, 1795378274123]
times = [time for time in times if first <= time <= last]
logged = subprocess.run([sys.argv[1], "date"], input=" ".join(map(str, times)), capture_output=True, text=True, check=True)
logged = logged.stdout.split()
assert len(logged) == len(times) > 8000
for time, date in zip(times, logged):
    right = (epoch + datetime.timedelta(milliseconds=time)).isoformat(timespec="milliseconds") + "Z"
    assert date == right, (time, date, right)
PYTHON
}

# Python's decoder replaces several bytes by one U+FFFD, so the expected text is made byte by byte here.
@test "strings: any bytes make valid JSON, no other byte is lost, and a limit cuts whole characters" {
	python3 - "$FORM" <<'PYTHON'
import json, random, struct, subprocess, sys
def decode(record):
    text, at = "", 0
    while at < len(record):
        for length in (1, 2, 3, 4):
            try:
                text += record[at:at + length].decode("utf-8")
                break
            except UnicodeDecodeError:
                pass
        else:
            text, length = text + "\ufffd", 1
        at += length
    return text
controls = [chr(code) for code in range(32)] + ["\x7f"]
random.seed(7)
pieces = [b'"', b"\\", b"\n", b"\0", b"\x1f", b"\x7f", b"a", b" ", b"\x80", b"\xbf", b"\xc0", b"\xc1", b"\xc2", b"\xdf", b"\xe0",
          b"\xe0\xa0", b"\xe0\x9f", b"\xed", b"\xed\x9f", b"\xed\xa0", b"\xef", b"\xf0", b"\xf0\x8f", b"\xf0\x90", b"\xf4\x8f",
          b"\xf4\x90", b"\xf5", b"\xff", "\u00e9".encode(), "\u20ac".encode(), "\U0001f600".encode(), b"\xef\xbf\xbf"]
records = [bytes([a, b]) for a in range(256) for b in range(256)] + [bytes([a]) for a in range(256)] + [b""]
records += [bytes([a, b, c]) for a in (0xe0, 0xed, 0xef, 0xf0, 0xf4) for b in range(128, 192) for c in (0x41, 0x80, 0xbf, 0xc0)]
records += [bytes([a, b, 0x80, d]) for a in (0xf0, 0xf3, 0xf4) for b in range(128, 192) for d in (0x41, 0x80, 0xbf)]
records += [b"".join(random.choices(pieces, k=random.randrange(40))) for _ in range(20000)]
records += [random.randbytes(random.randrange(60)) for _ in range(20000)]
sent = b"".join(struct.pack("<H", len(record)) + record for record in records)
decoded = [decode(record) for record in records]
for size in (4096, 2, 3, 4, 9, 20, 33):
    logged = subprocess.run([sys.argv[1], "json", str(size)], input=sent, capture_output=True, check=True).stdout.split(b"\n")
    assert logged.pop() == b"" and len(logged) == len(records)
    cut = 0
    for record, right, line in zip(records, decoded, logged):
        assert len(line) < size, (size, record, line)
        if size < 3:
            continue
        text = json.loads(line.decode("utf-8"))
        assert right.startswith(text), (size, record, line, right)
        assert not any(byte < 32 or byte == 127 for byte in line), line
        cut += text != right
        if text != right:
            spent = len(json.dumps(right[len(text)], ensure_ascii=False).encode()) - 2
            assert len(line) + max(spent, 6 if right[len(text)] in controls else 0) >= size - 1, (size, record, line)
    assert size < 3 or (cut > 0) == (size < 4096), (size, cut)
PYTHON
}
