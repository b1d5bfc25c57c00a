"""Refusals of foreign images are told in German, with their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from service_kit import Bench
from steatoscope.core.errors import SteatoscopeError, warning
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Clip, Volume
from steatoscope.pipeline.remedies import EVERYTHING
from steatoscope.pipeline.us_views import unreadable
from steatoscope.science.quantify.coverage import in_view
from steatoscope.science.quantify.plausible import bone_fault, ct_fault, mr_fault

GRID = Geometry.from_spacing((10.0, 10.0, 10.0))
FLAT = Volume(np.full((2, 40, 40), 50.0, np.float32), GRID, "HU")
DENSE = Volume(np.where(np.arange(3200).reshape(2, 40, 40) % 10 == 0, -100.0, 700.0).astype(np.float32), GRID, "HU")
COLOURED = Clip(np.zeros((1, 40, 40), np.uint8), coloured=np.array([0.0815]))


def foreign() -> SteatoscopeError:
    from steatoscope.apps.wiring.us_gate import _foreign

    return _foreign(2.457)


def flat(speckle: float, structure: float) -> SteatoscopeError:
    from steatoscope.apps.wiring.us_flat import flat_picture

    return flat_picture({"plain_speckle_sd": np.array([speckle]), "plain_contrast_spread": np.array([structure])})


def spoken_german(bench: Bench, said: str) -> str:
    from flask_babel import force_locale

    from steatoscope.apps.web.speech import spoken

    with bench.app.test_request_context(), force_locale("de"):
        return str(spoken(said))


@pytest.mark.parametrize(
    ("said", "german"),
    [
        (foreign().cause, "Sein Abstand von Leberbildern ist das 2,46-Fache des größten zulässigen."),
        (unreadable(COLOURED).cause, "Jedes Bild enthält Farbe (8,2 % der Bildpunkte oder mehr"),
        (unreadable(Clip(np.zeros((1, 40, 40), np.uint8))).cause, "(die Grauwerte streuen um 0 von 255)"),
        (ct_fault(FLAT), "0,0 % des Körpers haben die Dichte von Fett (mindestens 1 %)."),
        (ct_fault(DENSE), "0 % des Körpers haben die Dichte von Weichteilen (mindestens 20 %)."),
        (bone_fault(FLAT), "ist in 0 von 2 Schichten (mindestens 50 %)."),
        (flat(1.239, 9.0).cause, "Die Speckle streuen um 1,24 von 255 Graustufen (mindestens 2)."),
        (flat(3.0, 4.5).cause, "Das Gewebe streut um 4,50 von 255 Graustufen (mindestens 6)."),
        (mr_fault(FLAT, np.full(FLAT.data.shape, 5.0)), "0,0 % der Voxel mit Signal sind Fett"),
        (in_view(np.ones((3, 10, 10), dtype=bool), GRID), "300 mL sind im Bild, etwa 17 bis 43 % der Leber"),
        (warning("W_OOD", f"View AR was left out: {foreign().cause}").message, "das 2,46-Fache"),
    ],
)
def test_causes_keep_their_numbers(bench: Bench, said: str, german: str) -> None:
    assert said
    assert german in spoken_german(bench, said)


def test_every_message_and_remedy_has_a_translation(bench: Bench) -> None:
    assert [text for text in EVERYTHING if spoken_german(bench, text) == text] == []
