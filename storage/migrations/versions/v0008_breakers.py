"""What each worker says of its breakers."""

import sqlalchemy as sa
from alembic import op

revision = "0008_breakers"
down_revision = "0007_rounds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "breaker",
        sa.Column("process", sa.String(), primary_key=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open_vendors", sa.Text(), nullable=False),
    )
