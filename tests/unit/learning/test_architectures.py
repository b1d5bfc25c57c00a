"""Every architecture of the catalogue: it builds, answers in the documented shapes, learns and exports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from steatoscope.core.errors import SteatoscopeError, UsageError  # noqa: E402
from steatoscope.learning.models.backbones import Encoder  # noqa: E402
from steatoscope.learning.models.build import build, example_inputs, weight_count  # noqa: E402
from steatoscope.learning.models.cards import CARDS, ArchitectureCard, card_named  # noqa: E402
from steatoscope.learning.models.fpn_rcnn import FpnRCNN, PyramidPart, RegionPart, detection_target  # noqa: E402
from steatoscope.learning.models.grading import AttentionGrader, Ensemble, MultiViewGrader  # noqa: E402
from steatoscope.learning.models.hmrs_cnn import FILTERS, HmrsCNN, TwoBranchHmrsCNN  # noqa: E402
from steatoscope.learning.models.lite_unet import lite0  # noqa: E402
from steatoscope.learning.models.vision import torchvision  # noqa: E402
from steatoscope.learning.recipes import RECIPES  # noqa: E402
from steatoscope.learning.training.export import export_onnx  # noqa: E402

WHOLE = [card for card in CARDS.values() if card.export == "whole"]
# A hundred random layers amplify the last digit, differently on each processor; a wrong graph is off by far more.
ROUNDING = 1e-3
DETECTORS = [card for card in CARDS.values() if card.export == "parts"]


def _named(card: ArchitectureCard) -> str:
    return card.name


def _settled(network: torch.nn.Module, card: ArchitectureCard) -> torch.nn.Module:
    """A random network whose batch statistics fit its own activations, so that these neither vanish nor explode."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.momentum = 1.0
    with torch.no_grad():
        for _ in range(2):
            network.train()(*example_inputs(card, batch=4))
    return network.eval()


@pytest.mark.parametrize("card", CARDS.values(), ids=_named)
def test_the_card_is_complete_and_its_count_of_weights_true(card: ArchitectureCard) -> None:
    assert card.title
    assert card.citation
    assert card.normalisation
    assert card.inputs
    assert card.recipes
    assert card.weights
    assert weight_count(build(card.name)) / 1e6 == pytest.approx(card.million, abs=0.006)


@pytest.mark.parametrize("card", WHOLE, ids=_named)
def test_it_answers_in_the_documented_shapes_and_every_weight_learns(card: ArchitectureCard) -> None:
    network = build(card.name).train()
    # Two pictures: batch normalisation cannot train on one.
    answers = network(*example_inputs(card, batch=2))
    answers = (answers,) if isinstance(answers, torch.Tensor) else answers
    assert [tuple(a.shape[1:]) for a in answers] == [shape[1:] for shape in card.outputs.values()]
    sum(a.float().square().sum() for a in answers).backward()
    asleep = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert asleep == []
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


