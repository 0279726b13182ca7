"""Where a database is, how it is reached by us, and by the programs that we start."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from lastgood.drivers.database.postgres.client.faults import told
from lastgood.drivers.database.postgres.client.private import write_private
from lastgood.errors import ConfigError, UsageError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg import Connection

    from lastgood.process.masking import Masker

# What libpq itself would show as stars, and the keys that stand for a password.
_SECRETS = frozenset(
    {"password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"}
)
# Which of several servers: decided by our own connection, and the children follow it. And what is
# ours to say.
_DECIDED = frozenset(
    {
        *("host", "hostaddr", "port", "dbname", "passfile", "service", "servicefile"),
        *("target_session_attrs", "load_balance_hosts", "client_encoding"),
        *("application_name", "fallback_application_name", "replication"),
    }
)
# A server that dies without a word would keep us waiting for hours.
_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_NAME = "lastgood"
# What has a place of its own in a URL, or is not for others.
_IN_URL = _DECIDED | _PATIENCE.keys() | {"user", "password"}
_READ_ONLY = "-c default_transaction_read_only=on"


class Address:
    """A database's address, as it stands in the configuration."""

    def __init__(self, dsn: str, masker: Masker, name: str | None = None) -> None:
        self._dsn = dsn
        self._masker = masker
        self._name = name
        masker.add(dsn)

    def beside(self, name: str) -> Address:
        """The address of another database of the same server, for the same role."""
        return Address(self._dsn, self._masker, name)

    @contextmanager
    def connected(self, name: str | None = None) -> Iterator[Connection[Any]]:
        """A connection in autocommit, to the database or to another one of its server.

        It is closed at the end and nothing is committed: a lost one raises nothing then. Names
        without a schema are the server's own, until the search path is set to its default.

        Raises:
            ConfigError: the address cannot be read.
            RemoteError: the server does not answer, or refuses us.
        """
        from psycopg import connect  # noqa: PLC0415 - a quarter of a second, for those who need it

        given = self._keywords() | ({"dbname": name} if name is not None else {})
        with told("the database does not answer", self._masker, "database-unreachable"):
            connection: Connection[Any] = connect(
                **{**_PATIENCE, **given}, application_name=_NAME, autocommit=True
            )
        with closing(connection):
            self._masker.add(connection.info.password)
            with told("the database does not answer", self._masker, "database-unreachable"):
                # Nothing is converted or checked in a database without an encoding; as Latin 1 its
                # bytes come and go unharmed.
                plain = connection.info.parameter_status("server_encoding") == "SQL_ASCII"
                connection.execute(f"SET client_encoding TO {'LATIN1' if plain else 'UTF8'}")
                # A limit that is set for the application's queries would end our work.
                connection.execute("SET statement_timeout TO 0")
                # By a path that somebody else has set our queries would run that one's operators.
                # A pooler would give what we set to the next client.
                if not pooled(connection):
                    connection.execute("SET search_path TO ''")
            yield connection

    def read_only_url(self, name: str) -> str:
        """The URL of another database of its server, for programs of all kinds.

        It holds the password. Who connects by it writes nothing, unless they insist.
        """
        with self.connected(name) as connection:
            info, target = connection.info, self.target(connection)
            user, password, host, port = info.user, info.password, info.host, str(info.port)
        # Not our own patience: programs without libpq may not know these.
        given = target.keywords | target.secrets
        rest = {key: value for key, value in given.items() if key not in _IN_URL}
        rest["options"] = f"{rest.get('options', '')} {_READ_ONLY}".strip()
        if host.startswith(("/", "@")):
            rest, host = {"host": host, "port": port, **rest}, ""
        else:
            host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        query = urlencode(rest, quote_via=quote)
        url = f"postgresql://{who}@{host}/{quote(name, safe='')}?{query}"
        for secret in (url, quote(password, safe="")):
            self._masker.add(secret)
        return url

    def answers(self) -> bool:
        """Whether a server is there, even one that lets nobody in yet."""
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - see above
        from psycopg.pq import PGconn, Ping  # noqa: PLC0415 - see above

        conninfo = make_conninfo("", **{**_PATIENCE, **self._keywords()})
        return PGconn.ping(conninfo.encode()) in (Ping.OK, Ping.REJECT)

    @property
    def name(self) -> str:
        """The database's name; one that the address leaves open is asked of the server."""
        given = self._keywords().get("dbname")
        if given:
            return str(given)
        with self.connected() as connection:
            return connection.info.dbname

    def target(self, connection: Connection[Any]) -> Target:
        """How a child reaches exactly the server and database of a connection made by this.

        What counts is where the connection led: with several hosts, a service file or variables
        such as PGHOST the child might end up elsewhere. What our libpq filled in by itself is left
        out, since the child's own may be older and not know it.
        """
        from psycopg.pq import Conninfo  # noqa: PLC0415 - see above

        info = connection.info
        given, named = info.get_parameters(), self._keywords()
        surroundings = {
            option.keyword.decode() for option in Conninfo.get_defaults() if option.val is not None
        }
        if "service" not in given:
            given = {key: given[key] for key in given if key in surroundings | named.keys()}
        secrets = {key: value for key, value in given.items() if key in _SECRETS}
        if info.password:
            secrets["password"] = info.password
        keywords = {key: value for key, value in given.items() if key not in _DECIDED | _SECRETS}
        keywords |= {"host": info.host, "port": str(info.port), "dbname": info.dbname}
        keywords |= {"user": info.user, **_PATIENCE, "application_name": _NAME}
        if "hostaddr" in given:
            keywords["hostaddr"] = info.hostaddr
        return Target(
            {**keywords, **{key: given[key] for key in _PATIENCE if key in given}}, secrets
        )

    def _keywords(self) -> dict[str, Any]:
        from psycopg import ProgrammingError  # noqa: PLC0415 - see above
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - see above

        try:
            keywords = conninfo_to_dict(self._dsn)
        except ProgrammingError as error:
            raise ConfigError(
                "the database's address cannot be read",
                # What follows the first colon may quote a part of the address.
                cause=str(error).partition(":")[0].partition('"')[0].strip(),
                mend="write postgresql://user:password@host/database; `%`, `@`, `/` and `:` in a "
                "password as %25, %40, %2F and %3A",
                code="dsn-unreadable",
            ) from None
        for key in _SECRETS & keywords.keys():
            self._masker.add(str(keywords[key]))
        return keywords if self._name is None else {**keywords, "dbname": self._name}


