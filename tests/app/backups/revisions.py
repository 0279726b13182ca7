"""A repository with migrations of Alembic, as teams write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lastgood import demo
from lastgood.testing.remote import GitRemote

if TYPE_CHECKING:
    from tests.app.backups.conftest import Shop

# Of the miniature production.
ENV = (Path(demo.__path__[0]) / "application/backend/migrations/env.py").read_text("utf-8")
# As `alembic init` writes it: it reads the file, also for its loggers.
GENERATED = """\
from logging.config import fileConfig
from alembic import context
from sqlalchemy import engine_from_config, pool
config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name)
section = config.get_section(config.config_ini_section, {})
with engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool).connect() as it:
    context.configure(connection=it, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""
SCRIPT = """\
revision, down_revision = {revision!r}, {former!r}
from alembic import op
def upgrade():
    {up}
def downgrade():
    {down}
"""
FOLDER = "db/migrations"
PATH = FOLDER + "/versions/{}.py"


def sql(*statements: str) -> str:
    """The body of a migration that executes these."""
    return "; ".join(f"op.execute({statement!r})" for statement in statements) or "pass"


def script(revision: str, former: str | None, up: str, down: str) -> dict[str, str]:
    """The file of one migration."""
    text = SCRIPT.format(revision=revision, former=former, up=up, down=down)
    return {PATH.format(revision): text}


def with_migrations(shop: Shop, env: str = ENV) -> GitRemote:
    """Give the shop a repository; its schema is at the first revision, `one`."""
    remote = GitRemote(shop.folder / "remote.git")
    remote.commit({f"{FOLDER}/env.py": env, **script("one", None, "pass", "pass")})
    site = {"driver": "releases", "path": str(shop.folder / "site")}
    (shop.folder / "site" / "releases").mkdir(parents=True)
    shop.environment["services"] = {"site": {"deploy": {**site, "repository": str(remote.place)}}}
    shop.main["migrations"] = {"path": FOLDER}
    shop.write()
    shop.server.execute(
        f"SET ROLE {shop.role}",
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('one')",
        name=shop.name,
    )
    return remote
