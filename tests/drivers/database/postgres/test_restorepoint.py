"""A named point in the server's log: where the role may, and what is said where it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lastgood.errors import RefusedError
from lastgood.ports.database import RestorePoints

if TYPE_CHECKING:
    from tests.drivers.database.postgres.conftest import Case

RIGHT = "EXECUTE ON FUNCTION pg_create_restore_point(text)"


def test_it_is_made_by_a_role_that_may_and_by_no_other(case: Case) -> None:
    database = case.driver()
    assert isinstance(database, RestorePoints)
    with pytest.raises(RefusedError) as refused:
        database.restore_point("lastgood_1")
    assert refused.value.code == "no-restore-point"
    assert "pg_create_restore_point" in refused.value.mend
    case.server.execute(f'GRANT {RIGHT} TO "{case.role}"')
    first, second = database.restore_point("lastgood_1"), database.restore_point("lastgood_2")
    case.server.execute(f'REVOKE {RIGHT} FROM "{case.role}"')
    place = "SELECT pg_wal_lsn_diff(%s, %s) > 0"
    with case.server.superuser() as connection:
        assert connection.execute(place, (second, first)).fetchone() == (True,)


@pytest.mark.parametrize("name", ["", "a" * 64, "a b", "a'b", "é", "-a"])
def test_a_name_that_the_server_would_cut_or_a_restore_not_find_is_refused(
    embedded_case: Case, name: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        embedded_case.driver().restore_point(name)
    assert refused.value.code == "no-restore-point"
