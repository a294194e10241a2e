"""What Dagster hands to the assets: the warehouse of this deployment."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb

from orchestration import database
from orchestration.run_lock import RunLock
from orchestration.settings import Settings


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The landing zone and working database that the environment (`C360_…`) names."""

    @property
    def settings(self) -> Settings:
        """Settings as the environment has them now."""
        return Settings()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["Warehouse", None, None]:
        """Hold the run lock, and the working database open, as long as the run uses the warehouse."""
        with RunLock(self.settings), database.kept_open():
            yield self

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the working database for one asset; steps run one after another and share one writer."""
        with database.connect(self.settings) as connection:
            yield connection


def tag_run(context: dg.AssetExecutionContext, **facts: str) -> None:
    """Tag the run with what it learns on its way (`c360/<fact>`), where the runs page shows and filters it."""
    context.instance.add_run_tags(context.run.run_id, {f"c360/{fact}": value for fact, value in facts.items()})
