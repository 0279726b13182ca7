"""The shop's users and their orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

USERS = 200


def upgrade() -> None:
    """Create both tables and the shop's first users."""
    users = op.create_table(
        "users",
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("email", sa.Text),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("user_hash", sa.Text, nullable=False, index=True),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column(
            "placed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )
    names = [f"user-{number}" for number in range(USERS)]
    op.bulk_insert(users, [{"name": name, "email": f"{name}@shop.invalid"} for name in names])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("orders")
    op.drop_table("users")
