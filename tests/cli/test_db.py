"""`lastgood db` on a real PostgreSQL: what becomes of the data, its documents, its refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.keeper import CONFIRM, PREVIEW, TABLE, Keeper
from tests.shop import TABLES, shop_on

from lastgood.demo.ending import end_runner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

NEW_USER = "INSERT INTO users (email) VALUES ('new@shop')"
LATER_USER = "INSERT INTO users (email) VALUES ('later@shop')"


def test_swapped_undone_and_salvaged(keeper: Keeper) -> None:
    backup = keeper.warm()
    good = keeper.shop.text()
    keeper.writes(NEW_USER, "UPDATE trades SET amount = 0 WHERE id <= 7")

    seen = keeper.db("preview")
    assert seen.code == 0, seen
    assert seen.json.keys() >= PREVIEW
    assert (seen.json["backup"], seen.json["vanish_total"], seen.json["complete"]) == (
        backup, 1, True,
    )  # fmt: skip
    assert all(table.keys() >= TABLE for table in seen.json["tables"])
    changed = {t["name"]: (t["vanish"], t["change"]) for t in seen.json["tables"]}
    assert changed == {"public.users": (1, 0), "public.trades": (0, 7)}
    told = keeper.shop.types("db", "preview")
    assert "lastgood db swap --confirm production --accept-loss 1" in " ".join(told.out.split())

    # Nothing goes without a number, nor with one that is too small.
    error = keeper.refused("swap", *CONFIRM)
    assert (error["code"], "--accept-loss 1" in error["mend"]) == ("loss-unaccepted", True)
    assert "--without-database" not in error["mend"]
    assert keeper.refused("swap", *CONFIRM, "--accept-loss", "0")["code"] == "loss-over-accepted"
    assert keeper.refused("swap", "--accept-loss", "1", code=4)["code"] == "not-confirmed"
    assert keeper.refused("swap", "--confirm", "staging", "--accept-loss", "1", code=4)
    assert keeper.refused("swap", *CONFIRM, "--accept-loss", "many", code=2)

    keeper.swaps(1)
    assert keeper.kinds() == {"live": 1, "warm": 0, "replaced": 1, "side": 0}
    assert keeper.users() == TABLES["public.users"]
    assert _rows(keeper.shop.text()) == _rows(good)
    listed = keeper.shop.said("list")
    assert listed["warm_target_problems"] == []  # it is known why it is gone
    assert [one["warm_target"] for one in listed["backups"]] == [False]
    assert keeper.refused("swap", *CONFIRM, "--accept-loss", "9")["code"] == "no-warm-target"

    # A salvage brings back what was written, once.
    rehearsed = keeper.db("salvage", "--dry-run")
    assert (rehearsed.code, rehearsed.json["brought"], keeper.users()) == (0, 1, 300)
    assert keeper.refused("salvage", code=4)["code"] == "not-confirmed"
    brought = keeper.db("salvage", *CONFIRM)
    assert (brought.code, brought.json["brought"], keeper.users()) == (0, 1, 301)
    assert keeper.db("salvage", *CONFIRM).json["brought"] == 0

    # The undo brings back what was replaced; what was written since is counted.
    keeper.writes(LATER_USER)
    (first,) = keeper.replaced()
    assert keeper.refused("undo", *CONFIRM)["code"] == "loss-unaccepted"
    keeper.swaps(2, way="undo")
    assert keeper.users() == 301
    assert keeper.kinds() == {"live": 1, "warm": 0, "replaced": 1, "side": 0}
    (second,) = keeper.replaced()
    assert second != first
    keeper.swaps(1, way="undo")  # the undo of the undo
    assert keeper.users() == 302
    salvaged = keeper.db("salvage", *CONFIRM)
    assert (salvaged.code, salvaged.json["brought"]) == (0, 0)


def _rows(dump: str) -> list[str]:
    """A dump without the sequences' places: they go on behind the replaced database's."""
    return [line for line in dump.splitlines() if "setval" not in line]


def test_restored_first_where_none_stands(keeper: Keeper) -> None:
    shop = keeper.shop
    shop.database["warm_target"] = "off"
    shop.database["before_open"] = [{"command": ["false"]}]
    shop.configure()
    backup = shop.said("create")["id"]
    keeper.writes(NEW_USER)
    error = keeper.refused("swap", *CONFIRM, "--accept-loss", "1")
    assert (error["code"], "lastgood db restore" in error["mend"]) == ("no-warm-target", True)
    assert "lastgood db restore --confirm production" in " ".join(
        shop.types("db", "preview").out.split()
    )

    before = shop.text(), shop.databases()
    dry = keeper.db("restore", "--dry-run", "--accept-loss", "1")
    assert dry.code == 0, dry
    assert [step["kind"] for step in dry.json["steps"]] == ["precheck", "restore", "swap", "verify"]
    assert (shop.text(), shop.databases()) == before

    # The copy is restored, and what comes after fails: it is kept, and not restored again.
    failed = keeper.db("restore", *CONFIRM, "--accept-loss", "1")
    assert (failed.code, failed.json["code"]) == (1, "hook-failed")
    assert (keeper.kinds(), keeper.users()) == (
        {"live": 1, "warm": 1, "replaced": 0, "side": 0}, 301,
    )  # fmt: skip

    del shop.database["before_open"]
    shop.configure()
    done = keeper.swaps(1)
    assert [step["id"] for step in done["steps"]] == ["precheck", "swap:main", "verify"]
    assert keeper.users() == 300
    assert shop.said("show")["id"] == backup


def test_what_is_kept_is_dropped_only_with_a_word(keeper: Keeper) -> None:
    keeper.warm()
    keeper.swaps(0)
    (former,) = keeper.replaced()
    assert keeper.shop.types("incident", "resolve").code == 0  # until then nothing is promoted
    keeper.warm()
    everything = {"live": 1, "warm": 1, "replaced": 1, "side": 0}
    assert keeper.kinds() == everything

    for words in (("--drop", former), ("--drop-warm-target",)):
        assert keeper.db("quarantine", *words, "--dry-run").json["dry_run"] is True
        assert keeper.refused("quarantine", *words, code=4)["code"] == "not-confirmed"
    assert keeper.refused("quarantine", "--drop", former, "--drop-warm-target", *CONFIRM, code=2)
    assert keeper.kinds() == everything

    assert keeper.db("quarantine", "--drop", former, *CONFIRM).json["quarantined"] == []
    assert keeper.refused("quarantine", "--drop", former, *CONFIRM)["code"] == "no-quarantine"
    assert keeper.db("quarantine", "--drop-warm-target", *CONFIRM).json["dropped"]
    assert keeper.kinds() == {"live": 1, "warm": 0, "replaced": 0, "side": 0}
    assert keeper.refused("undo", "--accept-loss", "0", *CONFIRM)["code"] == "no-quarantine"
    assert keeper.refused("salvage", *CONFIRM)["code"] == "no-quarantine"


HOSTILE = ("x'; DROP DATABASE postgres; --", 'a"b\nc\x1b[31m', "y" * 1000, "../../etc", "")


def test_hostile_names_are_names_that_there_are_not(keeper: Keeper) -> None:
    keeper.warm()
    for word in HOSTILE:
        for words in (
            ("preview", "--backup", word),
            ("preview", "--database", word),
            ("swap", *CONFIRM, "--accept-loss", "0", "--backup", word),
            ("swap", *CONFIRM, "--accept-loss", "0", "--database", word),
            ("restore", *CONFIRM, "--accept-loss", "0", "--backup", word),
            ("undo", word, *CONFIRM),
            ("salvage", word, *CONFIRM),
            ("quarantine", "--drop", word, *CONFIRM),
        ):
            ran = keeper.db(*words)
            assert ran.code in {2, 5}, (words, ran)
            error = ran.json["error"]
            assert error["mend"], words
            assert len(error["message"]) < 300, words
            assert "\n" not in error["message"], words
    assert keeper.kinds() == {"live": 1, "warm": 1, "replaced": 0, "side": 0}


def test_a_damaged_backup_leaves_all_as_it_is_and_the_one_before_works(keeper: Keeper) -> None:
    shop = keeper.shop
    shop.database["warm_target"] = "off"
    shop.configure()
    older = shop.said("create")["id"]
    newer = shop.said("create")["id"]
    keeper.writes(NEW_USER)
    dump = shop.part(newer)
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)

    ran = keeper.db("restore", *CONFIRM, "--accept-loss", "1")

    assert (ran.code, ran.json["outcome"], ran.json["code"]) == (1, "failed", "restore-failed")
    assert (keeper.kinds(), keeper.users()) == (
        {"live": 1, "warm": 0, "replaced": 0, "side": 0}, 301,
    )  # fmt: skip
    (failed,) = [step for step in ran.json["steps"] if step["error"]]
    assert newer in failed["error"]
    assert "damaged" in failed["error"]
    assert "an older backup is taken then" in failed["mend"]
    # From now on it is passed over by itself.
    assert keeper.db("preview").json["backup"] == older
    done = keeper.swaps(1, "--backup", older, way="restore")
    assert done["steps"][1]["id"] == "restore:main"
    assert keeper.users() == 300


def test_without_the_store_what_stands_is_enough(keeper: Keeper) -> None:
    warm = keeper.warm()
    (keeper.shop.place / "backups").rename(keeper.shop.place / "gone")
    assert keeper.db("preview").json["backup"] == warm
    keeper.swaps(0)
    assert keeper.kinds() == {"live": 1, "warm": 0, "replaced": 1, "side": 0}
    assert keeper.refused("swap", *CONFIRM, "--accept-loss", "0")["code"] == "no-backup"


def test_a_server_that_does_not_answer_is_said_and_nothing_else(keeper: Keeper) -> None:
    shop = keeper.shop
    shop.said("create")
    shop.database["dsn"] = f"postgresql://nobody@/{shop.name}?host={shop.place}"
    shop.configure()
    for words in (("swap",), ("restore",)):
        ran = keeper.db(*words, *CONFIRM, "--accept-loss", "0")
        assert ran.code == 5, ran
        error = ran.json["error"]
        assert "does not answer" in error["message"], error
        assert "no backup is proven" not in error["message"] + error["cause"], error
    for word in ("preview", "quarantine", "salvage"):
        ran = keeper.db(word, *(CONFIRM if word == "salvage" else ()))
        assert ran.code in {1, 5}, ran
        assert ran.json["error"]["mend"]


def test_a_role_that_may_not_make_databases_is_told_what_it_lacks(
    embedded: Server, tmp_path: Path
) -> None:
    shop = shop_on(embedded, tmp_path / "poor", attributes="")
    try:
        keeper = Keeper(shop)
        fact = shop.facts()["can be swapped"]
        assert not fact.ok
        assert "CREATEDB" in fact.mend
        error = keeper.refused("swap", *CONFIRM, "--accept-loss", "0")
        assert "CREATEDB" in error["mend"], error
        embedded.execute(f'ALTER ROLE "{shop.role}" CREATEDB')
        assert shop.facts()["can be swapped"].ok
        assert keeper.kinds() == {"live": 1, "warm": 0, "replaced": 0, "side": 0}
    finally:
        end_runner(shop.place / ".lastgood")
        shop.drop()


def test_the_report_tells_an_auditor_what_became_of_the_data(keeper: Keeper) -> None:
    """Of many tables, one with an odd name, and many rows that cannot be brought back."""
    odd = 'CREATE TABLE "odd \u2028|`name`" (id int PRIMARY KEY)'
    keeper.writes(odd, *(f"CREATE TABLE many_{n} (id int PRIMARY KEY)" for n in range(40)))
    backup = keeper.warm()
    keeper.writes(
        'INSERT INTO "odd \u2028|`name`" VALUES (1)',
        *(f"INSERT INTO many_{n} VALUES (1)" for n in range(40)),  # noqa: S608 - numbers
        "INSERT INTO users (email) SELECT n || '@shop' FROM generate_series(1, 120) n",
        "DELETE FROM trades WHERE id <= 3",
    )
    done = keeper.swaps(161)
    keeper.writes("INSERT INTO users (email) SELECT n || '@shop' FROM generate_series(1, 120) n")
    salvaged = keeper.db("salvage", *CONFIRM).json
    assert (salvaged["brought"], salvaged["left"]) == (41, 120)

    ran = keeper.shop.types("report", done["run"])
    assert ran.code == 0, ran
    told = ran.out
    for part in (
        "161 rows vanished",
        f"{backup} of ",
        "nobody could connect for",
        "the replaced database is kept as",
        "| public.users | 420 | 300 | 120 | 0 | 0 | exact |",
        "| public.trades | 597 | 600 | 0 | 3 | 0 | exact |",
        "salvage brought 41 rows back and left 120 out",
    ):
        assert part in told, told
    document = keeper.shop.types("report", done["run"], "--json").json["report"]
    (swap,) = [step for step in document["steps"] if step["step"] == "swap:main"]
    assert swap["outcome"]["detail"]["closed_s"]
