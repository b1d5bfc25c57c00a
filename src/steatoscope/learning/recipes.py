"""The five published systems as recipes: what each is, what was published, how ours compares, and how it is run.

Data only: listing recipes loads no network library. ``runner`` is ``module:function``, called as
``run(plan, data, out, *, seed, resume, weights, told)`` and returning a benchmark's document; ``trainer`` likewise
trains on everything and leaves a packed model in ``out``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

from steatoscope.core.errors import UsageError

_EVALUATION: Final = "steatoscope.learning.evaluation"
Figures = Mapping[str, Mapping[str, float]]
_GRADED: Final = "a folder with manifest.csv (subject, modality us, label_grade, label_fat_percent, label_scale)"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe. ``published`` holds the publication's own figures by row; ``comparability`` says what they mean.

    ``data`` is what ``--data`` must hold, None where the recipe simulates its own. ``plans`` are named sizes: ``small``
    runs in minutes on two cores, ``full`` in hours. ``covariates``: whether clinical values can be joined.
    ``own_data``: what it takes of a user's own, or why not. ``takes_model``: whether ``--weights`` names a model.
    ``architectures`` are those with a card that can be built; ``chain`` says which of them the runs use, and how.
    """

    name: str
    version: str
    title: str
    publication: str
    modality: str
    summary: str
    architectures: tuple[str, ...]
    published: Figures
    comparability: str
    data: str | None
    plans: Mapping[str, str]
    runner: str
    trainer: str
    simulated: bool = False
    covariates: bool = False
    own_data: str | None = None
    takes_model: bool = False
    chain: str = ""

    def document(self) -> dict[str, Any]:
        """The recipe as JSON-ready data."""
        return asdict(self) | {"plans": dict(self.plans), "published": {k: dict(v) for k, v in self.published.items()}}


