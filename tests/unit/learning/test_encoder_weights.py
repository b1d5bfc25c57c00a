"""Files of start weights: timm's and torchvision's names, safetensors, wrappers, and what is no such file."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from steatoscope.core.errors import SteatoscopeError, UsageError  # noqa: E402
from steatoscope.learning.models.backbones import Encoder  # noqa: E402
from steatoscope.learning.models.encoder_weights import stored_tensors  # noqa: E402
from steatoscope.learning.models.vision import torchvision  # noqa: E402

PICTURE = (1, 1, 96, 96)


@pytest.mark.parametrize(
    ("name", "other"),
    [("resnet50", "resnet50"), ("efficientnet-b3", "efficientnet_b3"), ("mobilenet-v2", "mobilenet_v2")],
)
def test_a_file_of_torchvision_gives_the_maps_of_torchvision(name: str, other: str, tmp_path: Path) -> None:
    """The same picture through torchvision's own network, its weights and statistics random."""
    torch.manual_seed(3)
    network = getattr(torchvision.models, other)(weights=None)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(4, 3, 96, 96))
    network.eval()
    torch.save(network.state_dict(), tmp_path / "imagenet.pth")
    encoder = Encoder(name, str(tmp_path / "imagenet.pth")).eval()
    picture = torch.rand(*PICTURE)
    with torch.no_grad():
        found = encoder(picture)
        trunk = (
            network.features if hasattr(network, "features") else torch.nn.Sequential(*list(network.children())[:-2])
        )
        torch.testing.assert_close(found, trunk(picture.expand(-1, 3, -1, -1)), rtol=1e-3, atol=1e-4)
    assert found.std() > 0.0
    assert encoder.record["source"] == "imagenet.pth"
    assert encoder.record["sha256"] == hashlib.sha256((tmp_path / "imagenet.pth").read_bytes()).hexdigest()


def test_wrapped_and_safetensors_files_are_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = {"weight": torch.ones(2, 3), "bn.num_batches_tracked": torch.tensor(4)}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "wrapped.pt")
    save_file(state, tmp_path / "plain.safetensors")
    for name in ("wrapped.pt", "plain.safetensors"):
        assert list(stored_tensors(tmp_path / name)) == ["weight"]


def test_what_is_no_file_of_weights_is_named(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(4)}, tmp_path / "whole.pt")
    half = (tmp_path / "whole.pt").read_bytes()[:200]
    torch.save([1, 2], tmp_path / "list.pt")
    junk = {
        "text.pt": b"hello",
        "empty.pt": b"",
        "picture.pth": b"\x89PNG\r\n" + b"0" * 300,
        "zeros.pt": bytes(2000),
        "cut.pt": half,
        "code.pt": pickle.dumps({"a": pickle.dumps}, 2),
        "text.safetensors": b"nope" * 10,
    }
    for name, content in junk.items():
        (tmp_path / name).write_bytes(content)
    for name in (*junk, "list.pt"):
        with pytest.raises(SteatoscopeError) as fault:
            stored_tensors(tmp_path / name)
        assert fault.value.code == "E_WEIGHTS", name
        assert fault.value.path == str(tmp_path / name)


def test_a_file_of_another_or_of_half_a_network_is_refused(tmp_path: Path) -> None:
    state = Encoder("mobilenet-v2").network.state_dict()
    torch.save(dict(list(state.items())[:-20]), tmp_path / "most.pt")
    torch.save(state, tmp_path / "own.pt")
    for name, file, words in (("mobilenet-v2", "most.pt", "of mobilenet-v2 are among"), ("resnet50", "own.pt", "0 of")):
        with pytest.raises(SteatoscopeError) as fault:
            Encoder(name, str(tmp_path / file))
        assert fault.value.code == "E_WEIGHTS"
        assert words in str(fault.value.cause)


def test_a_hub_out_of_reach_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, pretrained: bool, **__: object) -> None:
        assert pretrained
        raise FileNotFoundError("no connection")

    monkeypatch.setattr("steatoscope.learning.models.backbones.timm.create_model", offline)
    with pytest.raises(UsageError, match="could not be fetched: give a file"):
        Encoder("resnet50", "hub")
