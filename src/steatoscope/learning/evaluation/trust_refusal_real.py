"""Real studies of the benchmark ``refusal``: those to be measured, and those whose refusal is the right answer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from steatoscope.core.image import Modality
from steatoscope.learning.evaluation.trust_refusal_cases import Case, in_place
from steatoscope.learning.evaluation.trust_refusal_sources import some
from steatoscope.pipeline.options import AnalyseOptions

ENHANCED: Final = ("E_CONTRAST",)
NO_ECHOES: Final = ("E_TE", "E_DEPTH", "E_NOLIVER")
_AUL, _JPG, _PNG = 150, 20, 20
_FRAMES: Final = 3


def real_cases(data: Path, seed: int, *, quick: bool) -> list[Case]:
    """All real studies in the data folder: whole sets, seeded samples of the large ones (a few of each for ``quick``).

    ``subject`` is the patient, volume or group of look-alikes.
    """
    few = 2 if quick else None
    return [
        *_byra2018(data / "us" / "byra2018", few),
        *_aul(data / "us" / "aul", seed, few or _AUL),
        *_files("US", "DICOM of byra2018", sorted((data / "dicom").glob("liver_*.dcm"))),
        *_ct(data / "ct", seed, few),
        *_mr(data / "mr", seed, few),
        *_folders("MR", "mr_survey_philips", [data / "dicom" / "mr_survey_philips"], (*NO_ECHOES, "E_MODALITY")),
    ]


def _byra2018(folder: Path, few: int | None) -> list[Case]:
    """Every patient as one study of three frames."""
    kind = "byra2018 (three frames a patient)"
    patients = sorted(folder.glob("patient_*"))[:few]
    return [
        Case("US", kind, one.name, in_place(*sorted(one.glob("*.png"))[:_FRAMES]), subject=f"{kind}/{one.name}")
        for one in patients
    ]


def _aul(folder: Path, seed: int, most: int) -> list[Case]:
    """A seeded sample of images of groups of look-alikes that the gate's reference does not hold."""
    held_out = aul_held_out(folder)
    return _files("US", "aul, held out of the reference", some(held_out, seed, most))


def aul_held_out(folder: Path) -> list[Path]:
    """The images whose group the shipped gate was not made from; none where the set is not there."""
    from steatoscope.learning.inference.us_gate import read_us_gate

    used = read_us_gate().training_sha256
    return [path for path in sorted(folder.glob("images/*.jpg")) if _sha(path) not in used]


def _sha(path: Path) -> str:
    from steatoscope.imaging.io.hashing import sha256_file

    return sha256_file(path)


def _ct(folder: Path, seed: int, few: int | None) -> list[Case]:
    ct = AnalyseOptions(modality="CT")
    volumes = folder / "totalsegmentator_examples"
    nifti = [path for name in ("example_ct_sm.nii.gz", "example_ct.nii.gz") if (path := volumes / name).is_file()]
    single = sorted(path for path in folder.glob("contrast_slices/*") if path.is_dir())
    windowed = some(list(folder.glob("msd_liver_jpg/images/*.jpg")), seed, few or _JPG)
    return [
        *_files("CT", "unenhanced_borderline (1 patient)", sorted(folder.glob("unenhanced_borderline/*.dcm"))[:few]),
        *_files("CT", "totalsegmentator, unenhanced", nifti[:few], options=ct),
        *_folders("CT", "totalsegmentator, enhanced", [volumes / "example_ct_dicom"], ENHANCED),
        *_folders("CT", "chaos_ct (portal venous)", [folder / "chaos_ct" / "Data_3D" / "DICOM_anon"], ENHANCED),
        *_folders("CT", "tcga_lihc_34 (enhanced)", [folder / "tcga_lihc_34" / "images"], ENHANCED),
        *_files("CT", "contrast_slices", [next(one.glob("*.dcm")) for one in single], ENHANCED),
        *_files("CT", "msd_liver_jpg (8 bits)", windowed, ("E_DEPTH",), ct),
    ]


def _mr(folder: Path, seed: int, few: int | None) -> list[Case]:
    mr = AnalyseOptions(modality="MR")
    pictures = some(list(folder.glob("chaos_t1_png/train/Data/*.png")), seed, few or _PNG)
    return [
        *_files("MR", "ismrm2012, liver", sorted(folder.glob("ismrm2012/12.mat"))),
        *_files("MR", "ismrm2012, other organs", sorted(folder.glob("ismrm2012/1[67].mat")), ("E_NOLIVER", "E_OOD")),
        *_files("MR", "bipolar", sorted(folder.glob("bipolar/*.mat"))),
        *_files("MR", "chaos_t1_png (8 bits, one echo)", pictures, NO_ECHOES, mr),
        *_files(
            "MR",
            "totalsegmentator MR (one echo)",
            sorted(folder.parent.glob("ct/totalsegmentator_examples/example_mr_sm.nii.gz")),
            NO_ECHOES,
            mr,
        ),
    ]


def _files(
    modality: Modality,
    kind: str,
    paths: Iterable[Path],
    expected: tuple[str, ...] = (),
    options: AnalyseOptions | None = None,
) -> list[Case]:
    return [
        Case(
            modality,
            kind,
            path.name,
            in_place(path),
            options or AnalyseOptions(),
            expected=expected,
            subject=f"{kind}/{path.name}",
        )
        for path in paths
    ]


def _folders(modality: Modality, kind: str, paths: Iterable[Path], expected: tuple[str, ...] = ()) -> list[Case]:
    return _files(modality, kind, [path for path in paths if path.is_dir()], expected)
