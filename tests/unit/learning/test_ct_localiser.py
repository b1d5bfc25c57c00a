from dataclasses import replace

import numpy as np
import pytest

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.learning.inference import ct_localiser
from steatoscope.learning.inference.ct_localiser import localise_ct, plausible
from steatoscope.learning.inference.ct_localiser_link import Seen, linked, one_kind_a_place, overlap, region_score
from steatoscope.learning.inference.ct_localiser_window import CANVAS, LiverWindow, window_input
from steatoscope.learning.inference.detector import Detection


def disc(centre, radius, shape=CANVAS):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2


def detection(mask, score=0.8, label="lesion"):
    return Detection((0.0, 0.0, 1.0, 1.0), score, label, mask, np.zeros(2, dtype=np.float32))


def test_the_window_centres_the_liver_at_one_millimetre_a_pixel():
    liver = np.zeros((512, 512), dtype=bool)
    liver[100:300, 60:280] = True
    window = LiverWindow.around(liver, (0.75, 0.75))
    assert window.scale == pytest.approx((0.75, 0.75))
    canvas = window.to_canvas(liver) > 0.5
    assert canvas.sum() == pytest.approx(liver.sum() * 0.75**2, rel=0.02)
    rows, columns = np.nonzero(canvas)
    assert (columns.mean(), rows.mean()) == pytest.approx(((CANVAS[1] - 1) / 2, (CANVAS[0] - 1) / 2), abs=0.6)


def test_a_liver_that_would_not_fit_makes_the_window_coarser():
    liver = np.zeros((512, 512), dtype=bool)
    liver[10:500, 10:500] = True
    window = LiverWindow.around(liver, (0.8, 0.8))
    assert window.scale[0] == pytest.approx((CANVAS[0] - 24) / 490, rel=1e-6)
    assert not (window.to_canvas(liver) > 0.5)[0].any()


def test_masks_come_back_where_they_were():
    liver = disc((250, 200), 140, (512, 512))
    window = LiverWindow.around(liver, (0.7, 0.7))
    small = disc((210, 180), 20, (512, 512))
    back = window.from_canvas(window.to_canvas(small) > 0.5)
    assert (back & small).sum() / (back | small).sum() > 0.93


def test_the_input_is_hu_above_the_liver():
    assert window_input(np.array([[60.0, 100.0, -900.0]]), 60.0).tolist() == [[0.0, 1.0, -5.0]]


def test_the_surer_kind_stays_where_two_overlap():
    one, other, apart = disc((50, 50), 10), disc((53, 50), 10), disc((120, 50), 10)
    found = one_kind_a_place([detection(one, 0.5), detection(other, 0.9, "fatty"), detection(apart, 0.3)])
    assert [(d.score, d.label) for d in found] == [(0.9, "fatty"), (0.3, "lesion")]
    assert overlap(one, one) == 1.0
    assert overlap(one, apart) == overlap(one, np.zeros(CANVAS, dtype=bool)) == 0.0


def test_neighbours_that_overlap_are_one_region():
    same, far = disc((50, 50), 10), disc((150, 60), 10)
    seen = [
        Seen(0, detection(same, 0.6)),
        Seen(1, detection(same, 0.9)),
        Seen(2, detection(far)),
        Seen(3, detection(same)),
    ]
    chains = linked(seen)
    assert sorted(len(chain) for chain in chains) == [1, 1, 2]
    assert region_score(chains[0], several=True) == pytest.approx(0.75)
    assert region_score(chains[1], several=True) == pytest.approx(0.4)
    assert region_score(chains[1], several=False) == pytest.approx(0.8)


def test_fat_is_darker_and_sparing_brighter_than_the_liver():
    mask, dark = disc((50, 50), 10), np.full(CANVAS, 20.0, dtype=np.float32)
    assert plausible(detection(mask, label="fatty"), dark, 50.0)
    assert not plausible(detection(mask, label="spared"), dark, 50.0)
    assert plausible(detection(mask, label="lesion"), dark, 50.0)
    bright = np.full(CANVAS, 90.0, dtype=np.float32)
    assert plausible(detection(mask, label="spared"), bright, 50.0)
    assert not plausible(detection(mask, label="spared"), bright, 70.0)
    assert not plausible(detection(mask, label="fatty"), bright, 50.0)
    assert not plausible(detection(np.zeros(CANVAS, dtype=bool)), dark, 50.0)


