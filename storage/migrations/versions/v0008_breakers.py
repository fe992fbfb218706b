"""What each worker says of its breakers; and, with a first answer, where the thing that was made stands."""

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
    op.add_column("first_answer", sa.Column("location", sa.String(), nullable=True))
