"""Maps from ONNX graphs against torch: class activation, integrated gradients, occlusion; and on grading models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the train extra (make train)")
torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from torch import nn  # noqa: E402

from steatoscope.apps.wiring.us_graph import GraphGrader  # noqa: E402
from steatoscope.core.image import Clip  # noqa: E402
from steatoscope.imaging.phantoms.us import simulate_us  # noqa: E402
from steatoscope.imaging.preprocess.us_sector import find_sector  # noqa: E402
from steatoscope.learning.explain.onnx_graph import Graph  # noqa: E402
from steatoscope.learning.explain.place_maps import place_maps, split_graph  # noqa: E402
from steatoscope.learning.explain.us_graph_maps import explain_graph, featureless, on_picture  # noqa: E402
from steatoscope.learning.inference.us_graph import GraphModel, GraphView  # noqa: E402
from steatoscope.learning.inference.us_graph_settings import GraphSettings  # noqa: E402
from steatoscope.learning.models.grading import SpatialAttention, TwoHeads  # noqa: E402
from steatoscope.learning.models.hmrs_cnn import TwoBranchHmrsCNN  # noqa: E402
from steatoscope.learning.training.export import export_onnx  # noqa: E402
from steatoscope.learning.training.grading_nets import grad_cam  # noqa: E402
from steatoscope.learning.training.pack import write_model  # noqa: E402
from steatoscope.pipeline.ports import PreparedView  # noqa: E402
from steatoscope.science.explain.saliency import rank_correlation  # noqa: E402


class Net(nn.Module):
    """Two convolutions to maps of 7 x 7, their mean, and a head."""

    def __init__(self, head: nn.Module, stride: int = 4) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 5, stride, 2), nn.ReLU(), nn.Conv2d(4, 6, 3, 8, 1), nn.ReLU())
        self.head = head

    def forward(self, image):
        return self.head(self.encoder(image).mean(dim=(2, 3)))


class Fused(nn.Module):
    """Views of one patient, pooled by attention, those present averaged; fat only."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Net(nn.Identity()).encoder
        self.attention, self.heads = SpatialAttention(6), TwoHeads(6)

    def forward(self, views, present):
        count, number = views.shape[:2]
        pooled, _ = self.attention(self.encoder(views.flatten(0, 1)))
        weights = present / present.sum(dim=1, keepdim=True)
        return self.heads((pooled.reshape(count, number, -1) * weights[..., None]).sum(dim=1))[1]


def linear() -> nn.Module:
    torch.manual_seed(0)
    return Net(nn.Linear(6, 1))


def bent() -> nn.Module:
    torch.manual_seed(1)
    return Net(nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 1), nn.Softplus()))


def exported(network: nn.Module, folder: Path, inputs=(("image", (2, 1, 224, 224)),), axis: int = 0) -> bytes:
    examples = tuple(torch.rand(shape) for _, shape in inputs)
    names = [name for name, _ in inputs]
    dynamic = {name: {axis: "n"} for name in names}
    export_onnx(network, examples, folder / "m.onnx", input_names=names, output_names=["fat"], dynamic=dynamic)
    return (folder / "m.onnx").read_bytes()


def fat(outputs):
    return outputs["fat"][:, 0].astype(np.float64)


def picture(seed: int, shape=(2, 1, 224, 224)):
    return {"image": np.random.default_rng(seed).normal(size=shape).astype(np.float32)}


def test_a_linear_head_gives_the_class_activation_map(tmp_path: Path) -> None:
    network = linear()
    split = split_graph(exported(network, tmp_path), ["fat"], picture(0))
    own, blank = picture(0), {"image": np.zeros((2, 1, 224, 224), np.float32)}
    found = place_maps(split, own, blank, fat)
    with torch.no_grad():
        gap = network.encoder(torch.tensor(own["image"])) - network.encoder(torch.tensor(blank["image"]))
        cam = torch.einsum("c,nchw->nhw", network.head.weight[0], gap) / 49
    (effects,) = found.effects.values()
    assert effects.shape == (2, 7, 7)
    np.testing.assert_allclose(effects, cam.numpy(), atol=2e-6)
    assert np.abs(found.remainder).max() < 1e-5


