"""Segmentation training: variation with known effects, unknown truth, and a packed model that answers as trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from steatoscope.learning.inference.prepare import Prepared, hu_of_clipped, network_input, prepare_ct  # noqa: E402
from steatoscope.learning.inference.slices import SliceSegmenter  # noqa: E402
from steatoscope.learning.model_folder import read_folder  # noqa: E402
from steatoscope.learning.training.augment import (  # noqa: E402
    LIVER_HU,
    Warp,
    random_matrix,
    vary_ct,
    vary_mr,
    vary_us,
    warped,
)
from steatoscope.learning.training.segment import pack_segmenter, train_segmenter  # noqa: E402
from steatoscope.learning.training.segment_batches import CanvasPicture, SegmentBatches  # noqa: E402
from steatoscope.learning.training.segment_card import CardFacts, Figure, card  # noqa: E402
from steatoscope.learning.training.segment_pictures import ct_picture, mr_picture  # noqa: E402


def _disc(size: int = 128, radius: float = 30.0) -> np.ndarray:
    rows, columns = np.indices((size, size))
    return np.asarray(np.hypot(rows - size / 2, columns - size / 2) < radius)


def _slice() -> tuple[np.ndarray, np.ndarray]:
    """A body of 60 grey levels with a liver of 110 in it, clipped fat about both."""
    liver, body = _disc(radius=20.0), _disc(radius=50.0)
    grey = np.where(liver, 110, np.where(body & ~_disc(radius=25.0), 60, 0)).astype(np.uint8)
    return grey, liver


def test_ct_variation_moves_the_liver_and_fills_what_was_clipped() -> None:
    grey, liver = _slice()
    hu, soft = grey.astype(np.float32), liver.astype(np.float32)
    outside = (~_disc(radius=51.0)).astype(np.float32)
    unknown = (grey <= 2).astype(np.float32)
    medians, fat = [], []
    for seed in range(60):
        varied = vary_ct(hu, soft, outside, unknown, np.random.default_rng(seed))
        medians.append(float(np.median(varied[_disc(radius=15.0)])))
        fat.append(float(np.median(varied[_disc(radius=24.0) & ~_disc(radius=21.0)])))
        assert np.median(varied[outside > 0]) == pytest.approx(-150.0, abs=15.0)
    assert min(medians) < -10.0
    assert max(medians) > 120.0
    assert min(medians) > LIVER_HU[0] - 15.0
    assert max(fat) < -40.0


def test_grey_variation_stays_in_range_and_differs_by_seed() -> None:
    grey = np.random.default_rng(0).uniform(0.0, 255.0, (64, 96)).astype(np.float32)
    for vary in (vary_us, vary_mr):
        one, again, other = (vary(grey, np.random.default_rng(seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, again)
        assert not np.array_equal(one, other)
        assert one.min() >= 0.0
        assert one.max() <= 1.5 * 255.0


def test_masks_move_with_the_picture() -> None:
    layers = np.stack([np.where(_disc(), 255, 0), np.where(_disc(), 255, 0)]).astype(np.uint8)
    moved = warped(layers, random_matrix(np.random.default_rng(3), (128, 128), Warp()))
    np.testing.assert_array_equal(moved[0], moved[1])
    still = warped(layers, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    np.testing.assert_array_equal(still, layers)


def test_batches_depend_on_seed_and_step_alone() -> None:
    grey, liver = _slice()
    pictures = [ct_picture("a", grey, liver), ct_picture("b", grey[::-1].copy(), liver)]
    one, again = SegmentBatches(pictures, "ct", 5), SegmentBatches(pictures, "ct", 5)
    for first, second in zip(one(17), again(17), strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(one(17)[0], one(18)[0])
    image, masks, known = one(0)
    assert image.shape == (8, 1, 256, 256)
    assert masks.shape == known.shape == (8, 1, 256, 256)
    assert float(masks.max()) <= 1.0


def test_clipped_slices_get_fat_and_air_back() -> None:
    grey, _ = _slice()
    hu = hu_of_clipped(grey)
    assert hu[0, 0] == -1000.0
    assert hu[64, 64 + 23] == -100.0
    assert hu[64, 64] == 110.0


def test_a_trained_network_ships_as_it_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures: list[CanvasPicture] = []
    for number in range(2):
        centre = rng.uniform(44, 84, 2)
        rows, columns = np.indices((128, 128))
        organ = np.hypot(rows - centre[0], columns - centre[1]) < 22
        signal = np.where(organ, 160, 60) + rng.normal(0, 6, organ.shape)
        pictures.append(mr_picture(str(number), np.clip(signal, 0, 255).astype(np.uint8), organ))
    network = train_segmenter(pictures, kind="mr", steps=2, seed=1, out=tmp_path / "run")
    torch.manual_seed(99)  # what was drawn before has no say in where a training starts
    again = train_segmenter(pictures, kind="mr", steps=2, seed=1)
    for ours, theirs in zip(network.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.0, atol=1e-6)
    rows_of = [{"path": "a.png", "sha256": "0" * 64, "subject": "a"}]
    facts = CardFacts("drawn discs", "none", "Apache-2.0", 2, 2, "none", 2, [Figure("discs", "Dice", 0.9, None, 2)])
    text = card("mr", "1.0.0", "liver on MR magnitude", facts)
    assert pack_segmenter(network, "mr", tmp_path / "mr-segmenter", rows=rows_of, text=text, seed=1) <= 1e-4
    segmenter = SliceSegmenter.open(read_folder(tmp_path / "mr-segmenter"))
    prepared = Prepared(pictures[0].grey.astype(np.float32), pictures[0].layers[0] > 0, None)  # type: ignore[arg-type]
    x = torch.from_numpy(network_input(prepared, "mr"))[None, None]
    with torch.no_grad():
        expected = (torch.sigmoid(network(x)) + torch.sigmoid(network(x.flip(3))).flip(3)) / 2
    np.testing.assert_allclose(segmenter.on_canvas([prepared]), expected.numpy(), atol=1e-4)


def test_a_ct_slice_meets_the_network_as_in_training() -> None:
    grey, liver = _slice()
    picture = ct_picture("a", grey, liver)
    seen = network_input(prepare_ct(hu_of_clipped(grey)), "ct")
    np.testing.assert_allclose(seen[picture.masks[0] == 255], ((110 + 150) / 400 * 255 - 110) / 60, atol=0.02)
