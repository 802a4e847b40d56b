"""The stacks. A new one is one more entry of STACKS."""
import dataclasses

import work


@dataclasses.dataclass
class Stack:
    name: str  # as in the table
    command: list  # PID 1's command; @DIR@ is its working directory
    work: object  # what is in progress, see work.py
    options: str = ""  # lull's
    status: int = 0  # the exit status under lull
    natural: str = "TERM"  # the stop signal if the command is PID 1 itself
    lost: str = ""  # why no init can save the work, or stop the app in time: then lull must not, or this is out of date
    by_chance: bool = False  # the work is saved all the same if lull still sees the first signal pending
    peers_lose: bool = False  # tini loses the work, or does not stop the app in time: if it does not, the stack proves nothing
    direct: str = ""  # the stack with the same server and no shell: the time that the server itself takes, and tini does not wait for
    not_first: str = ""  # why it cannot be PID 1 itself
    log: str = ""  # a regular expression that lull's log must match
    files: dict = dataclasses.field(default_factory=dict)  # more files: path and text
    prepared: tuple = ()  # directories made before the run, to be copied
    environment: dict = dataclasses.field(default_factory=dict)
    heavy: bool = False  # needs much CPU to start


def shell(script):
    return ["sh", "-c", script]


def bash(script):
    return ["bash", "-c", script]


# Command and Debian package, of all that is needed here.
NEEDS = """
    nginx:nginx-light tail:coreutils cron:cron apache2:apache2 apachectl:apache2
    redis-server:redis-server node:nodejs npm:npm npx:npm yarnpkg:yarnpkg mariadbd:mariadb-server mysqld_safe:mariadb-server
    uwsgi_python3:uwsgi-plugin-python3 supervisord:supervisor runsvdir:runit s6-svscan:s6 java:default-jdk-headless
    javac:default-jdk-headless gunicorn:gunicorn puma:puma php-fpm8.2:php-fpm xvfb-run:xvfb xauth:xauth postfix:postfix
    psql:postgresql tini:tini sh:dash bash:bash unshare:util-linux nsenter:util-linux setpriv:util-linux ip:iproute2
"""

MODULES = {f"python3-{name}": f"/usr/lib/python3/dist-packages/{name}" for name in ("celery", "redis")}

