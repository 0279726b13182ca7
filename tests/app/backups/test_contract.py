"""A copy that the good release could not work with is restorable, and swapped in by nobody."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest
from tests.app.backups.warmed import GOOD, Shop

from lastgood.app.databases.surveying import preview
from lastgood.cli.main import run
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Server


@pytest.fixture
def shop(embedded: Server, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path, embedded)
    yield shop
    for backup in shop.kept:
        embedded.execute(f'DROP DATABASE "{shop.kept_name(backup)}" WITH (FORCE)')
    embedded.execute(f"DROP DATABASE {shop.name} WITH (FORCE)")
    shop.close()


def document(shop: Shop, *words: str) -> Any:
    with redirect_stdout(io.StringIO()) as out:
        assert run(["backup", *words, "--json", "--config", str(shop.config)]) == 0
    return json.loads(out.getvalue())


def test_it_is_passed_over_until_the_contract_is_kept(shop: Shop) -> None:
    shop.configure(warm_target="every-backup", contract={"command": ["test", "-e", "kept"]})
    shop.deploy(GOOD)

    backup = shop.made()

    assert shop.kept == []
    assert any("not to be swapped in" in line for line in shop.said)
    shown = document(shop, "show", backup)
    assert shown["restorable"] is True
    assert [one["code"] for one in shown["unfit"]] == ["contract-failed"]
    with pytest.raises(RefusedError, match="contract is not kept"):
        preview(shop.project, None, None)
    # Who names it gets it, and is told.
    _, named, _ = preview(shop.project, None, backup)
    assert "contract is not kept" in named.doubt

    (shop.folder / "kept").touch()
    assert document(shop, "verify", backup)["unfit"] == []
    assert shop.kept == [backup]
    _, chosen, _ = preview(shop.project, None, None)
    assert (chosen.id, chosen.doubt) == (backup, "")
