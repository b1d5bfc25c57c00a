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


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe. ``published`` holds the publication's own figures by row; ``comparability`` says what they mean.

    ``data`` is what ``--data`` must hold, None where the recipe simulates its own. ``plans`` are named sizes: ``small``
    runs in minutes on two cores, ``full`` in hours.
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

    def document(self) -> dict[str, Any]:
        """The recipe as JSON-ready data."""
        return asdict(self) | {"plans": dict(self.plans), "published": {k: dict(v) for k, v in self.published.items()}}


_RECIPES: Final = (
    Recipe(
        "r1-unet-rcnn", "1.0.0", "U-Net, R-CNN and a classifier: liver, fatty regions, grade, fat percentage",
        "Liver steatosis segmentation (U-Net + R-CNN + classifier), IJETRM", "us",
        "The liver is segmented, regions are proposed on it, features of the R-CNN grade the patient and give a fat "
        "percentage, compared with healthy livers; support vector machine and random forest on the same splits.",
        ("unet-2d", "attention-unet-2d", "unet-3d", "unet-lite0", "mask-rcnn-light", "mask-rcnn-r50"),
        {
            "published: U-Net + R-CNN": {"accuracy_4": 0.94, "macro_f1": 0.925},
            "published: random forest": {"accuracy_4": 0.88},
            "published: SVM": {"accuracy_4": 0.84},
        },
        "The publication names no data set, no split unit and no intervals; its figures cannot be reproduced.",
        "us/byra2018 (labels.csv, patient_NN/*.png)",
        {"small": "one fold scheme, few steps: shows that it runs", "full": "five folds by patient, repeated"},
        f"{_EVALUATION}.r1:run_r1", f"{_EVALUATION}.r1:train_r1",
    ),
    Recipe(
        "r2-resnet50-grading", "1.0.0", "Four grades from one frame by a frozen encoder and a small head",
        "ResNet-50 four-grade ultrasound pipeline", "us",
        "Region of interest, 224 x 224, frozen encoder, linear-ReLU-dropout-linear-LogSoftmax, NLL with class weights, "
        "AdamW 1e-4, batch 32, 100 epochs, rate halved on a plateau, split 80/10/10 by patient.",
        ("resnet50-r2", "lite0-r2"),
        {"published": {"accuracy_4": 0.945, "macro_auc": 0.98}},
        "About 250 patients of one centre, and a confusion matrix that sums to 997 of 1,000 images; ours has 40 "
        "patients on another scale (histology). Without ImageNet weights of ResNet-50 at hand EfficientNet-lite0 "
        "stands in; the plans have no switch for the encoder yet.",
        "us/byra2018 (labels.csv, patient_NN/*.png)",
        {"small": "one split, 10 epochs", "full": "ten splits by patient, 100 epochs"},
        f"{_EVALUATION}.r2:run_r2", f"{_EVALUATION}.r2:train_r2",
    ),
    Recipe(
        "r3-multiview", "1.0.0", "Attention, fusion of views and ensembles, with calibrated grades",
        "Multi-view framework with attention and ensembles", "us",
        "The whole ladder: plain CNN, ResNet-50, attention, fusion of views, ensemble of five; two heads (grade and "
        "fat), label smoothing, calibration before and after.",
        ("hmrs-cnn", "resnet50-r2", "b3-attention", "lite0-attention", "vit-tiny-attention", "b3-multiview",
         "lite0-multiview"),
        {
            "published: baseline CNN": {"auc": 0.82, "ece": 0.09},
            "published: ResNet-50": {"auc": 0.87, "ece": 0.07},
            "published: EfficientNet-B3 + attention": {"auc": 0.91, "ece": 0.05},
            "published: three-view fusion": {"auc": 0.93, "ece": 0.04},
            "published: ensemble of five": {"auc": 0.95, "ece": 0.03},
        },
        "The publication gives no sample size and no intervals. Our patients have ten frames of one view each: the "
        "fusion is of frames, not of anatomical views.",
        "us/byra2018 (labels.csv, patient_NN/*.png)",
        {"small": "one repeat, few epochs", "full": "five folds by patient, five members"},
        f"{_EVALUATION}.r3:run_r3", f"{_EVALUATION}.r3:train_r3",
    ),
    Recipe(
        "r4-hmrs-regression", "1.0.0", "Fat percentage from clips of two views by a five-layer CNN",
        "Colantonio et al., H-MRS fat-percentage regression from clips", "us",
        "Frames cut to 360 x 360, five convolutional layers, one view or two branches; MSE, Adam, batch 50, 30 epochs, "
        "patience 5, stratified 4-fold by subject; classes S0 to S3 at 3.12 / 8.77 / 13.69 %.",
        ("hmrs-cnn", "hmrs-cnn-two-branch"),
        {
            "published: AR": {"rmse_percent": 1.11, "pearson": 0.983, "accuracy_4": 0.90},
            "published: HR": {"rmse_percent": 1.45},
            "published: AR + HR": {"rmse_percent": 1.32},
        },
        "Ten hand-picked test patients with frames counted as samples (the fold mean of the publication is 1.52). Ours "
        "is simulated: it shows that the recipe learns, not what it would do on patients.",
        None,
        {
            "small": "32 simulated subjects, 2 frames a clip, 2 epochs",
            "medium": "150 subjects, 4 frames a clip, 30 epochs",
            "full": "150 subjects, 20 frames a clip, 30 epochs",
            "real-small": "--data us/byra2018: 2 frames of each patient, one branch, 2 epochs, histology scale",
            "real-full": "--data us/byra2018: 10 frames of each patient, one branch, 30 epochs, histology scale",
        },
        f"{_EVALUATION}.hmrs:run_r4", f"{_EVALUATION}.hmrs:train_r4", True,
    ),
    Recipe(
        "r5-ct-anomaly", "1.0.0", "Normal, benign or malignant with a mask and a heat map, four encoders",
        "CT liver anomaly detection (VGG16, InceptionV3, ResNet152, MobileNet)", "ct",
        "Slices windowed and cut to the liver; encoder with class head and mask head; BCE + Dice + L2, Adam with a "
        "schedule; finding with confidence, mask and heat map.",
        ("vgg16-anomaly", "inception-v3-anomaly", "resnet152-anomaly", "mobilenet-anomaly", "lite0-anomaly"),
        {},
        "The publication calls MobileNet the best trade-off. No clear-licence CT set with these three classes is at "
        "hand: proven on simulated CT foci and on us/aul, whose classes are confounded with the image size.",
        "us/aul (annotations.json, images/); the CT part is simulated",
        {"small": "few steps on few images", "full": "five folds by look-alikes"},
        f"{_EVALUATION}.r5:run_r5", f"{_EVALUATION}.r5:train_r5",
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