NGINX = "nginx -p . -c nginx.conf -e stderr"
APACHE = "apache2 -f @DIR@/apache.conf -D FOREGROUND"
REDIS = 'redis-server --port 0 --save "3600 1" --appendonly no --unixsocket sock'
PHP = "php-fpm8.2 -F -y php-fpm.conf -p @DIR@"
CELERY = "/usr/bin/python3 -m celery -A tasks worker --concurrency 2 --without-gossip --without-mingle --without-heartbeat"
MYSQLD_SAFE = [
    *("mysqld_safe", "--no-defaults", "--user=mysql", "--skip-networking", "--datadir=@DIR@/data", "--socket=@DIR@/data/sock"),
    *("--log-error=@DIR@/data/log.err", "--pid-file=@DIR@/data/pid", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M"),
]
UWSGI = ["uwsgi_python3", "--http-socket", "sock", "--master", "--processes", "1", "--wsgi-file", "wsgi.py", "--callable", "app"]
FLUSH = "java -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xshare:auto Flush"
HTTPD = "--rewrite TERM:WINCH,WINCH:0"
ALONE = {"npm_config_update_notifier": "false", "npm_config_offline": "true", "NO_UPDATE_NOTIFIER": "1"}
YARN_BASH = {"npm_config_script_shell": "/bin/bash"}
RUN_SERVER = "#!/bin/sh\nexec 2>&1\ncd @DIR@\nexec node server.js\n"

COUNTS = "the server takes the second SIGTERM for \"exit now\", and its handler does not change: no init can see that it had the first"
HIDDEN = "sigwait(3) shows in no field of /proc/PID/status: no init can see that the server takes SIGTERM"


# Debian's Node.js looks for modules in that directory by itself, others do not.
def yarn(script):
    return ["env", "NODE_PATH=/usr/share/nodejs", "yarnpkg", "--silent", "run", script]


STACKS = [
    # A helper next to the server
    Stack(
        "tail -F log & exec nginx",
        shell(f"touch log; tail -F log & exec {NGINX}"),
        work.Http(),
        options="--rewrite TERM:QUIT",
        natural="QUIT",
        prepared=("slow",),
        peers_lose=True,
    ),
    Stack(
        "cron; exec apache2",
        shell(f"cron; exec {APACHE}"),
        work.Http(8080),
        options=HTTPD,
        natural="WINCH",
        prepared=("slow",),
        peers_lose=True,
    ),
    # Apache behind a shell
    Stack(
        "apachectl -D FOREGROUND",
        ["apachectl", "-f", "@DIR@/apache.conf", "-D", "FOREGROUND"],
        work.Http(8080),
        options=HTTPD,
        status=143,
        natural="WINCH",
        prepared=("slow",),
        environment={"APACHE_ENVVARS": "/dev/null", "APACHE_RUN_USER": "www-data"},
        peers_lose=True,
    ),
    Stack(
        "sh -c 'apache2 -D FOREGROUND; ...'",
        shell(f"{APACHE}; true"),
        work.Http(8080),
        options=HTTPD,
        status=143,
        natural="WINCH",
        prepared=("slow",),
        peers_lose=True,
    ),
    # A shell that does not forward
    Stack(
        "sh -c 'celery worker; ...'",
        shell(f"{CELERY}; true"),
        work.CeleryTask(),
        status=143,
        direct="celery worker",
        peers_lose=True,
        heavy=True,
    ),
    Stack("sh -c 'java ...; ...'", shell(f"{FLUSH}; true"), work.JavaOrders(), status=143, prepared=("java",), peers_lose=True, heavy=True),
    Stack("sh -c 'gunicorn ...; ...'", shell("gunicorn --bind unix:sock wsgi:app; true"), work.Http(), status=143, direct="gunicorn", peers_lose=True),
    Stack("sh -c 'redis-server | tee log'", shell(f"{REDIS} | tee log"), work.RedisData(), status=143, peers_lose=True),
    Stack(
        "sh -c 'php-fpm; ...'",
        shell(f"{PHP}; true"),
        work.FastCgi(),
        options="--rewrite TERM:QUIT",
        status=131,
        natural="QUIT",
        peers_lose=True,
    ),
    Stack(
        "nested shells, no exec",
        shell("sh -c 'node server.js; true'; true"),
        work.Http(saved=True),
        status=143,
        peers_lose=True,
    ),
    Stack("a script that waits, no trap", bash("node server.js & wait"), work.Http(saved=True), status=143, peers_lose=True),
    Stack(
        "xvfb-run",
        ["xvfb-run", "-a", "node", "server.js"],
        work.Http(saved=True),
        status=143,
        not_first="does not start as PID 1",  # Xvfb sends no SIGUSR1 to a parent that is PID 1, and xvfb-run waits for it
        peers_lose=True,
    ),
    Stack(
        "postfix start-fg",
        ["postfix", "-c", "@DIR@/etc", "start-fg"],
        work.Mail(),
        status=143,
    ),
    # Node's runners
    Stack("npm start", ["npm", "start"], work.Http(saved=True), status=143, environment=ALONE, heavy=True, peers_lose=True),
    Stack(
        "npm start, a Node cluster",
        ["npm", "run", "cluster"],
        work.Http(saved=True),
        status=143,
        environment=ALONE,
        heavy=True,
        peers_lose=True,
    ),
    Stack(
        "npx",
        ["npx", "server"],
        work.Http(saved=True),
        status=143,
        files={"node_modules/.bin/server": "#!/bin/sh\nexec node server.js\n"},
        environment=ALONE,
        heavy=True,
        peers_lose=True,
    ),
    Stack("yarn 1, sh is dash", yarn("start"), work.Http(saved=True), status=1, environment=ALONE, heavy=True, peers_lose=True),
    Stack("yarn 1, sh is bash", yarn("start"), work.Http(saved=True), status=1, environment=ALONE | YARN_BASH, heavy=True, peers_lose=True),
    Stack(
        "yarn 1, sh is bash, server counts",
        yarn("count"),
        work.Http(saved=True),
        status=1,
        environment=ALONE | YARN_BASH,
        heavy=True,
        lost=COUNTS,
        by_chance=True,
        peers_lose=True,
    ),
    Stack(
        "the same, --listens",
        yarn("count-on-8080"),
        work.Http(saved=True),
        options="--listens 8080",
        status=1,
        environment=ALONE | YARN_BASH,
        heavy=True,
        peers_lose=True,
    ),
    Stack(
        "forwards and exits (as pnpm)",
        ["node", "launcher.js", "exec node server.js"],
        work.Http(saved=True),
        status=143,
        peers_lose=True,
    ),
    Stack(
        "parallel runner (as run-p)",
        ["node", "parallel.js", "node server.js", "sleep 60"],
        work.Http(saved=True),
        status=143,
        peers_lose=True,
    ),
    # Scripts with a trap
    Stack(
        "trap 'kill $P'; wait once",
        bash("trap 'kill -TERM $P' TERM; node server.js & P=$!; wait $P"),
        work.Http(saved=True),
        status=143,
        peers_lose=True,
    ),
    Stack(
        "trap 'kill $P'; wait once, server counts",
        bash("trap 'kill -TERM $P' TERM; node server.js --handler count & P=$!; wait $P"),
        work.Http(saved=True),
        status=143,
        lost=COUNTS,
        by_chance=True,
        peers_lose=True,
    ),
    Stack(
        "trap 'kill $P'; wait once, sigwait",
        # Until it has had the first signal: two that are pending at the same time are one.
        bash("trap 'kill -TERM $P; until [ -e stopping ]; do sleep 0.1; done' TERM; /usr/bin/python3 server.py & P=$!; wait $P"),
        work.Http(saved=True),
        status=143,
        lost=HIDDEN,
        peers_lose=True,
    ),
    Stack(
        "trap 'kill $P'; wait twice",
        bash("trap 'kill -TERM $P' TERM; node server.js --handler count & P=$!; wait $P; trap - TERM; wait $P"),
        work.Http(saved=True),
    ),
    Stack(
        "trap 'kill 0'; wait",
        bash("trap 'trap - TERM; kill 0' TERM; node server.js & wait"),
        work.Http(saved=True),
        status=143,
        peers_lose=True,
    ),
    Stack("trap 'exit 0'; wait", bash("trap 'exit 0' TERM; node server.js & wait"), work.Http(saved=True), peers_lose=True),
    Stack(
        "trap 'echo bye'; server in the foreground",
        bash("trap 'echo bye' TERM; node server.js; exit 0"),
        work.Http(saved=True),
        options="--group",
        peers_lose=True,
    ),
    # Programs that do not stop on SIGTERM
    Stack(
        "mysqld_safe",
        MYSQLD_SAFE,
        work.MariadbData(),
        status=137,
        lost="it ignores SIGTERM: --group",
        log="ignore",
        heavy=True,
        peers_lose=True,
    ),
    Stack("mysqld_safe, --group", MYSQLD_SAFE, work.MariadbData(), options="--group", heavy=True, peers_lose=True),
    Stack("uwsgi", UWSGI, work.Http(), status=137, lost="SIGTERM makes it reload: see the next row", peers_lose=True),
    Stack("uwsgi with a hook for SIGTERM", [*UWSGI, "--hook-master-start", "unix_signal:15 gracefully_kill_them_all"], work.Http()),
    # Supervisors
    Stack("supervisord", ["supervisord", "-c", "supervisord.conf"], work.Http(saved=True)),
    Stack("runsvdir", ["runsvdir", "@DIR@/services"], work.Http(saved=True), files={"services/server/run": RUN_SERVER}, peers_lose=True),
    Stack("s6-svscan", ["s6-svscan", "@DIR@/services"], work.Http(saved=True), files={"services/server/run": RUN_SERVER}),
    # No shell between
    Stack("gunicorn", ["gunicorn", "--bind", "unix:sock", "wsgi:app"], work.Http()),
    Stack("celery worker", CELERY.split(), work.CeleryTask(), heavy=True),
    Stack("puma", ["puma", "-b", "unix://sock"], work.Http(), status=143),
    Stack("java", FLUSH.split(), work.JavaOrders(), status=143, prepared=("java",), heavy=True),
    Stack("php-fpm", PHP.split(), work.FastCgi(), options="--rewrite TERM:QUIT", natural="QUIT", peers_lose=True),
    Stack(
        "PostgreSQL",
        [
            *("setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", f"{work.PostgresSession.programs}/postgres"),
            *("-D", "@DIR@/data", "-c", "listen_addresses=", "-k", "@DIR@/data"),
        ],
        work.PostgresSession(),
        options="--rewrite TERM:INT",
        natural="INT",
        heavy=True,
        peers_lose=True,
    ),
    Stack("node without a handler", ["node", "server.js", "--handler", "none"], work.Http(), options="--delay 6s", status=143, peers_lose=True),
]
