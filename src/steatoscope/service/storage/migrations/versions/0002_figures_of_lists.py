"""Figures of lists: whether a result is of simulated images, and one index that holds what lists filter and sort by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change; results that are there are judged by the text of their reports."""
    op.add_column("results", sa.Column("simulated", sa.Boolean(), server_default=sa.false(), nullable=False))
    results = sa.table("results", sa.column("report", sa.JSON()), sa.column("simulated", sa.Boolean()))
    marked = sa.cast(results.c.report, sa.Text()).contains('"W_SIMULATED"')
    op.execute(results.update().where(marked).values(simulated=True))
    figures = ["study_id", "id", "fat_percent", "grade", "status", "scale", "simulated"]
    op.create_index("ix_results_figures", "results", figures, unique=False)
    op.drop_index("ix_results_grade", "results")


def downgrade() -> None:
    """Take the change back."""
    op.drop_index("ix_results_figures", "results")
    with op.batch_alter_table("results", schema=None) as batch_op:
        batch_op.drop_column("simulated")
        batch_op.create_index("ix_results_grade", ["grade"], unique=False)
