"""What Alembic runs: the migrations on the connection and in the transaction it is given."""

from alembic import context

from lastgood.store.revision import TABLE
from lastgood.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=TABLE,
    transactional_ddl=True,
)
context.run_migrations()