@pytest.mark.slow
@pytest.mark.parametrize("card", WHOLE, ids=_named)
def test_the_exported_graph_answers_as_the_network(card: ArchitectureCard, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = _settled(build(card.name), card)
    worst = export_onnx(
        network,
        example_inputs(card),
        tmp_path / "model.onnx",
        input_names=list(card.inputs),
        output_names=list(card.outputs),
        half=False,
        limit=ROUNDING,
    )
    assert worst <= ROUNDING
    assert (tmp_path / "model.onnx").stat().st_size > 100_000


@pytest.mark.parametrize("card", DETECTORS, ids=_named)
def test_a_detector_has_losses_that_reach_its_weights_and_finds_boxes_inside(card: ArchitectureCard) -> None:
    torch.manual_seed(0)
    network = build(card.name).train()
    assert isinstance(network, FpnRCNN)
    (picture,) = example_inputs(card, batch=2)
    losses = network.losses(picture, [detection_target(256, 256), detection_target(256, 256)])
    assert {"loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg"} <= set(losses)
    assert ("loss_mask" in losses) == ("Mask" in card.title)
    sum(losses.values()).backward()
    asleep = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert asleep == []
    found = network.eval()(picture)
    assert len(found) == 2
    for one in found:
        assert one["boxes"].shape[1:] == (4,)
        assert one["boxes"].numel() == 0 or (one["boxes"].min() >= 0 and one["boxes"].max() <= 256)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mask-rcnn-light", "faster-rcnn-r50"])
def test_a_detector_exports_in_its_two_parts(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(name).eval()
    assert isinstance(network, FpnRCNN)
    levels = len(network.pyramid(torch.zeros(1, 1, 64, 64)))
    names = [f"{kind}_{i}" for kind in ("map", "objectness", "delta") for i in range(levels)]
    example = (torch.rand(1, 1, 128, 128),)
    dense = export_onnx(
        PyramidPart(network), example, tmp_path / "dense.onnx", input_names=["image"], output_names=names, half=False
    )
    regions = export_onnx(
        RegionPart(network),
        (torch.rand(3, 256, 7, 7),),
        tmp_path / "regions.onnx",
        input_names=["regions"],
        output_names=["logits", "deltas"],
        half=False,
    )
    assert max(dense, regions) <= 1e-4


def test_the_hmrs_network_is_the_published_one() -> None:
    network = HmrsCNN()
    convolutions = [m for m in network.features if isinstance(m, torch.nn.Conv2d)]
    assert tuple(c.out_channels for c in convolutions) == FILTERS == (8, 16, 32, 64, 128)
    assert isinstance(network.features[0], torch.nn.BatchNorm2d)
    pools = [m for m in network.features if isinstance(m, torch.nn.MaxPool2d)]
    assert [(p.kernel_size, p.stride) for p in pools] == [(2, 2)] * 5
    assert network.features(torch.zeros(1, 1, 360, 360)).shape == (1, 128, 11, 11)


def test_the_two_branch_network_takes_over_both_views() -> None:
    torch.manual_seed(1)
    ar, hr, both = HmrsCNN(), HmrsCNN(), TwoBranchHmrsCNN()
    both.import_branches(ar, hr)
    frames = torch.rand(2, 1, 360, 360)
    for network in (ar, hr, both):
        network.eval()
    assert torch.equal(both.ar(frames), ar.features(frames))
    assert torch.equal(both.hr(frames), hr.features(frames))
    assert not torch.equal(both.ar(frames), both.hr(frames))


def test_a_missing_view_changes_nothing_whatever_stands_in_its_place() -> None:
    torch.manual_seed(0)
    network = MultiViewGrader("efficientnet-lite0").eval()
    views = torch.rand(1, 3, 1, 64, 64)
    other = views.clone()
    other[:, 2] = 7.0
    present = torch.tensor([[1.0, 1.0, 0.0]])
    with torch.no_grad():
        one, two = network(views, present), network(other, present)
        alone = network(views[:, :2], present[:, :2])
    for a, b, c in zip(one, two, alone, strict=True):
        assert torch.allclose(a, b, atol=1e-6)
        assert torch.allclose(a, c, atol=1e-5)


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    torch.manual_seed(0)
    members = [AttentionGrader("efficientnet-lite0").eval() for _ in range(3)]
    frames = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        probabilities, percent, spread = Ensemble(list(members)).eval()(frames)
        single = [m(frames) for m in members]
    assert torch.allclose(percent, torch.stack([p for _, p in single]).mean(0))
    assert torch.allclose(probabilities.sum(1), torch.ones(2))
    assert torch.allclose(spread, torch.stack([p for _, p in single]).std(0, unbiased=False), atol=1e-6)


def test_packaged_weights_are_those_of_the_package() -> None:
    encoder = Encoder("efficientnet-lite0", "package")
    known = lite0(pretrained=True)
    assert torch.equal(encoder.network.conv_stem.weight, known.conv_stem.weight)
    assert encoder.record["sha256"]
    assert torch.equal(encoder.network.blocks[6][0].conv_pwl.weight, known.blocks[6][0].conv_pwl.weight)


def test_weights_from_a_file_are_loaded_and_named(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = Encoder("mobilenet-v2")
    torch.save(first.network.state_dict(), tmp_path / "own.pt")
    second = Encoder("mobilenet-v2", str(tmp_path / "own.pt"))
    assert second.record["source"] == "own.pt"
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    with pytest.raises(SteatoscopeError, match="E_WEIGHTS"):
        Encoder("resnet50", str(tmp_path / "own.pt"))
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        Encoder("resnet50", str(tmp_path / "absent.pt"))
    with pytest.raises(UsageError, match="no package"):
        Encoder("resnet50", "package")


@pytest.mark.parametrize(("name", "made"), [("faster-rcnn-r50", "resnet50"), ("mask-rcnn-light", "mobilenet_v3_large")])
def test_a_detector_takes_a_file_of_its_trunk(name: str, made: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    trunk = getattr(torchvision.models, made)()
    torch.save(trunk.state_dict(), tmp_path / "trunk.pth")
    network = build(name, weights=str(tmp_path / "trunk.pth"))
    first = next(trunk.parameters())
    assert torch.equal(next(network.backbone.parameters()), first)
    assert not torch.equal(next(build(name).backbone.parameters()), first)
    assert network.record["source"] == "trunk.pth"
    torch.save(build("hmrs-cnn").state_dict(), tmp_path / "other.pth")
    with pytest.raises(SteatoscopeError, match="E_WEIGHTS"):
        build(name, weights=str(tmp_path / "other.pth"))


def test_the_lite_unet_takes_a_file_of_its_encoder(tmp_path: Path) -> None:
    torch.manual_seed(4)
    given = Encoder("efficientnet-lite0")
    torch.save(given.network.state_dict(), tmp_path / "lite0.pth")
    network = build("unet-lite0", weights=str(tmp_path / "lite0.pth"))
    assert torch.equal(network.encoder.blocks[6][0].conv_pwl.weight, given.network.blocks[6][0].conv_pwl.weight)
    packed = build("unet-lite0", weights="package")
    assert torch.equal(packed.encoder.conv_stem.weight, lite0(pretrained=True).conv_stem.weight)
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        build("unet-lite0", weights=str(tmp_path / "absent.pth"))
    with pytest.raises(UsageError, match="hub"):
        build("unet-lite0", weights="hub")


def test_cards_and_recipes_name_each_other() -> None:
    listed = {(recipe.name, name) for recipe in RECIPES.values() for name in recipe.architectures}
    assert listed == {(recipe, card.name) for card in CARDS.values() for recipe in card.recipes}


@pytest.mark.parametrize("name", ["hmrs-cnn", "hmrs-cnn-two-branch"])
def test_the_hmrs_cards_declare_what_the_publication_leaves_open(name: str) -> None:
    words = " ".join(CARDS[name].choices)
    assert all(part in words for part in ("bfloat16", "kernel 3x3", "padding 'same'", "dense layer of 64"))
    assert ("same fold" in words) == (name == "hmrs-cnn-two-branch")


def test_an_ensemble_on_one_encoder_is_the_mean_of_five_graders() -> None:
    torch.manual_seed(0)
    whole = build("lite0-ensemble").eval()
    frames = torch.rand(2, 1, 64, 64)
    found = []
    with torch.no_grad():
        probabilities, percent, spread = whole(frames)
        for attention, heads in zip(whole.attentions, whole.heads, strict=True):
            one = AttentionGrader("efficientnet-lite0").eval()
            one.encoder, one.attention, one.heads = whole.encoder, attention, heads
            found.append(one(frames))
    assert len(found) == 5
    assert torch.allclose(probabilities, torch.stack([torch.softmax(g, 1) for g, _ in found]).mean(0), atol=1e-6)
    assert torch.allclose(percent, torch.stack([p for _, p in found]).mean(0), atol=1e-6)
    assert torch.allclose(spread, torch.stack([p for _, p in found]).std(0, unbiased=False), atol=1e-5)


def test_an_unknown_architecture_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unet-2d"):
        card_named("unet-4d")


def test_the_catalogue_loads_no_network_library() -> None:
    words = "import steatoscope.learning.models.cards, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0