def test_a_bent_head_gives_torchs_integrated_gradients(tmp_path: Path) -> None:
    network = bent()
    own, blank = picture(1), {"image": np.full((2, 1, 224, 224), 0.3, np.float32)}
    found = place_maps(split_graph(exported(network, tmp_path), ["fat"], own), own, blank, fat, steps=40)
    with torch.no_grad():
        end, start = (network.encoder(torch.tensor(one["image"])) for one in (own, blank))
    total = torch.zeros_like(end)
    for share in (np.arange(400) + 0.5) / 400:
        maps = (start + float(share) * (end - start)).requires_grad_()
        network.head(maps.mean(dim=(2, 3))).sum().backward()
        total += maps.grad / 400
    expected = ((end - start) * total).sum(dim=1).numpy()
    (effects,) = found.effects.values()
    np.testing.assert_allclose(effects, expected, atol=0.02 * np.abs(expected).max())
    np.testing.assert_allclose(
        found.start + effects.sum(axis=(1, 2)) + found.remainder, fat_of(network, own), atol=1e-5
    )


def fat_of(network: nn.Module, feeds) -> np.ndarray:
    with torch.no_grad():
        return network(*(torch.tensor(one) for one in feeds.values()))[:, 0].numpy()


def test_it_agrees_with_grad_cam_where_no_unit_switches(tmp_path: Path) -> None:
    torch.manual_seed(2)
    head = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Dropout(0.5), nn.Linear(9, 1))
    with torch.no_grad():
        head[0].bias += 5.0
    network = Net(head)
    own, blank = picture(2), {"image": np.zeros((2, 1, 224, 224), np.float32)}
    with torch.no_grad():
        network.encoder[0].bias.zero_()
        network.encoder[2].bias.zero_()
        expected = grad_cam(head, network.eval().encoder(torch.tensor(own["image"])))[:, 0].numpy()
    found = place_maps(split_graph(exported(network, tmp_path), ["fat"], own), own, blank, fat)
    (effects,) = found.effects.values()
    np.testing.assert_allclose(np.maximum(effects, 0.0), expected, atol=5e-6)


def test_occlusion_of_a_place_takes_its_effect_away(tmp_path: Path) -> None:
    network, own = linear(), picture(3)
    blank = {"image": np.zeros((2, 1, 224, 224), np.float32)}
    split = split_graph(exported(network, tmp_path), ["fat"], own)
    (name,) = split.cuts
    maps, start = split.maps(own), split.maps(blank)
    (effects,) = place_maps(split, own, blank, fat).effects.values()
    whole = fat(split.answer(maps, own))
    for y, x in ((0, 0), (3, 5)):
        hidden = maps[name].copy()
        hidden[:, :, y, x] = start[name][:, :, y, x]
        np.testing.assert_allclose(whole - fat(split.answer({name: hidden}, own)), effects[:, y, x], atol=1e-5)


def test_shuffled_weights_change_the_map(tmp_path: Path) -> None:
    model, own = exported(bent(), tmp_path), picture(4)
    blank = {"image": np.zeros((2, 1, 224, 224), np.float32)}
    maps = []
    for bytes_ in (model, Graph.read(model).shuffled(3).document(), model):
        (effects,) = place_maps(split_graph(bytes_, ["fat"], own), own, blank, fat).effects.values()
        maps.append(effects)
    everywhere = np.ones(maps[0].shape, bool)
    assert rank_correlation(maps[0], maps[2], everywhere) == pytest.approx(1.0)
    assert abs(rank_correlation(maps[0], maps[1], everywhere)) < 0.5


