"""The report's vocabulary: what scales, grades, statistics, measurements and units are called on paper."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

PRODUCT: Final = "Steatoscope"
TITLE: Final = "Liver fat report"
BANNER: Final = "Decision support – review required"
REVIEW: Final = "Images, outlines and values reviewed:   ☐ agree    ☐ agree as amended    ☐ do not agree"
REVIEW_LINES: Final = ("Name and role", "Signature", "Date", "Amendments")
NOT_MEASURED: Final = "not measured"
SIMULATED_CODE: Final = "W_SIMULATED"
SIMULATED: Final = "SIMULATED IMAGES"
SECTOR: Final = "Scan sector (no liver outline)"
AS_ABOVE: Final = "as above"
NO_LESIONS: Final = "Focal lesions are not assessed."
SOUGHT_LESIONS: Final = "Focal regions were sought by a detector and none was marked: this excludes no lesion."
MARKED_REGIONS: Final = "Marked focal regions are not classified; regions may be missed or marked wrongly."
FOCAL_SCORE_US: Final = (
    "The score of a focal region (0 to 1) orders the detector's marks; it is no probability of disease. Regions are "
    "reported from 0.20 on; on labelled images 18 % of normal ones got a false mark (95 % interval 10 to 26 %), and "
    "55 % of masses were found."
)
ERROR_BUDGET: Final = "Error budget of the fat value"
ERROR_BUDGET_NOTE: Final = (
    "Independent errors add up as squares. The interval is the value with the whole, cut at 0 and 100 %."
)
ALL_ERRORS: Final = "All together"
ADDED_UP: Final = MappingProxyType({"squares": "as squares", "plain": "as a bound, plainly"})
NO_LIVER_SEEN: Final = ("E_OOD", "E_NOLIVER")
DETECTOR_MODELS: Final = ("us-localiser", "ct-localiser")

MODALITIES: Final = MappingProxyType({"US": "Ultrasound", "CT": "Computed tomography", "MR": "Magnetic resonance"})
GRADES: Final = MappingProxyType({"normal": "Normal", "mild": "Mild", "moderate": "Moderate", "severe": "Severe"})
GRADE_CODES: Final = MappingProxyType({"normal": "S0", "mild": "S1", "moderate": "S2", "severe": "S3"})
STATUS: Final = MappingProxyType(
    {
        "ok": "Quality: no remarks",
        "warn": "Quality: usable with remarks",
        "refused": "Further remarks",
    }
)
CATEGORIES: Final = MappingProxyType(
    {
        "likely_moderate_or_more": "Moderate or severe steatosis is likely",
        "indeterminate": "Indeterminate",
        "unlikely": "Moderate or severe steatosis is unlikely",
    }
)

SCALES: Final = MappingProxyType(
    {
        "histology": "Histology-scale estimate (share of hepatocytes)",
        "pdff": "PDFF (proton density fat fraction)",
        "mrs_pdff": "MRS-PDFF (fat fraction by MR spectroscopy)",
        "dixon_sff": "Two-point Dixon signal fat fraction (not PDFF)",
        "ct_pdff_equiv": "CT fat fraction (PDFF-equivalent estimate)",
        "us_model": "Ultrasound model estimate (own scale, not PDFF)",
    }
)
SHORT_SCALES: Final = MappingProxyType(
    {
        "histology": "histology scale, % of hepatocytes",
        "pdff": "PDFF, %",
        "mrs_pdff": "MRS-PDFF, %",
        "dixon_sff": "Dixon signal fat fraction, %",
        "ct_pdff_equiv": "CT fat fraction (PDFF-equivalent estimate), %",
        "us_model": "ultrasound model scale, %",
    }
)
SCALE_NOTES: Final = MappingProxyType(
    {
        "histology": "Estimates the share of liver cells that contain fat, as graded on a biopsy. This is not PDFF: "
        "livers with fat in 66 % of their cells typically have a PDFF near 20 %.",
        "pdff": "Share of MR-visible protons that sit in fat. This is not the share of fatty liver cells seen at "
        "histology.",
        "mrs_pdff": "Fat fraction by MR spectroscopy; its limits hold for its own acquisition and post-processing.",
        "dixon_sff": "Two-point Dixon has no R2* and multi-peak correction and may differ from PDFF.",
        "ct_pdff_equiv": "Converted from unenhanced liver attenuation at 120 kV by a published equation. It is an "
        "estimate on the PDFF scale, not a PDFF measurement.",
        "us_model": "Answer of an ultrasound model on its own scale; not interchangeable with PDFF or histology.",
    }
)

MEASUREMENTS: Final = MappingProxyType(
    {
        "liver_hu": "Liver attenuation",
        "liver_hu_mad": "Liver attenuation, spread (MAD)",
        "spleen_hu": "Spleen attenuation",
        "liver_minus_spleen_hu": "Liver minus spleen (L−S)",
        "liver_spleen_ratio": "Liver to spleen ratio (L/S)",
        "hepatorenal_index": "Hepatorenal index",
        "attenuation_slope": "Depth attenuation slope",
        "r2star": "R2* of the liver",
        "liver_volume": "Liver volume",
        "spleen_volume": "Spleen volume",
        "heterogeneity": "Heterogeneity within the liver",
        "liver_hu_q25": "Liver attenuation, lower quartile",
        "liver_hu_q75": "Liver attenuation, upper quartile",
        "noise": "Noise in the liver",
        "measured_volume": "Volume measured",
        "measured_voxels": "Measured voxels",
        "liver_pdff_median": "PDFF of the liver, median of voxels",
        "liver_iron": "Liver iron, from R2* (dry weight)",
        "first_echo_snr": "Signal to noise of the first echo",
        "disputed_share": "Share of voxels with a second solution",
        "ct_fat_pickhardt2018": "Fat by Pickhardt 2018, not clamped",
        "ct_fat_kramer2017": "Fat by Kramer 2017, not clamped",
        "mean_grey": "Mean grey",
        "speckle_snr": "Speckle signal to noise",
        "nakagami_m": "Nakagami m",
        "glcm_contrast": "Texture (GLCM): contrast",
        "glcm_dissimilarity": "Texture (GLCM): dissimilarity",
        "glcm_homogeneity": "Texture (GLCM): homogeneity",
        "glcm_energy": "Texture (GLCM): energy",
        "glcm_correlation": "Texture (GLCM): correlation",
        "glcm_entropy": "Texture (GLCM): entropy",
        "local_entropy": "Local entropy",
        "attenuation_coefficient": "Attenuation coefficient",
        "hepatorenal_difference": "Liver minus renal cortex",
        "member_spread": "Spread of the model's members",
    }
)
UNITS: Final = MappingProxyType(
    {
        "percent": "%",
        "1/s": "s⁻¹",
        "ml": "mL",
        "ratio": "",
        "1": "",
        "{ratio}": "",
        "dB/cm/MHz": "dB/(cm·MHz)",
        "mm2": "mm²",
        "cm3": "cm³",
        "um": "µm",
        "au": "a.u.",
        "grey": "grey levels",
        "grey/px": "grey levels/px",
    }
)
ACQUISITION: Final = MappingProxyType(
    {
        "manufacturer": ("Manufacturer", ""),
        "scanner": ("Scanner", ""),
        "study_date": ("Study date", ""),
        "phase": ("Contrast phase", ""),
        "kvp": ("Tube voltage", "kV"),
        "slice_thickness_mm": ("Slice thickness", "mm"),
        "kernel": ("Reconstruction kernel", ""),
        "field_strength_t": ("Field strength", "T"),
        "echoes": ("Echoes", ""),
    }
)
DIGITS: Final = MappingProxyType({"%": 1, "HU": 1, "s⁻¹": 1, "mL": 0, "cm³": 1, "mm²": 0, "": 2, "ms": 1, "mm": 1})
COUNTS: Final = ("pixels", "voxels")
DECIMALS: Final = MappingProxyType({"measured_voxels": 0, "liver_iron": 2, "r2star": 0})
SIGNIFICANT: Final = MappingProxyType({"attenuation_slope": 3})
FEATURES: Final = MappingProxyType(
    {
        "slope_near": "Depth slope, near part",
        "slope_far": "Depth slope, far part",
        "slope_all": "Depth slope, whole sector",
        "curvature": "Curvature of the depth profile",
        "contrast_low": "Darkest tissue minus sector mean",
        "contrast_high": "Brightest tissue minus sector mean",
        "contrast_spread": "Spread of grey in the tissue",
        "left_right": "Left minus right half",
        "liver": "Liver brightness",
        "liver_ring": "Liver minus its surroundings at equal depth",
        "liver_spread": "Unevenness of the liver",
        "liver_depth": "Depth of the liver site",
        "far_liver": "Far field minus liver",
        "far_high": "Brightest far field minus liver",
        "difference": "Liver minus renal cortex",
        "difference_sd": "Liver minus renal cortex, over the spread",
        "kidney": "Renal cortex brightness",
        "kidney_ring": "Renal cortex minus its surroundings",
        "sinus_kidney": "Renal sinus minus cortex",
        "sinus_liver": "Renal sinus minus liver",
        "darkest_liver": "Darkest cortex minus liver",
        "bend": "Bend of the depth profile",
        "slope_free": "Depth slope, free parenchyma",
        "index": "Hepatorenal index",
        "liver_against_cortex": "Liver against renal cortex",
        "depth_profile": "Brightness along depth, slope",
        "free_parenchyma": "Free parenchyma along depth, slope",
        "liver_against_tissue": "Liver against all tissue",
        "far_field": "Far field against liver",
        "grey_spread": "Spread of grey",
        "network_cortex": "Network: liver against renal cortex",
        "network_liver": "Network: look of the liver",
        "t1_bias": "Correction for T1 bias",
        "cut_to_range": "Values outside 0 to 100 % are cut",
        "constant": "Constant",
        "all_others": "All other features together",
    }
)
FEATURE_UNITS: Final = MappingProxyType(
    {
        "liver_against_cortex": (0, "grey levels"),
        "depth_profile": (0, "grey levels"),
        "free_parenchyma": (0, "grey levels"),
        "liver_against_tissue": (0, "grey levels"),
        "far_field": (0, "grey levels"),
        "grey_spread": (0, "grey levels"),
        "liver_hu": (1, "HU"),
        "t1_bias": (2, "times as much fat"),
        "cut_to_range": (1, "%"),
    }
)
"""Decimals and unit of the value of a feature."""
WITHOUT_VALUE: Final = ("network_cortex", "network_liver", "all_others")
_BANDS: Final = MappingProxyType(
    {"band": "Depth band", "beam": "Liver beams, depth", "free": "Free parenchyma, depth", "ring": "Ring, depth"}
)
_NETWORK: Final = MappingProxyType({"deep": "Network features (deep)", "middle": "Network features (middle)"})
REGION_KINDS: Final = MappingProxyType({"fatty": "Fatty region", "spared": "Spared region", "lesion": "Focal region"})

SHARED_CONFOUNDERS: Final = (
    "Normal liver fat does not exclude steatohepatitis or fibrosis.",
    "Focal fat or focal sparing: check the outline and the local map, one region can mislead.",
    "Ascites, congestion, hepatitis, alcohol and recent weight change alter liver fat or its measurement.",
    "A change of scanner or protocol between visits can look like a change of fat.",
)
CONFOUNDERS: Final = MappingProxyType(
    {
        "CT": (
            "Iron, amiodarone, glycogen storage, Wilson disease and gold raise attenuation and can hide fat.",
            "Oedema, congestion, acute hepatitis, diffuse tumour and amyloid may lower attenuation without fat.",
            "Splenic disease (iron, amyloid, sickle cell) makes L−S and L/S unreliable; CT cannot exclude mild "
            "steatosis.",
        ),
        "MR": (
            "Iron breaks two-point Dixon and, when heavy, every fat-fraction fit: read R2* beside the value.",
            "Contrast agent given before the scan (gadolinium, gadoxetate) changes T1 and R2*.",
            "Liver fat falls in cirrhosis: a low value is compatible with advanced disease.",
        ),
        "US": (
            "Advanced fibrosis raises attenuation and weakens the hepatorenal index.",
            "Obesity and a deep liver (skin to capsule over 2.5 cm) weaken the signal at depth.",
            "Kidney disease breaks the hepatorenal index; gain, presets and probe change the image.",
        ),
    }
)


def feature_label(name: str) -> str:
    """A model feature as words: its ways of seeing, its place, and limits in percent of the depth where it has them."""
    first, minus, second = name.partition(" - ")
    if minus:
        return f"{feature_label(first)} minus {second.rpartition('_')[2]}"
    kind, _, rest = name.partition("_")
    if kind in _NETWORK:
        return f"{_NETWORK[kind]}: {rest.replace('_', ' ')}"
    if kind in ("plain", "level") and rest:
        levelled = ", levelled" if kind == "level" else ""
        return f"{feature_label(rest)}{levelled}"
    low, _, high = rest.partition("_")
    if kind in _BANDS and low.isdecimal() and high.isdecimal():
        against = " minus sector mean" if kind == "band" else ""
        return f"{_BANDS[kind]} {int(low)}-{int(high)} %{against}"
    if kind == "free" and rest in FEATURES:
        return f"{FEATURES[rest]}, free parenchyma"
    return FEATURES.get(name, MEASUREMENTS.get(name, name.replace("_", " ").capitalize()))
