"""A release damages data, and a person brings code and data back by what they type at night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from lastgood.model.release import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.production,
    pytest.mark.linux,
    pytest.mark.xdist_group("production"),
    pytest.mark.timeout(600),
]

SPOIL = "UPDATE users SET name = '?' || id WHERE id % 2 = 0"
DATABASES = "SELECT datname, datallowconn FROM pg_database WHERE datname LIKE 'shop%'"


class Data:
    """The shop's database, and what stands beside it."""

    def __init__(self, team: Any) -> None:
        self._layout = team.production.layout
        self.team = team

    def does(self, statement: str) -> None:
        """What a release or its users do."""
        with psycopg.connect(self._layout.database_dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    def users(self) -> list[str]:
        """Their names; that one can ask shows that clients get in."""
        with psycopg.connect(self._layout.database_dsn) as connection:
            return [n for (n,) in connection.execute("SELECT name FROM users ORDER BY id")]

    def beside(self) -> list[str]:
        """The kinds of the closed databases; nothing else stands open."""
        with psycopg.connect(self._layout.dsn("postgres")) as connection:
            found = connection.execute(DATABASES).fetchall()
        assert [name for name, opened in found if opened] == ["shop"]
        return sorted(name.split("__")[1].split("_")[0] for name, opened in found if not opened)

    def is_spoilt(self, commit: str) -> None:
        """The last backup was made before this release; then it spoilt the names."""
        made = self.team.types("backup", "create", "--before-deploy", commit, "--json")
        assert made.json["warm_target"] is True, made
        self.does(SPOIL)
        self.does("INSERT INTO users (name) VALUES ('ada')")

    def tidied(self) -> None:
        """As before the story: nothing beside, every user has a name again."""
        for name, _ in self._found("shop\\_\\_%"):
            self._admin(f'DROP DATABASE "{name}"')
        self.does("DELETE FROM users WHERE name = 'ada'")
        self.does("UPDATE users SET name = 'user-' || (id - 1) WHERE name LIKE '?%'")

    def _found(self, like: str) -> list[tuple[str, bool]]:
        with psycopg.connect(self._layout.dsn("postgres")) as connection:
            found = connection.execute(
                "SELECT datname, datallowconn FROM pg_database WHERE datname LIKE %s", (like,)
            )
            return found.fetchall()

    def _admin(self, statement: str) -> None:
        with psycopg.connect(self._layout.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture
def data(team: Any) -> Iterator[Data]:
    data = Data(team)
    yield data
    team.leaves()
    data.tidied()


def ships_what_spoils(team: Any, data: Data) -> str:
    """A release, backed up before, that is deployed and spoils data; no answer is wrong."""
    commit = team.production.commit()
    made = team.types("backup", "create", "--before-deploy", commit, "--json")
    assert made.json["warm_target"] is True, made
    team.production.push(commit)
    assert team.production.wait_deployed(commit).outcome == "deployed"
    for service in team.good:
        team.record(service, commit, Standing.CANDIDATE)
    data.does(SPOIL)
    data.does("INSERT INTO users (name) VALUES ('ada')")
    return str(commit)


def code_is_back(team: Any) -> bool:
    return all(team.live(service) == good for service, good in team.good.items())


def test_code_first_and_the_data_when_its_price_was_read(team: Any, data: Data) -> None:
    ships_what_spoils(team, data)
    spoilt = data.users()

    back = team.types("rollback", "--confirm", "production")

    assert back.code == 0, back
    told = " ".join((back.out + back.err).split())
    assert "code alone goes back, the data stays as it is" in told
    assert "next: the data is as it was. see: lastgood db preview; then: lastgood db swap" in told
    assert code_is_back(team)
    assert (data.users(), data.beside()) == (spoilt, ["lgwarm"])
    assert "check data showed damaged data before" in team.types("report").out
    again = team.rolls_back()  # the price is told once more, and nothing is done without it
    assert (again.code, again.json["error"]["code"]) == (5, "loss-unaccepted")

    swapped = team.types("db", "swap", "--confirm", "production", "--accept-loss", "1", "--json")
    assert (swapped.code, swapped.json["outcome"]) == (0, "recovered"), swapped
    assert data.users() == [f"user-{n}" for n in range(200)]
    assert team.types("check").code == 0


def test_over_a_migration_it_is_both_or_what_a_person_says(team: Any, data: Data) -> None:
    team.configure_backend(migrations="backend/VERSION")  # which every release changes
    bad = ships_what_spoils(team, data)
    spoilt = data.users()

    refused = team.rolls_back()
    assert (refused.code, refused.json["error"]["code"]) == (5, "loss-unaccepted")
    assert "--without-database" in refused.json["error"]["mend"]
    assert (team.live("backend"), data.users(), data.beside()) == (bad, spoilt, ["lgwarm"])

    back = team.rolls_back("--without-database")
    assert (back.code, back.json["outcome"]) == (0, "recovered"), back
    assert code_is_back(team)
    assert (data.users(), data.beside()) == (spoilt, ["lgwarm"])


def test_both_at_once_and_the_undo_of_both(team: Any, data: Data) -> None:
    bad = ships_what_spoils(team, data)
    spoilt = data.users()
    few = team.rolls_back("--accept-loss", "0")
    assert (few.code, few.json["error"]["code"]) == (5, "loss-over-accepted")
    assert (team.live("backend"), data.users()) == (bad, spoilt)
    shown = team.types("rollback", "--dry-run", "--accept-loss", "1", "--json")
    assert (shown.code, shown.json["databases"][0]["way"]) == (0, "warm-target")

    back = team.rolls_back("--accept-loss", "1")

    assert (back.code, back.json["outcome"]) == (0, "recovered"), back
    assert code_is_back(team)
    assert data.users() == [f"user-{n}" for n in range(200)]
    assert data.beside() == ["lgq"]
    again = team.rolls_back("--accept-loss", "9")
    assert (again.code, again.json["error"]["code"]) == (5, "nothing-to-do")

    undo = ("undo", "--confirm", "production", "--reason", "it was meant so", "--json")
    refused = team.types(*undo)
    assert (refused.code, refused.json["error"]["code"]) == (5, "loss-unaccepted")
    team.stops_looking_at("data")  # it would fail again, and rightly
    undone = team.types(*undo, "--accept-loss", "0")
    assert (undone.code, undone.json["outcome"]) == (0, "recovered"), undone
    assert (team.live("backend"), data.users(), data.beside()) == (bad, spoilt, ["lgq"])
