"""What Dagster hands to the assets: the warehouse of this deployment."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb

from orchestration import database
from orchestration.settings import Settings


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The landing zone and working database that the environment (`C360_…`) names."""

    @property
    def settings(self) -> Settings:
        """Settings as the environment has them now."""
        return Settings()

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the working database for one asset; steps run one after another and share one writer."""
        with database.connect(self.settings) as connection:
            yield connection
