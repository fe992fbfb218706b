"""Who was erased, by digest alone."""

import sqlalchemy as sa
from alembic import op

revision = "0006_erasure"
down_revision = "0005_rollout"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erased",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
