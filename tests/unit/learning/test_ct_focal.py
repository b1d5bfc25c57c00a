import numpy as np
import pytest
from skimage.measure import label as parts_of

from steatoscope.learning.evaluation.ct_focal import classical_finder, slice_result
from steatoscope.learning.evaluation.ct_focal_scores import SliceResult, strata, summarise_regions
from steatoscope.learning.inference.ct_localiser_window import CANVAS
from steatoscope.learning.training.ct_focal_paint import noise_sd, paint_regions
from steatoscope.learning.training.ct_focal_phantoms import phantom_slices
from steatoscope.learning.training.ct_focal_pictures import focal_pictures, operating_score
from steatoscope.learning.training.ct_focal_slices import LiverSlice, fill, largest_blob, smoothed_within
from steatoscope.learning.training.ct_focal_split import FocalSplit
from steatoscope.learning.training.ct_focal_vary import filled, vary_hu, warped_slice


def ellipse(centre, axes):
    y, x = np.mgrid[: CANVAS[0], : CANVAS[1]]
    return ((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 <= 1


LIVER = ellipse((120, 110), (90, 70))
NONE = np.zeros(CANVAS, dtype=bool)


def even_slice(level=60.0, noise=8.0, seed=0, volume="a"):
    grain = np.random.default_rng(seed).normal(0.0, noise, CANVAS)
    hu = np.where(LIVER, level, 30.0) + grain
    return LiverSlice(f"{volume}-{seed}", volume, np.round(hu).astype(np.int16), LIVER, NONE, NONE, 0.0)


def test_a_dark_blob_is_measured_and_noise_is_not():
    item = even_slice()
    assert largest_blob(item.hu, LIVER) == 0.0
    blob = ellipse((100, 100), (9, 9))
    assert largest_blob(np.where(blob, 15, item.hu), LIVER) == pytest.approx(blob.sum(), rel=0.3)  # smoothing widens it
    cross = ellipse((110, 110), (60, 3)) | ellipse((110, 110), (3, 50))
    assert largest_blob(np.where(cross, 15, item.hu), LIVER) == 0.0


def test_a_blob_on_the_rim_does_not_count():
    item = even_slice()
    rim = ellipse((30, 110), (6, 6))
    assert largest_blob(np.where(rim, 0, item.hu), LIVER) < 45.0


def test_fill_is_one_for_an_ellipse_and_low_for_a_cross():
    assert fill(ellipse((100, 100), (30, 12))) == pytest.approx(1.0, abs=0.02)
    cross = ellipse((100, 100), (50, 2)) | ellipse((100, 100), (2, 50))
    assert fill(cross) < 0.3
    assert fill(NONE) == 0.0


def test_smoothing_takes_nothing_from_outside():
    values = np.where(LIVER, 50.0, 1000.0).astype(np.float32)
    assert smoothed_within(values, LIVER, 5.0)[LIVER] == pytest.approx(50.0, abs=1e-2)


@pytest.mark.parametrize("seed", range(12))
def test_painted_regions_lie_in_the_liver_and_have_the_contrast_they_say(seed):
    item = even_slice(level=20.0 if seed % 2 else 90.0, seed=seed)
    hu, regions = paint_regions(item.hu.astype(np.float32), LIVER, np.random.default_rng(seed))
    assert regions
    union = np.zeros(CANVAS, dtype=bool)
    for one in regions:
        x0, y0, x1, y1 = one.box
        assert one.mask[y0:y1, x0:x1].sum() == one.mask.sum() >= 16
        assert not (one.mask & union).any()
        union |= one.mask
        assert (one.mask & LIVER).sum() == one.mask.sum()
        assert parts_of(one.mask, connectivity=2).max() == 1
        change = np.median((hu - item.hu)[one.mask])
        assert np.sign(change) == np.sign(one.contrast_hu)
        assert abs(change) == pytest.approx(abs(one.contrast_hu), rel=0.6, abs=12.0)
        assert one.label != 2 or one.contrast_hu < 0
        assert one.label != 3 or one.contrast_hu > 0
    assert np.array_equal(hu[~LIVER], item.hu[~LIVER].astype(np.float32))


def test_vessels_run_through_fat_and_end_at_lesions():
    vessel = np.where(np.abs(np.arange(CANVAS[0]) - 110)[:, None] <= 3, 80.0, 0.0) * LIVER
    seen = {1: [], 2: []}
    for seed in range(24):
        item = even_slice(level=90.0, noise=3.0, seed=seed)
        base = (item.hu + vessel).astype(np.float32)
        hu, regions = paint_regions(base, LIVER, np.random.default_rng(seed))
        for one in regions:
            on, off = one.mask & (vessel > 0), one.mask & (vessel == 0)
            if one.label in seen and on.sum() > 40 and off.sum() > 40:
                seen[one.label].append(np.median(hu[on]) - np.median(hu[off]))
    assert len(seen[1]) > 1
    assert len(seen[2]) > 1
    assert np.median(seen[2]) == pytest.approx(80.0, abs=12.0)
    assert np.median(seen[1]) < 40.0


def test_sparing_is_painted_into_fatty_livers_only():
    labels = []
    for seed in range(12):
        item = even_slice(level=110.0, seed=seed)
        labels += [
            one.label for one in paint_regions(item.hu.astype(np.float32), LIVER, np.random.default_rng(seed))[1]
        ]
    assert 3 not in labels
    assert {1, 2} <= set(labels)


def test_the_noise_is_that_of_the_grain():
    item = even_slice(noise=10.0)
    assert noise_sd(item.hu.astype(np.float32), LIVER) == pytest.approx(10.0, rel=0.1)


def test_the_same_seed_varies_alike_and_keeps_the_liver():
    item = even_slice()
    one, other = (warped_slice(item, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.hu, other.hu)
    assert 0.5 * LIVER.sum() < one.liver.sum() < 1.6 * LIVER.sum()
    assert np.array_equal(vary_hu(item, np.random.default_rng(6)), vary_hu(item, np.random.default_rng(6)))


def test_clipped_grey_becomes_fat_and_the_outside_air():
    item = even_slice()
    item = LiverSlice("n", "a", item.hu, LIVER, ellipse((5, 5), (4, 4)), ellipse((250, 200), (4, 4)), 0.0)
    hu = filled(item, item.hu.astype(np.float32), -100.0)
    assert hu[5, 5] == -1000.0
    assert hu[200, 250] == -100.0
    assert np.array_equal(hu[LIVER], item.hu[LIVER])


def test_volumes_lie_in_one_part_only():
    slices = [even_slice(seed=i, volume=f"v{i % 20}") for i in range(40)]
    split = FocalSplit.of(slices, [f"v{i}" for i in range(20)], 0)
    parts = [{one.volume for one in part} for part in (split.train, split.calibration, split.held_out)]
    assert [len(part) for part in parts] == [14, 2, 4]
    assert len(set.union(*parts)) == 20


def test_the_operating_point_allows_so_many_false_regions():
    scores = [[0.9, 0.2], [0.7], [], [0.4, 0.1]]
    point = operating_score(scores, 0.5)
    assert sum(score >= point for one in scores for score in one) == 2
    assert operating_score(scores, 5.0) == 0.0
    with pytest.raises(ValueError, match="picture"):
        operating_score([], 0.1)


def test_phantom_slices_are_livers_of_known_attenuation():
    slices = phantom_slices(1, 3, each=2)
    assert len(slices) == 2
    for one in slices:
        assert one.liver.sum() > 2000
        assert one.even
    assert abs(np.median(slices[0].hu[slices[0].liver]) - np.median(slices[1].hu[slices[1].liver])) < 6


def case(volume, found, kinds, scores, operating=0.5):
    return SliceResult(
        volume=volume,
        wanted=np.array([[10.0, 10, 30, 30], [50, 50, 90, 90]]),
        wanted_kinds=np.array(["lesion", "fatty"]),
        diameters=np.array([20.0, 40.0]),
        contrasts=np.array([-30.0, -15.0]),
        found=np.array(found, dtype=float).reshape(-1, 4),
        found_kinds=np.array(kinds, dtype=str),
        scores=np.array(scores, dtype=float),
        operating=operating,
    )


def test_figures_by_hand():
    results = [
        case(
            "a",
            [[10, 10, 30, 30], [50, 50, 90, 88], [100, 100, 110, 110]],
            ["lesion", "lesion", "fatty"],
            [0.9, 0.8, 0.6],
        ),
        case("b", [[11, 10, 30, 31], [200, 5, 210, 15]], ["lesion", "lesion"], [0.7, 0.3]),
    ]
    figures = summarise_regions(results, resamples=20)
    assert figures["ap50_lesion"] == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert figures["ap50_fatty"] == 0.0
    assert "ap50_spared" not in figures
    assert figures["recall_operating"] == pytest.approx(0.75)
    assert figures["recall_at_1_fp"] == pytest.approx(0.75)
    assert figures["right_kind_of_hits"] == pytest.approx(2 / 3)
    assert figures["false_per_slice"] == pytest.approx(0.5)
    sizes = {row["from"]: row["recall"] for row in strata(results, "size", resamples=20)}
    assert sizes == {20.0: 1.0, 35.0: 0.5}
    assert [row["n"] for row in strata(results, "contrast", resamples=20)] == [2, 2]
    with pytest.raises(ValueError, match="no slice"):
        summarise_regions([])


def test_the_classical_finder_sees_a_large_fatty_region():
    hu = np.where(LIVER, np.where(ellipse((130, 110), (25, 20)), 5.0, 60.0), -100.0).astype(np.float32)
    (picture,) = focal_pictures([even_slice()], 1, painted=False)
    found = classical_finder(type(picture)("n", "a", hu, LIVER, 60.0, 1.0))
    assert [kind for _, kind, _ in found] == ["fatty"]
    assert np.array(found[0][0]) == pytest.approx([105, 90, 156, 131], abs=4)
    assert slice_result(picture, found, 0.0).wanted.shape == (0, 4)


def test_batches_are_the_same_for_the_same_step():
    torch = pytest.importorskip("torch")
    from steatoscope.learning.training.ct_focal_batches import SEGMENTS, FocalBatches

    batches = FocalBatches([even_slice(seed=i) for i in range(3)], [], seed=1, size=4)
    one, other = batches(5), batches(5)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    image, masks, known, boxes, labels, regions = one
    assert image.shape == (4, 1, *CANVAS)
    assert masks.shape == known.shape == (4, len(SEGMENTS), *CANVAS)
    for i in range(4):
        for k in torch.nonzero(labels[i])[:, 0].tolist():
            rows, columns = np.nonzero(regions[i, k].numpy())
            edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert boxes[i, k].tolist() == edges
            assert masks[i, labels[i, k]][regions[i, k] > 0].min() == 1.0
    assert not torch.equal(batches(6)[0], image)


def test_the_trunk_begins_with_the_liver_segmenter():
    torch = pytest.importorskip("torch")
    from steatoscope.learning.models.lite_unet import LiteUNet
    from steatoscope.learning.models.rcnn import LiteRCNN
    from steatoscope.learning.training.ct_focal_network import PLAN, take_trunk

    trunk, network = LiteUNet(1, pretrained=False), LiteRCNN(PLAN, pretrained=False)
    take_trunk(network, trunk.state_dict())
    assert torch.equal(network.unet.head.weight[:1], trunk.head.weight)
    assert torch.equal(network.unet.decoder[0].first.weight, trunk.decoder[0].first.weight)
