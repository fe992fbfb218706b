"""Prices as they hold, as they arrived, and what sessions were told of."""

import sqlalchemy as sa
from alembic import op

revision = "0004_prices"
down_revision = "0003_inbox"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "price",
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_per_kwh", sa.Float(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("area", "starts_at"),
    )
    op.create_table(
        "price_arrival",
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("series_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("area", "digest"),
    )
    op.create_table(
        "price_told",
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("on", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("area", "on"),
    )