@dataclass(frozen=True)
class Target:
    """How a child reaches a database.

    Attributes:
        keywords: of libpq, fit to be seen by every user of the machine.
        secrets: the others.
    """

    keywords: dict[str, str]
    secrets: dict[str, str]

    def hand_over(self, folder: Path) -> tuple[str, dict[str, str]]:
        """Put the secrets into files of a private folder.

        Gives the child's connection string and the variables it needs; neither holds a secret.

        Raises:
            UsageError: a secret that no file of libpq can hold (`password-with-newline`).
        """
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - a quarter of a second

        if any("\n" in value or "\r" in value for value in self.secrets.values()):
            raise UsageError(
                "a password with a line break cannot be given to pg_dump",
                cause="neither a password file nor a service file can hold it",
                mend="give the role another password",
                code="password-with-newline",
            )
        passfile, services = folder / "password", folder / "services"
        # Always there, and ours: the person's own ~/.pgpass has no say.
        escaped = self.secrets.get("password", "").replace("\\", "\\\\").replace(":", "\\:")
        write_private(passfile, f"*:*:*:*:{escaped}\n" if escaped else "")
        keywords: dict[str, str] = {**self.keywords, "passfile": str(passfile)}
        variables = {"PGPASSFILE": str(passfile)}
        others = {key: value for key, value in self.secrets.items() if key != "password"}
        if others:
            lines = "".join(f"{key}={value}\n" for key, value in others.items())
            write_private(services, f"[{_NAME}]\n{lines}")
            keywords["service"] = _NAME
            variables["PGSERVICEFILE"] = str(services)
        return make_conninfo(**keywords), variables


def pooled(connection: Connection[Any]) -> bool:
    """Whether it goes through a pooler, which gives it a number that is no session's."""
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    return row is None or row[0] != connection.info.backend_pid


def server_of(connection: Connection[Any]) -> str:
    """Where a connection leads, without credentials, for people."""
    info = connection.info
    place = info.host if info.host.startswith(("/", "@")) else f"{info.host}:{info.port}"
    return harmless(place)
