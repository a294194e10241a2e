"""How dbt nodes appear in Dagster: one method.

What belongs here: keys and groups of the dbt assets. What does not: running dbt; owners and descriptions, which
stand in the models' own yml.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject


class WarehouseTranslator(DagsterDbtTranslator):
    """Asset key `[schema, name]`, group = schema; a source keeps the key it names in its own yml."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None = None
    ) -> dg.AssetSpec:
        """The spec of one dbt model, seed or source."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if unique_id in manifest["sources"]:
            return spec
        node = manifest["nodes"][unique_id]
        return spec.replace_attributes(
            key=dg.AssetKey([node["schema"], node["name"]]),
            group_name=node["schema"],
            # dbt's own default appends the compiled SQL, which has a page of its own.
            description=node["description"] or None,
        )