_RECIPES: Final = (
    Recipe(
        "r1-unet-rcnn", "1.0.0", "U-Net, R-CNN and a classifier: liver, fatty regions, grade, fat percentage",
        "Liver steatosis segmentation (U-Net + R-CNN + classifier), IJETRM", "us",
        "The liver is segmented, regions are proposed on it, features of the R-CNN grade the patient and give a fat "
        "percentage, compared with healthy livers; support vector machine and random forest on the same splits.",
        ("unet-2d", "attention-unet-2d", "unet-3d", "unet-lite0", "mask-rcnn-light", "mask-rcnn-r50",
         "faster-rcnn-light", "faster-rcnn-r50"),
        {
            "published: U-Net + R-CNN": {"accuracy_4": 0.94, "macro_f1": 0.925},
            "published: random forest": {"accuracy_4": 0.88},
            "published: SVM": {"accuracy_4": 0.84},
        },
        "The publication names no data set, no split unit and no intervals; its figures cannot be reproduced.",
        "us/byra2018 (labels.csv, patient_NN/*.png)",
        {
            "small": "one frame of each patient, three folds by patient",
            "full": "ten frames of each patient, five folds by patient, drawn five times",
        },
        f"{_EVALUATION}.r1:run_r1", f"{_EVALUATION}.r1:train_r1", own_data=_GRADED, takes_model=True,
        chain="none of these is trained by a run: it uses the packed us-localiser, frozen (a small R-CNN whose trunk "
        "is the U-Net of unet-lite0), or the one that --weights names; what is learnt are the heads for grade and fat. "
        "The listed architectures are alternatives that can be built.",
    ),
    Recipe(
        "r2-resnet50-grading", "1.0.0", "Four grades from one frame by a frozen encoder and a small head",
        "ResNet-50 four-grade ultrasound pipeline", "us",
        "Region of interest, 224 x 224, frozen encoder, linear-ReLU-dropout-linear-LogSoftmax, NLL with class weights, "
        "AdamW 1e-4, batch 32, 100 epochs, rate halved on a plateau, split 80/10/10 by patient.",
        ("resnet50-r2", "lite0-r2"),
        {"published": {"accuracy_4": 0.945, "macro_auc": 0.98}},
        "About 250 patients of one centre, and a confusion matrix that sums to 997 of 1,000 images; ours has 40 "
        "patients on another scale (histology). EfficientNet-lite0 stands in where no ImageNet weights of ResNet-50 "
        "are given: --weights resnet50-r2=FILE.",
        "us/byra2018 (labels.csv, patient_NN/*.png) or a folder with manifest.csv",
        {"small": "one split, 10 epochs", "full": "ten splits by patient, 100 epochs"},
        f"{_EVALUATION}.r2:run_r2", f"{_EVALUATION}.r2:train_r2", covariates=True, own_data=_GRADED,
        chain="lite0-r2, its encoder frozen, unless --weights resnet50-r2=FILE asks for the published one.",
    ),
    Recipe(
        "r3-multiview", "1.0.0", "Attention, fusion of views and ensembles, with calibrated grades",
        "Multi-view framework with attention and ensembles", "us",
        "The whole ladder: plain CNN, ResNet-50, attention, fusion of views, ensemble of five; two heads (grade and "
        "fat), label smoothing, calibration before and after.",
        ("plain-cnn", "resnet50-r2", "b3-attention", "lite0-attention", "vit-tiny-attention", "b3-multiview",
         "lite0-multiview", "b3-ensemble", "lite0-ensemble"),
        {
            "published: baseline CNN": {"auc": 0.82, "ece": 0.09},
            "published: ResNet-50": {"auc": 0.87, "ece": 0.07},
            "published: EfficientNet-B3 + attention": {"auc": 0.91, "ece": 0.05},
            "published: three-view fusion": {"auc": 0.93, "ece": 0.04},
            "published: ensemble of five": {"auc": 0.95, "ece": 0.03},
        },
        "The publication gives no sample size and no intervals. The patients of byra2018 have ten frames of one view "
        "each: the fusion is of frames; views that a manifest names are fused as such. EfficientNet-lite0 stands in "
        "where no ImageNet weights are given: --weights b3-attention=FILE.",
        "us/byra2018 (labels.csv, patient_NN/*.png) or a folder with manifest.csv",
        {
            "small": "one of five folds, 3 epochs, an ensemble of two",
            "full": "five folds by patient, 20 epochs, an ensemble of five",
        },
        f"{_EVALUATION}.r3:run_r3", f"{_EVALUATION}.r3:train_r3", covariates=True, own_data=_GRADED,
        chain="plain-cnn; then, on one frozen encoder (lite0 unless --weights names another): pooled maps with two "
        "heads, attention, fusion, ensemble. With resnet50-r2=FILE its encoder is taken, not its four-grade head; "
        "the others are alternatives.",
    ),
    Recipe(
        "r4-hmrs-regression", "1.0.0", "Fat percentage from clips of two views by a five-layer CNN",
        "Colantonio et al., H-MRS fat-percentage regression from clips", "us",
        "Frames cut to 360 x 360, five convolutional layers, one view or two branches; MSE, Adam, batch 50, 30 epochs, "
        "patience 5, stratified 4-fold by subject; classes S0 to S3 at 3.12 / 8.77 / 13.69 %.",
        ("hmrs-cnn", "hmrs-cnn-two-branch"),
        {
            "published: AR": {"rmse_percent": 1.11},
            "published: HR": {"rmse_percent": 1.45},
            "published: AR + HR": {"rmse_percent": 1.32},
            "published: view not said": {"pearson": 0.983, "accuracy_4": 0.90},
        },
        "Ten hand-picked test patients with frames counted as samples (the fold mean of the publication is 1.52). Ours "
        "is simulated: it shows that the recipe learns, not what it would do on patients.",
        None,
        {
            "small": "32 simulated subjects, 2 frames a clip, 2 epochs",
            "medium": "150 subjects, 4 frames a clip, 30 epochs",
            "full": "150 subjects, 20 frames a clip, 30 epochs",
            "real-small": "--data DIR: 2 frames of each patient, one branch, 2 epochs, on their own scale",
            "real-full": "--data DIR: 10 frames of each patient, one branch, 30 epochs, on their own scale",
        },
        f"{_EVALUATION}.hmrs:run_r4", f"{_EVALUATION}.hmrs:train_r4", True,
        chain="hmrs-cnn for each view, then hmrs-cnn-two-branch from the branches of its own fold; real plans: "
        "hmrs-cnn alone.",
        own_data="plans real-small and real-full read us/byra2018, or a folder with manifest.csv (subject, modality "
        "us, label_fat_percent, label_scale)",
    ),
    Recipe(
        "r5-ct-anomaly", "1.0.0", "Normal, benign or malignant with a mask and a heat map, four encoders",
        "CT liver anomaly detection (VGG16, InceptionV3, ResNet152, MobileNet)", "ct",
        "Slices windowed and cut to the liver; encoder with class head and mask head; BCE + Dice + L2, Adam with a "
        "schedule; finding with confidence, mask and heat map.",
        ("vgg16-anomaly", "inception-v3-anomaly", "resnet152-anomaly", "mobilenet-anomaly", "lite0-anomaly"),
        {},
        "The publication calls MobileNet the best trade-off. No clear-licence CT set with these three classes is at "
        "hand: proven on simulated CT foci and on us/aul, whose classes are confounded with the scanner.",
        "us/aul (annotations.json, images/); the CT part is simulated",
        {"small": "few steps on few images", "full": "five folds by look-alikes"},
        f"{_EVALUATION}.r5:run_r5", f"{_EVALUATION}.r5:train_r5",
        chain="plan small: all five, the four published ones with random weights; plan full: lite0-anomaly alone, its "
        "encoder frozen, and those that --weights names.",
        own_data="none: classes are painted into CT slices, or given by us/aul; a manifest.csv is refused",
    ),
)  # fmt: skip
RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType({recipe.name: recipe for recipe in _RECIPES})


def recipe_named(name: str) -> Recipe:
    """A recipe by its name; raises UsageError that lists them where there is none of that name."""
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name!r}; choose from {', '.join(RECIPES)}")
    return RECIPES[name]


def plan_of(recipe: Recipe, plan: str) -> str:
    """The plan's name; raises UsageError where the recipe has none of that name."""
    if plan not in recipe.plans:
        raise UsageError(f"{recipe.name} has no plan {plan!r}; choose from {', '.join(recipe.plans)}")
    return plan
