"""Which adapter stands behind which port."""

from __future__ import annotations

from steatoscope.apps.wiring.classical import ct_segmenter, localiser, mr_segmenter, us_segmenter
from steatoscope.apps.wiring.ultrasound import FirstModelGrader
from steatoscope.core.errors import UsageError
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.ports import Ports

US_MODELS = ("us-first",)


def default_ports(options: AnalyseOptions) -> Ports:
    """The shipped adapters; raises UsageError where ``options.model`` names no model that can be used here."""
    if options.model is not None and options.model not in US_MODELS:
        raise UsageError(f"there is no model {options.model!r} for analyze; choose from {', '.join(US_MODELS)}")
    return Ports(
        ct_segmenter=ct_segmenter,
        mr_segmenter=mr_segmenter,
        us_segmenter=us_segmenter,
        localiser=localiser,
        us_grader=FirstModelGrader(),
    )