def test_fused_views_and_two_branches_add_up(tmp_path: Path) -> None:
    torch.manual_seed(5)
    views = (("views", (1, 3, 1, 224, 224)), ("present", (1, 3)))
    fused = exported(Fused(), tmp_path, views, axis=1)
    own = {"views": np.random.default_rng(5).normal(size=(1, 2, 1, 224, 224)).astype(np.float32)}
    own["present"] = np.ones((1, 2), np.float32)
    blank = own | {"views": np.zeros_like(own["views"])}
    found = place_maps(split_graph(fused, ["fat"], own), own, blank, fat, together=True)
    (effects,) = found.effects.values()
    change = fat_of_graph(fused, own) - fat_of_graph(fused, blank)
    assert effects.shape == (2, 7, 7)
    assert float(effects.sum()) == pytest.approx(float(change[0]), abs=0.02 * abs(float(change[0])) + 1e-5)
    branches = exported(TwoBranchHmrsCNN(8), tmp_path, (("ar", (1, 1, 360, 360)), ("hr", (1, 1, 360, 360))))
    pair = {name: np.random.default_rng(6).random((1, 1, 360, 360)).astype(np.float32) for name in ("ar", "hr")}
    empty = {name: np.zeros_like(value) for name, value in pair.items()}
    both = place_maps(split_graph(branches, ["fat"], pair), pair, empty, fat)
    assert [one.shape for one in both.effects.values()] == [(1, 11, 11)] * 2
    total = sum(float(one.sum()) for one in both.effects.values())
    gap = float((fat_of_graph(branches, pair) - fat_of_graph(branches, empty))[0])
    assert total == pytest.approx(gap, abs=0.05 * abs(gap) + 1e-5)


def fat_of_graph(model: bytes, feeds) -> np.ndarray:
    from steatoscope.learning.inference.session import session_of_bytes

    return fat(session_of_bytes(model).run(**feeds))


def test_a_graph_without_maps_is_refused(tmp_path: Path) -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    with pytest.raises(ValueError, match="no maps"):
        split_graph(exported(flat, tmp_path, (("image", (2, 1, 8, 8)),)), ["fat"], picture(0, (2, 1, 8, 8)))


@pytest.fixture(scope="module")
def view():
    frames = simulate_us(10.0, 3, frames=3).clip.frames
    sector = find_sector(Clip(frames))
    assert sector is not None
    return GraphView("AR", frames, sector)


@pytest.mark.parametrize("preparation", ["sector-224", "liver-224"])
def test_a_grading_models_map_adds_up_to_its_value(tmp_path: Path, view: GraphView, preparation: str) -> None:
    exported(bent(), tmp_path)
    settings = GraphSettings({"image": None}, {"fat": "fat"}, preparation, "histology", fat_unit=20.0)  # type: ignore[arg-type]
    folder = write_model(
        tmp_path / "packed", name="g", version="1.0.0", modality="us", task="grading",
        files={"model.onnx": tmp_path / "m.onnx"}, settings=settings.document(), card="# card",
        training={"recipe": "r2", "seed": 0, "data": [{"path": "a.png", "sha256": "0" * 64, "subject": "a"}]},
    )  # fmt: skip
    model = GraphModel(folder)
    found = explain_graph(model, [view])
    assert found is not None
    (one,) = found
    value = model.predict_views([view])[0].value_percent
    total = one.start_percent + float(one.views[0].places.sum()) + one.remainder
    assert total == pytest.approx(value, abs=1e-3)
    assert abs(one.remainder) < 0.02 * max(abs(value - one.start_percent), 0.05)
    assert not one.views[0].heat[~view.sector.mask].any()
    prepared = PreparedView("AR", view.frames, view.sector, view.sector.mask, None, (0, 1, 2))
    reading = GraphGrader(folder)([prepared], 0.9)
    assert reading.views[0].heat is not None
    assert "each 1 %" in reading.views[0].heat_title


def test_the_map_lies_on_the_picture_where_it_was_read(view: GraphView) -> None:
    places = np.zeros((7, 7))
    places[3, 3] = 4.9
    shown = on_picture(places, view.sector, "sector-224")
    y, x = np.unravel_index(int(np.argmax(shown)), shown.shape)
    rows, columns = np.nonzero(view.sector.mask)
    assert abs(y - (rows.min() + rows.max()) / 2) < 0.1 * np.ptp(rows)
    assert abs(x - (columns.min() + columns.max()) / 2) < 0.1 * np.ptp(columns)
    flat = featureless(view.frames, view.sector)
    assert all(np.ptp(frame[view.sector.mask]) == 0 for frame in flat)
    np.testing.assert_array_equal(flat[:, ~view.sector.mask], view.frames[:, ~view.sector.mask])
    even = on_picture(np.ones((11, 11)), view.sector, "centre-360")
    assert 0.0 < float(even.sum()) / (float(view.sector.mask.sum()) / 100.0) <= 121.0
