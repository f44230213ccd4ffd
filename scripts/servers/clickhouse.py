"""ClickHouse as a server, out of the package chdb-core, for scripts/dev-deps.

usage: clickhouse.py DIRECTORY HTTP_PORT NATIVE_PORT

The package is ClickHouse as a library for queries within a process. It holds the server's listeners too, but only a
private function starts them, so its version is pinned, and what is asked of it is checked at each start: the process
ends, and says why, when the listeners do not answer, or answer to whom they should not.

DIRECTORY holds `admin-password` and `password`, of the users `admin`, who may do everything, and `fleet`, who has the
database fleet_coordination and nothing else. The file `ready` appears there once the server is.
"""

import hashlib
import os
import pathlib
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

# Ten times what a start took beside two builds.
PATIENCE_SECONDS = 30

CONFIGURATION = """<clickhouse>
    <logger><level>warning</level><console>1</console></logger>
    <timezone>UTC</timezone>
    <listen_host>127.0.0.1</listen_host>
    <http_port>{http}</http_port>
    <tcp_port>{native}</tcp_port>
    <users_config>{directory}/users.xml</users_config>
</clickhouse>
"""

USER = """<{name}>
    {secret}
    <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>{quota}</quota>
    {rights}
</{name}>
"""

RIGHTS_OF_FLEET = ["GRANT ALL ON fleet_coordination.*", "GRANT TABLE ENGINE ON *"]

# The library queries as `default`, without a password, and these users cannot be changed once it runs. So `default` may
# do no more than start the listeners and keep them, and is refused the queries after those three, as long as the server
# runs: the quota's interval is the longest there can be.
RIGHTS_OF_DEFAULT = ["GRANT SYSTEM LISTEN ON *.*", "GRANT SELECT ON system.numbers"]
QUOTAS = """<default/>
<start><interval><duration>2147483647</duration><queries>3</queries></interval></start>"""

# The listeners last as long as the query, which therefore never ends.
QUERY = """SYSTEM START LISTEN HTTP;
SYSTEM START LISTEN TCP;
SELECT sleepEachRow(1) FROM system.numbers
SETTINGS max_block_size = 1, max_threads = 1, max_execution_time = 0, function_sleep_max_microseconds_per_block = 0
FORMAT Null"""


def fail(message: str) -> None:
    print(f"clickhouse.py: {message}", file=sys.stderr, flush=True)
    os._exit(1)


def user(name: str, password: str, rights: list[str], quota: str = "default") -> str:
    digest = hashlib.sha256(password.encode()).hexdigest()
    secret = f"<password_sha256_hex>{digest}</password_sha256_hex>" if password else "<password></password>"
    queries = "".join(f"<query>{right}</query>" for right in rights)
    rights_element = f"<grants>{queries}</grants>" if rights else ""
    return USER.format(name=name, secret=secret, rights=rights_element, quota=quota)


def users(admin_password: str, password: str) -> str:
    entries = [
        user("default", "", RIGHTS_OF_DEFAULT, quota="start"),
        user("admin", admin_password, []),
        user("fleet", password, RIGHTS_OF_FLEET),
    ]
    return (
        f"<clickhouse><profiles><default/></profiles><quotas>{QUOTAS}</quotas>"
        f"<users>{''.join(entries)}</users></clickhouse>"
    )


def ask(port: int, name: str, password: str, query: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", query.encode())
    request.add_header("X-ClickHouse-User", name)
    request.add_header("X-ClickHouse-Key", password)
    # Never through a proxy of the machine's.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def await_listener(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    fail(f"nothing listens at port {port}; chdb-core no longer starts its listeners as it did")


def serve(library, data: pathlib.Path) -> None:
    try:
        result = library.query(QUERY, "TabSeparated", path=str(data))
        fail(f"the query that keeps the listeners ended: {result.error_message()}")
    except Exception as error:
        fail(f"chdb-core did not take the query that starts its listeners: {error!r}")


def await_query(port: int, admin_password: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        query = "SELECT queries FROM system.quotas_usage WHERE quota_name = 'start'"
        if ask(port, "admin", admin_password, query) == (200, "3\n"):
            return
        time.sleep(0.02)
    fail("the quota does not count the three queries that start the listeners and keep them")


def check(port: int, admin_password: str) -> None:
    status, answer = ask(port, "admin", admin_password, "CREATE DATABASE IF NOT EXISTS fleet_coordination")
    if status != 200:
        fail(f"the database could not be made: {answer}")
    for name, password, refusal in (("default", "", "QUOTA_EXCEEDED"), ("fleet", "guess", "AUTHENTICATION_FAILED")):
        status, answer = ask(port, name, password, "SHOW DATABASES")
        if status == 200 or refusal not in answer:
            fail(f"{name} without its password is not refused as it should be: {status} {answer}")


def main() -> None:
    directory = pathlib.Path(sys.argv[1])
    http, native = int(sys.argv[2]), int(sys.argv[3])
    admin_password, password = ((directory / name).read_text() for name in ("admin-password", "password"))
    # The library reads its configuration from here, also when it is only loaded.
    os.chdir(directory)
    pathlib.Path("config.xml").write_text(CONFIGURATION.format(http=http, native=native, directory=directory))
    pathlib.Path("users.xml").write_text(users(admin_password, password))

    from chdb import _chdb

    _chdb.set_signal_handlers_enabled(0)
    # What was acknowledged is on the disk; nothing else is to be brought to an end.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=serve, args=(_chdb, directory / "data"), daemon=True).start()
    await_listener(http)
    await_listener(native)
    await_query(http, admin_password)
    check(http, admin_password)
    pathlib.Path("ready").touch()
    while True:
        signal.pause()


main()
