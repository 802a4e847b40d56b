# shellcheck shell=bash
# The programs: for each what is started, what work it is given, and whether that work was kept.
#
# describe_CASE  sets label, app (the command), options (lull's), graceful (the signal that it would want if nobody
#                stood between), and peers_lose, when a stop by tini and dumb-init is known to cost work.
# prepare_CASE   makes what it needs in the working directory; not every case has one.
# work_CASE      returns once the program has accepted work that a bad stop would lose.
# kept_CASE      once all has ended: says in a word what became of the work, and fails when it was lost.
#
# All of them run in a directory of their own and talk through sockets in it, so no port can be taken.

# What the words above mean to the runner.
# shellcheck disable=SC2034
CASES=(nginx redis postgres gunicorn node java pipe entrypoint npm)

# Command and Debian package, for all that is needed here.
NEEDS=(
	nginx:nginx-light redis-server:redis-server redis-cli:redis-tools psql:postgresql pg_isready:postgresql
	gunicorn:gunicorn python3:python3 node:nodejs npm:npm java:default-jdk-headless javac:default-jdk-headless
	tini:tini dumb-init:dumb-init curl:curl sh:dash bash:bash unshare:util-linux nsenter:util-linux
	setpriv:util-linux
)

# Debian keeps the server's own programs out of the PATH, by version.
PG_BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

# --- A request in flight ------------------------------------------------------------------------------------------

answers() {
	curl -s -o probe --unix-socket sock http://localhost/
}

# The first bytes are here, the rest needs 2 s more. Sets CLIENT.
begin_request() {
	until_true answers
	curl -sSN --max-time 60 -o body --unix-socket sock http://localhost/slow &
	CLIENT=$!
	until_true test -s body
}

request_was_served() {
	if wait "$CLIENT" && [ "$(tail -n 1 body)" = end ]; then
		echo served
	else
		echo cut
		return 1
	fi
}

# The server also saves something at its end.
request_was_served_and_saved() {
	request_was_served || return
	if [ "$(cat saved)" != "1 served" ]; then
		echo "but not saved"
		return 1
	fi
}

# --- nginx: SIGTERM is its fast stop ------------------------------------------------------------------------------

describe_nginx() {
	label=nginx
	app=(nginx -p . -c nginx.conf -e stderr)
	options=(--rewrite TERM:QUIT)
	graceful=QUIT
	peers_lose=yes
}
prepare_nginx() { { seq 45000 && echo end; } >slow; }
work_nginx() { begin_request; }
kept_nginx() { request_was_served; }

# --- Redis: what was set is on disk after a proper end only -------------------------------------------------------

REDIS=(redis-server --port 0 --save "3600 1" --appendonly no --unixsocket)

describe_redis() {
	label=redis-server
	app=("${REDIS[@]}" sock)
}

redis_answers() { [ "$(redis-cli -s "$1" ping)" = PONG ]; }

work_redis() {
	until_true redis_answers sock
	[ "$(redis-cli -s sock set order kept)" = OK ]
}

kept_redis() {
	local order
	"${REDIS[@]}" again >again.log 2>&1 &
	until_true redis_answers again
	order=$(redis-cli -s again get order)
	kill "$!" && wait "$!"
	if [ "$order" = kept ]; then
		echo saved
	else
		echo lost
		return 1
	fi
}

# --- PostgreSQL: on SIGTERM it waits for its clients, and an idle one stays ---------------------------------------

AS_POSTGRES=(setpriv --reuid postgres --regid postgres --init-groups)

describe_postgres() {
	label=PostgreSQL
	app=("${AS_POSTGRES[@]}" "$PG_BIN/postgres" -D data -c listen_addresses= -k "$PWD/data")
	app+=(-c dynamic_shared_memory_type=mmap) # in its directory: the killed ones leave nothing in /dev/shm
	options=(--rewrite TERM:INT)
	graceful=INT
	peers_lose=yes
}

prepare_postgres() {
	install -d -o postgres -g postgres -m 700 data
	"${AS_POSTGRES[@]}" "$PG_BIN/initdb" --no-sync --auth=trust --locale=C -D data >initdb.log
	mkfifo statements
}

work_postgres() {
	until_true pg_isready -q -h "$PWD/data" -U postgres
	psql -qAt -h "$PWD/data" -U postgres postgres <statements >answers 2>&1 &
	exec {client}>statements
	echo "create table work (what text); insert into work values ('kept'); select 'committed';" >&"$client"
	until_true grep -q committed answers
}

kept_postgres() {
	exec {client}>&-
	if ! LC_ALL=C "$PG_BIN/pg_controldata" data | grep -qx 'Database cluster state: *shut down'; then
		echo dirty
		return 1
	fi
	echo clean
	"${AS_POSTGRES[@]}" "$PG_BIN/postgres" --single -D data postgres <<<"select * from work" >rows 2>again.log
	if ! grep -q 'what = "kept"' rows; then
		echo "but the row is lost"
		return 1
	fi
}

# --- gunicorn -----------------------------------------------------------------------------------------------------

describe_gunicorn() {
	label=gunicorn
	app=(gunicorn --bind unix:sock wsgi:app)
}
work_gunicorn() { begin_request; }
kept_gunicorn() { request_was_served; }

# --- Node.js, with no handler for SIGTERM: only time helps --------------------------------------------------------

describe_node() {
	label="node, no handler"
	app=(node server.js)
	options=(--delay 4s)
	peers_lose=yes
}
work_node() { begin_request; }
kept_node() { request_was_served; }

# --- Java, with a shutdown hook -----------------------------------------------------------------------------------

describe_java() {
	label=java
	# The cheaper compiler, and no files in /tmp.
	app=(java -XX:TieredStopAtLevel=1 -XX:-UsePerfData Flush.java)
}

prepare_java() { mkfifo orders; }

# The FIFO stays open: at its end the program would end by itself.
work_java() {
	exec {orders}<>orders
	echo "one coffee" >&"$orders"
	until_true grep -q "accepted one coffee" out
}

kept_java() {
	exec {orders}>&-
	if [ "$(cat flushed)" = "one coffee" ]; then
		echo flushed
	else
		echo lost
		return 1
	fi
}

# --- A shell between: a pipe, an entrypoint, npm ------------------------------------------------------------------

describe_pipe() {
	label="sh -c 'redis | tee'"
	app=(sh -c '"$@" | tee log' sh "${REDIS[@]}" sock)
	peers_lose=yes
}
work_pipe() { work_redis; }
kept_pipe() { kept_redis; }

describe_entrypoint() {
	label="bash without exec"
	app=(./entrypoint.sh)
	peers_lose=yes
}
work_entrypoint() { begin_request; }
kept_entrypoint() { request_was_served_and_saved; }

# A home of its own, for npm's cache and logs, and no look at the network for a newer npm.
describe_npm() {
	label="npm start"
	app=(env HOME="$PWD" npm_config_update_notifier=false npm start)
	peers_lose=yes
}
work_npm() { begin_request; }
kept_npm() { request_was_served_and_saved; }
