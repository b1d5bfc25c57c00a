"""Which adapter stands behind which port: networks where they are installed, classical methods else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steatoscope.apps.wiring import classical
from steatoscope.apps.wiring.ct_liver import NetworkCT
from steatoscope.apps.wiring.focal import NetworkCTFocal, NetworkUSFocal
from steatoscope.apps.wiring.models import GRAPH_GRADER, ChosenModel, chosen_model, shipped
from steatoscope.apps.wiring.mr_liver import NetworkMR
from steatoscope.apps.wiring.slice_anomaly import GreyLiver, SliceAnomalyFocal
from steatoscope.apps.wiring.trained import TrainingRecords
from steatoscope.apps.wiring.ultrasound import FirstModelGrader
from steatoscope.apps.wiring.us_gate import NetworkGate, plain_gate
from steatoscope.apps.wiring.us_graph import GraphGrader
from steatoscope.apps.wiring.us_organs import NetworkUltrasound
from steatoscope.apps.wiring.us_regions import RegionChain
from steatoscope.apps.wiring.us_steatosis import SteatosisGrader
from steatoscope.core.errors import UsageError
from steatoscope.core.image import Volume
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.ports import (
    FocalFindings,
    GateVerdict,
    Organs,
    Ports,
    PreparedView,
    UltrasoundGrader,
    UltrasoundReading,
)


def default_ports(options: AnalyseOptions) -> Ports:
    """The adapters of one analysis, with the model that ``options.model`` names in its place.

    Raises UsageError where there is no such model, or it cannot be used here. Shipped models are opened when they are
    first asked, so that an analysis reads only those of its own modality.
    """
    ports = Ports(
        ct_segmenter=_ct_segmenter,
        mr_segmenter=_mr_segmenter,
        us_segmenter=_us_segmenter,
        localiser=classical.localiser,
        us_grader=_us_grader,
        us_focal=_us_focal,
        ct_focal=_ct_focal,
        us_gate=_us_gate,
        trained_on=TrainingRecords(),
    )
    return ports if options.model is None else with_model(ports, chosen_model(options.model))


def with_model(ports: Ports, chosen: ChosenModel) -> Ports:
    """The ports with a chosen model behind the one that it fits; raises UsageError where it fits none."""
    folder = chosen.folder
    match (chosen.role, chosen.modality):
        case ("grader", "US"):
            fitted = replace(ports, us_grader=_chosen_grader(folder))
        case ("first", "US"):
            fitted = replace(ports, us_grader=FirstModelGrader(folder))
        case ("regions", "US"):
            fitted = RegionChain(folder).behind(ports)
        case ("segmenter", "US"):
            fitted = replace(ports, us_segmenter=NetworkUltrasound(folder))
        case ("segmenter", "CT"):
            fitted = replace(ports, ct_segmenter=NetworkCT(folder))
        case ("segmenter", "MR"):
            fitted = replace(ports, mr_segmenter=NetworkMR(folder))
        case ("detector", "US"):
            fitted = replace(ports, us_focal=NetworkUSFocal(folder))
        case ("detector", "CT"):
            fitted = replace(ports, ct_focal=NetworkCTFocal(folder))
        case ("slices", "CT"):
            fitted = replace(
                ports, ct_segmenter=GreyLiver(ports.ct_segmenter), ct_focal=SliceAnomalyFocal(folder), eight_bit=True
            )
        case _:
            raise UsageError(f"the model {folder.name!r} has no place in the analysis of {chosen.modality}")
    known = ports.trained_on if isinstance(ports.trained_on, TrainingRecords) else TrainingRecords()
    return replace(fitted, modality=chosen.modality, trained_on=known.beside(folder))


def _chosen_grader(folder: ModelFolder) -> UltrasoundGrader:
    return GraphGrader(folder) if GRAPH_GRADER in folder.settings else SteatosisGrader(folder)


def _ct_segmenter(volume: Volume) -> Organs:
    model = shipped("ct-segmenter")
    return classical.ct_segmenter(volume) if model is None else NetworkCT(model)(volume)


def _mr_segmenter(anatomy: Volume, pdff: Volume | None) -> Organs:
    model = shipped("mr-segmenter")
    return classical.mr_segmenter(anatomy, pdff) if model is None else NetworkMR(model)(anatomy, pdff)


def _us_segmenter(view: PreparedView) -> Organs:
    model = shipped("us-segmenter")
    return classical.us_segmenter(view) if model is None else NetworkUltrasound(model)(view)


def _us_grader(views: Sequence[PreparedView], level: float) -> UltrasoundReading:
    model = shipped("us-steatosis")
    return FirstModelGrader()(views, level) if model is None else SteatosisGrader(model)(views, level)


def _us_gate(view: PreparedView) -> GateVerdict:
    model = shipped("us-gate")
    return plain_gate(view) if model is None else NetworkGate(model)(view)


def _us_focal(view: PreparedView, organs: Organs) -> FocalFindings:
    model = shipped("us-localiser")
    return FocalFindings() if model is None else NetworkUSFocal(model)(view, organs)


def _ct_focal(volume: Volume, organs: Organs) -> FocalFindings:
    model = shipped("ct-localiser")
    return FocalFindings() if model is None else NetworkCTFocal(model)(volume, organs)
