"""Scores of liver fat from blood and body measures: FLI, HSI, NAFLD liver-fat score, liver-fat percent, TyG."""

from __future__ import annotations

from math import exp, log, log10
from typing import Final

from steatoscope.science.clinical.score_values import ScoreRule, Values, between

LIKELIHOOD: Final = ("fatty liver is unlikely", "indeterminate", "fatty liver is likely")
HEALTHY_PERCENT: Final = 5.56
_LFS_CUT: Final = -0.640


def fatty_liver_index(v: Values) -> float:
    """FLI, 0-100 (Bedogni, BMC Gastroenterol 2006): triglycerides mg/dL, BMI, GGT U/L, waist cm."""
    z = 0.953 * log(v["triglycerides_mg_dl"]) + 0.139 * v["bmi_kg_m2"]
    z += 0.718 * log(v["ggt_u_l"]) + 0.053 * v["waist_cm"] - 15.745
    return 100.0 / (1.0 + exp(-z))


def hepatic_steatosis_index(v: Values) -> float:
    """HSI (Lee, Dig Liver Dis 2010): ALT and AST in U/L, BMI, sex, diabetes."""
    ratio = v["alt_u_l"] / v["ast_u_l"]
    return float(8.0 * ratio + v["bmi_kg_m2"] + 2.0 * bool(v["female"]) + 2.0 * bool(v["diabetes"]))


def liver_fat_score(v: Values) -> float:
    """NAFLD liver-fat score (Kotronen, Gastroenterology 2009); type 2 diabetes counts 2."""
    score = -2.89 + 1.18 * bool(v["metabolic_syndrome"]) + 0.45 * _t2dm(v) + 0.15 * v["fasting_insulin_mu_l"]
    return float(score + 0.04 * v["ast_u_l"] - 0.94 * v["ast_u_l"] / v["alt_u_l"])


def liver_fat_percent(v: Values) -> float:
    """Liver fat in percent on the MRS scale (Kotronen, Gastroenterology 2009); type 2 diabetes counts 2."""
    power = -0.805 + 0.282 * bool(v["metabolic_syndrome"]) + 0.078 * _t2dm(v)
    power += 0.525 * log10(v["fasting_insulin_mu_l"]) + 0.521 * log10(v["ast_u_l"])
    return float(10.0 ** (power - 0.454 * log10(v["ast_u_l"] / v["alt_u_l"])))


def triglyceride_glucose_index(v: Values) -> float:
    """TyG: ln of half the product of fasting triglycerides and glucose, both in mg/dL."""
    return log(v["triglycerides_mg_dl"] * v["glucose_mg_dl"] / 2.0)


def _t2dm(v: Values) -> float:
    return 2.0 if v["diabetes"] else 0.0


def _insulin(v: Values) -> str:
    return "not valid in patients treated with insulin" if v.get("insulin_treated") else ""


def _insulin_unknown(v: Values) -> str:
    unknown = bool(v.get("diabetes")) and "insulin_treated" not in v
    return "Valid only without insulin treatment, which is not stated" if unknown else ""


def _percent_words(value: float, _: Values) -> str:
    side = "above" if value > HEALTHY_PERCENT else "not above"
    return f"{side} the limit of people without risk factors; from blood values, not from the images"


_KOTRONEN: Final = ("metabolic_syndrome", "diabetes", "fasting_insulin_mu_l", "ast_u_l", "alt_u_l")
FAT_RULES: Final = (
    ScoreRule(
        "fli",
        "FLI",
        "fatty liver index",
        "1",
        "z = 0.953 ln(TG mg/dL) + 0.139 BMI + 0.718 ln(GGT U/L) + 0.053 waist cm - 15.745; 100 e^z / (1 + e^z)",
        "Bedogni, BMC Gastroenterol 2006",
        "adults",
        ("triglycerides_mg_dl", "bmi_kg_m2", "ggt_u_l", "waist_cm"),
        fatty_liver_index,
        lambda _: "< 30 unlikely, ≥ 60 likely",
        lambda x, _: between(x, 30.0, 60.0, LIKELIHOOD, shut=(False, True)),
    ),
    ScoreRule(
        "hsi",
        "HSI",
        "hepatic steatosis index",
        "1",
        "8 ALT/AST + BMI + 2 (female) + 2 (diabetes)",
        "Lee, Dig Liver Dis 2010",
        "adults",
        ("alt_u_l", "ast_u_l", "bmi_kg_m2", "female", "diabetes"),
        hepatic_steatosis_index,
        lambda _: "< 30 unlikely, > 36 likely",
        lambda x, _: between(x, 30.0, 36.0, LIKELIHOOD, shut=(False, False)),
    ),
    ScoreRule(
        "nafld_lfs",
        "NAFLD-LFS",
        "NAFLD liver-fat score",
        "1",
        "-2.89 + 1.18 MetS + 0.45 T2DM (yes 2, no 0) + 0.15 insulin mU/L + 0.04 AST - 0.94 AST/ALT",
        "Kotronen, Gastroenterology 2009",
        "adults not treated with insulin",
        _KOTRONEN,
        liver_fat_score,
        lambda _: "> −0.640 likely",
        lambda x, _: LIKELIHOOD[2] if x > _LFS_CUT else LIKELIHOOD[0],
        bars=_insulin,
        remark=_insulin_unknown,
    ),
    ScoreRule(
        "liver_fat_percent",
        "Liver fat %",
        "from blood values, MRS scale",
        "%",
        "10^(-0.805 + 0.282 MetS + 0.078 T2DM (2/0) + 0.525 lg insulin + 0.521 lg AST - 0.454 lg(AST/ALT))",
        "Kotronen, Gastroenterology 2009",
        "adults not treated with insulin",
        _KOTRONEN,
        liver_fat_percent,
        lambda _: f"> {HEALTHY_PERCENT} % raised (Szczepaniak, Am J Physiol Endocrinol Metab 2005)",
        _percent_words,
        bars=_insulin,
        remark=_insulin_unknown,
    ),
    ScoreRule(
        "tyg",
        "TyG",
        "triglyceride-glucose index",
        "1",
        "ln(TG mg/dL x fasting glucose mg/dL / 2)",
        "published formula; limits differ between cohorts",
        "fasting values",
        ("triglycerides_mg_dl", "glucose_mg_dl"),
        triglyceride_glucose_index,
        lambda _: "none that hold generally",
        lambda _, __: "higher goes with insulin resistance; compare within one cohort only",
    ),
)
