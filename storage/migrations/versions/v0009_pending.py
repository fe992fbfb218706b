"""What waits is found without its bodies; what a round has taken is noted apart from them."""

import sqlalchemy as sa
from alembic import op

revision = "0009_pending"
down_revision = "0008_breakers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("taken_delivery", sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False))
    op.execute(
        "INSERT INTO taken_delivery (number) SELECT number FROM delivery"
        " WHERE is_taken AND NOT is_done AND set_aside_at IS NULL"
    )
    op.drop_column("delivery", "is_taken")
    op.drop_index("ix_delivery_is_done", "delivery")
    op.drop_index("ix_delivery_set_aside_at", "delivery")
    op.create_index(
        "ix_delivery_pending",
        "delivery",
        ["number", "received_at"],
        sqlite_where=sa.text("is_done IS 0 AND set_aside_at IS NULL"),
        postgresql_where=sa.text("is_done IS false AND set_aside_at IS NULL"),
    )
    op.create_index(
        "ix_delivery_set_aside_at",
        "delivery",
        ["set_aside_at"],
        sqlite_where=sa.text("set_aside_at IS NOT NULL"),
        postgresql_where=sa.text("set_aside_at IS NOT NULL"),
    )
