"""Which deliveries a round of working off has taken."""

import sqlalchemy as sa
from alembic import op

revision = "0007_rounds"
down_revision = "0006_erasure"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("is_taken", sa.Boolean(), nullable=False, server_default=sa.false()))
