"""Who brought a delivery and what became of it; when a device was last heard of, and when it vanished."""

import sqlalchemy as sa
from alembic import op

revision = "0003_inbox"
down_revision = "0002_tenants"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("origin", sa.String(), nullable=False, server_default="webhook"))
    op.add_column("delivery", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("delivery", sa.Column("failure", sa.String(), nullable=True))
    op.add_column("delivery", sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_delivery_set_aside_at", "delivery", ["set_aside_at"])
    op.add_column("device", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("device", sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True))
