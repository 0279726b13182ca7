"""Tables are repaired from a backup by commands, and the repair is taken back by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from tests.shop import Shop

DAMAGE = (
    "UPDATE users SET email = 'bad ' || id WHERE id <= 150",
    "DELETE FROM trades WHERE id > 590",
    "INSERT INTO users (email) VALUES ('new@shop')",
)
USERS = ("db", "restore", "--table", "public.users")
TRADES = ("db", "restore", "--table", "trades")
SURE = ("--confirm", "production")


def rows(stall: Shop, query: str) -> list[Any]:
    with psycopg.connect(stall.dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def said(stall: Shop, *words: str) -> Any:
    ran = stall.types(*words, "--json")
    assert ran.code == 0, (ran.out, ran.err)
    return ran.json


def refused(stall: Shop, code: int, name: str, *words: str) -> str:
    ran = stall.types(*words, "--json")
    assert (ran.code, ran.json["error"]["code"]) == (code, name), ran
    return str(ran.json["error"])


def test_a_night_with_spoilt_users(stall: Shop) -> None:
    stall.database["warm_target"] = "off"
    stall.configure()
    backup = stall.said("create")["id"]
    with psycopg.connect(stall.dsn, autocommit=True) as connection:
        for statement in DAMAGE:
            connection.execute(statement.encode())
    spoilt = "SELECT count(*) FROM users WHERE email LIKE 'bad %'"

    # It stands nowhere yet: a rehearsal restores nothing.
    assert backup in refused(stall, 5, "copy-not-restored", *USERS, "--dry-run")
    refused(stall, 4, "not-confirmed", *USERS)
    assert "150" in refused(stall, 5, "loss-unaccepted", *USERS, *SURE)
    refused(stall, 5, "loss-over-accepted", *USERS, *SURE, "--accept-loss", "149")
    refused(stall, 2, "usage", *USERS, "--where", "id", *SURE)
    refused(stall, 2, "usage", "db", "restore", "--column", "email", *SURE)
    assert rows(stall, spoilt) == [(150,)]

    seen = said(stall, *USERS, "--dry-run", "--where", "id<=100", "--where", "email!=bad 7")
    assert (seen["overwritten"], seen["dry_run"], seen["before"]) == (99, True, "")
    done = said(stall, *USERS, *SURE, "--accept-loss", "150", "--column", "email")
    assert (done["overwritten"], done["returned"], done["left"]) == (150, 0, 0)
    assert (done["source"], done["tables"][0]["newer"]) == (backup, 1)
    assert rows(stall, spoilt) == [(0,)]
    assert rows(stall, "SELECT count(*) FROM users") == [(301,)]

    # What only brings rows back takes nothing from anybody: no number is asked for.
    trades = said(stall, *TRADES, *SURE)
    assert (trades["overwritten"], trades["returned"]) == (0, 10)
    again = stall.types(*TRADES, *SURE)
    assert again.code == 0
    assert "nothing had to be done" in again.out

    kept = said(stall, "db", "quarantine")["repairs"]
    assert [one["id"] for one in kept] == [done["before"], trades["before"]]
    assert done["before"] in stall.types("db", "quarantine").out
    undo = ("db", "undo", "--repair", done["before"])
    refused(stall, 4, "not-confirmed", *undo)
    assert said(stall, *undo, "--dry-run")["overwritten"] == 150
    assert rows(stall, spoilt) == [(0,)]
    assert said(stall, *undo, *SURE)["overwritten"] == 150
    assert rows(stall, spoilt) == [(150,)]
    refused(stall, 5, "no-before", *undo, *SURE)

    said(stall, "db", "quarantine", "--drop", trades["before"], *SURE)
    assert said(stall, "db", "quarantine")["repairs"] == []
    events = stall.events()
    assert "150 rows of main were overwritten and 0 brought back" in events
    assert f"the repair {done['before']} of main was taken back" in events


def test_what_is_kept_goes_with_time_but_not_while_an_incident_is_open(stall: Shop) -> None:
    stall.said("create")
    with psycopg.connect(stall.dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM trades WHERE id > 590")
    backup = stall.said("list")["backups"][0]["id"]
    assert said(stall, *TRADES, "--backup", backup, *SURE)["returned"] == 10
    stall.database["quarantine"] = "1ms"
    stall.configure()

    assert stall.types("incident", "open", "trades are gone").code == 0
    stall.run("create", "--if-due")
    assert len(said(stall, "db", "quarantine")["repairs"]) == 1
    assert stall.types("incident", "resolve", "--note", "they are back").code == 0
    stall.run("create", "--if-due")
    assert said(stall, "db", "quarantine")["repairs"] == []
