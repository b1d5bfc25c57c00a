"""Which encoder a grading recipe runs on and with which weights, from the one word of ``--weights``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from steatoscope.core.errors import UsageError
from steatoscope.learning.models.cards import card_named
from steatoscope.learning.recipes import Recipe

LITE: Final = "efficientnet-lite0"
WORDS: Final = ("package", "random", "hub")
TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        LITE: "lite0",
        "resnet50": "ResNet-50",
        "efficientnet-b3": "EfficientNet-B3",
        "vit-tiny": "ViT-tiny",
    }
)


@dataclass(frozen=True, slots=True)
class Start:
    """An encoder and its weights: "package", "random", "hub" or a file."""

    encoder: str = LITE
    weights: str = "package"

    @property
    def title(self) -> str:
        """How rows of a table call the encoder."""
        return TITLES[self.encoder]


def start_of(recipe: Recipe, weights: str | None) -> Start:
    """What ``--weights`` says: a word or a file is of EfficientNet-lite0, ARCHITECTURE=WORD or ARCHITECTURE=FILE of
    that architecture of the recipe or of that encoder. Raises UsageError for another name.
    """
    if weights is None:
        return Start()
    if weights in WORDS or Path(weights).is_file() or "=" not in weights:
        return Start(weights=weights)
    name, given = weights.split("=", 1)
    known = encoders_of(recipe)
    if name not in known:
        raise UsageError(f"--weights {weights}: {name!r} is none of {', '.join(known)}")
    return Start(known[name], given)


def encoders_of(recipe: Recipe) -> dict[str, str]:
    """The encoder of every architecture of the recipe that has one, and the encoders by their own names."""
    cards = [card_named(name) for name in recipe.architectures]
    found = {card.name: str(card.settings["encoder"]) for card in cards if "encoder" in card.settings}
    return {**found, **{encoder: encoder for encoder in found.values()}}


def start_notes(start: Start, weights: Mapping[str, Any], published: str, name: str) -> tuple[str, ...]:
    """What a reader must know of the encoder: its weights, and where it is not the published one.

    ``name`` is the published encoder's architecture, as ``--weights NAME=FILE`` takes it.
    """
    if weights["source"] == "random":
        first = f"The encoder {start.encoder} has random weights: these figures show that it runs, no more."
    else:
        digest = f", sha256 {weights['sha256']}" if weights["sha256"] else ""
        first = f"Encoder {start.encoder}, frozen, weights from {weights['source']}{digest}."
    if start.encoder == published:
        return (first,)
    return (
        first,
        f"The published encoder, {TITLES[published]}, was not run here: it needs ImageNet weights of its own, which "
        f"--weights {name}=FILE takes.",
    )