class DarkSpots:
    """Stands for the detector: every dark spot of the canvas inside the liver is a lesion."""

    class settings:
        operating = 0.5

    def detect(self, canvas, allowed):
        mask = (canvas < -0.5) & allowed
        return [detection(mask, 0.9)] if mask.sum() > 20 else []


class Model:
    name, version = "ct-localiser", "0"
    settings = {"volume_operating": 0.6}  # noqa: RUF012


@pytest.fixture
def spotted(monkeypatch):
    """A volume of 2.5 mm slices with a liver of 60 HU and a ball of 20 HU, radius 12 mm; and the liver."""
    monkeypatch.setattr(ct_localiser.Detector, "open", lambda model: DarkSpots())
    z, y, x = np.mgrid[:40, :200, :240].astype(float)
    liver = ((x - 100) / 70) ** 2 + ((y - 100) / 60) ** 2 + ((z - 20) / 16) ** 2 <= 1
    ball = (x - 80) ** 2 + (y - 110) ** 2 + ((z - 18) * 2.5) ** 2 <= 12**2
    data = np.where(ball, 20.0, 60.0).astype(np.float32)
    return Volume(data, Geometry.from_spacing((2.5, 1.0, 1.0)), "HU"), liver


def test_a_ball_is_one_region_with_its_place_and_size(spotted):
    volume, liver = spotted
    (part,) = localise_ct(volume, liver, Model())
    assert part.kind == "lesion"
    assert part.score == pytest.approx(0.9)
    assert np.array(part.box[:4]) == pytest.approx([68, 98, 93, 123], abs=2)
    assert part.box[4] in {17, 18, 19}
    assert part.size_ml == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.25)
    assert part.size_mm2 == pytest.approx(np.pi * 12**2, rel=0.1)
    assert "simulated" in part.detector


def test_a_flipped_volume_gives_the_flipped_region(spotted):
    volume, liver = spotted
    (straight,) = localise_ct(volume, liver, Model())
    affine = volume.geometry.affine.copy()
    affine[0] *= -1
    flipped = Volume(volume.data[:, :, ::-1].copy(), Geometry(affine), "HU")
    (part,) = localise_ct(flipped, liver[:, :, ::-1], Model())
    assert np.array(part.box[:4]) == pytest.approx(
        [240 - straight.box[2], straight.box[1], 240 - straight.box[0], straight.box[3]], abs=1
    )


def test_unknown_geometry_has_no_sizes_and_no_liver_no_regions(spotted):
    volume, liver = spotted
    unknown = replace(volume, geometry=Geometry.from_spacing((1.0, 1.0, 1.0), known=False))
    (part,) = localise_ct(unknown, liver, Model())
    assert part.size_ml is None
    assert part.size_mm2 is None
    assert part.size_px > 0
    assert localise_ct(volume, np.zeros_like(liver), Model()) == []
    with pytest.raises(ValueError, match="shape"):
        localise_ct(volume, liver[:, :, :10], Model())


def test_the_shipped_model_finds_simulated_lesions_and_nothing_where_there_is_none():
    from steatoscope.learning.evaluation.ct_focal_volumes import judged, simulated_volume
    from steatoscope.learning.inference.session import open_model

    model = open_model("ct-localiser")
    phantom = simulated_volume(0)
    found = localise_ct(phantom.volume, phantom.masks["liver"], model)
    assert judged(phantom, found, 0.0).hit >= 1
    assert all("simulated" in part.detector for part in found)
    assert [part.score for part in found] == sorted((part.score for part in found), reverse=True)
    assert found == localise_ct(phantom.volume, phantom.masks["liver"], model)
    healthy = simulated_volume(2)
    assert judged(healthy, localise_ct(healthy.volume, healthy.masks["liver"], model), 0.0).false <= 1
