"""``steatoscope schema``: the JSON Schemas of report, clinical input and manifests."""

from __future__ import annotations

import click

from steatoscope.apps.cli.output import emit


@click.command()
@click.argument("name", required=False, type=click.Choice(["report", "clinical", "manifest", "batch_row"]))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (the default).")
def schema(name: str | None, as_json: bool) -> None:
    """Print the JSON Schemas: all of them, or the one named."""
    from steatoscope.core.clinical_input import ClinicalInput
    from steatoscope.core.report import Report
    from steatoscope.pipeline.manifest import Manifest, ManifestRow

    schemas = {
        "report": Report.model_json_schema(by_alias=True),
        "clinical": ClinicalInput.model_json_schema(),
        "manifest": Manifest.model_json_schema(),
        "batch_row": ManifestRow.model_json_schema(),
    }
    emit(schemas[name] if name else schemas)
