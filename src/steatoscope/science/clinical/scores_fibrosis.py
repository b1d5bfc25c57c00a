"""Scores of fibrosis and inflammation: FIB-4, NFS, APRI, FAST and the ratio of AST to ALT."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Final

from steatoscope.science.clinical.score_values import ScoreRule, Values, between, is_older

_FIBROSIS: Final = (
    "advanced fibrosis is unlikely",
    "indeterminate; a second test such as elastography is usual",
    "advanced fibrosis is possible",
)
_YOUNGEST: Final = 35.0
_FIB4: Final = (1.3, 2.0, 2.67)
_FIB4_HEPATITIS_C: Final = (1.45, 3.25)
_NFS: Final = (-1.455, 0.12, 0.676)


def fibrosis_4(v: Values) -> float:
    """FIB-4: age (years) x AST / (platelets 10^9/L x root of ALT), enzymes in U/L."""
    return float(v["age_years"] * v["ast_u_l"] / (v["platelets_10e9_l"] * sqrt(v["alt_u_l"])))


def nafld_fibrosis_score(v: Values) -> float:
    """NFS (Angulo, Hepatology 2007); albumin in g/dL; the constant is -1.675."""
    score = -1.675 + 0.037 * v["age_years"] + 0.094 * v["bmi_kg_m2"] + 1.13 * bool(v["hyperglycaemia"])
    score += 0.99 * v["ast_u_l"] / v["alt_u_l"] - 0.013 * v["platelets_10e9_l"]
    return float(score - 0.66 * v["albumin_g_dl"])


def apri(v: Values) -> float:
    """APRI: AST in multiples of its upper limit of normal, over platelets (10^9/L), times 100."""
    return float(v["ast_u_l"] / v["ast_uln_u_l"] / v["platelets_10e9_l"] * 100.0)


def fast(v: Values) -> float:
    """FAST, 0-1: stiffness in kPa, CAP in dB/m, AST in U/L; coefficients not verified."""
    x = -1.65 + 1.07 * log(v["lsm_kpa"]) + 2.66e-8 * v["cap_db_m"] ** 3 - 63.3 / v["ast_u_l"]
    return 1.0 / (1.0 + exp(-x))


def _fibrosis_words(value: float, v: Values, limits: tuple[float, float]) -> str:
    if v["age_years"] < _YOUNGEST:
        return f"not valid under {_YOUNGEST:g} years: the value is not read"
    return between(value, *limits, _FIBROSIS, shut=(False, False))


def _raised(v: Values) -> str:
    return "The lower limit is the raised one for 65 years and older" if is_older(v) else ""


def _fib4_limits(v: Values) -> tuple[float, float]:
    if v.get("other_cause") == "hepatitis_c":
        return _FIB4_HEPATITIS_C
    return _FIB4[1] if is_older(v) else _FIB4[0], _FIB4[2]


def _fib4_raised(v: Values) -> str:
    return "The limits are those of hepatitis C" if v.get("other_cause") == "hepatitis_c" else _raised(v)


def _nfs_limits(v: Values) -> tuple[float, float]:
    return _NFS[1] if is_older(v) else _NFS[0], _NFS[2]


def _cut_words(limits: tuple[float, float]) -> str:
    return "< {:g} low, > {:g} high".format(*limits).replace("-", "−")


def _ratio_words(value: float, _: Values) -> str:
    words = ("usual in fatty liver", "between the limits", "seen in alcohol-related disease and in advanced fibrosis")
    return between(value, 0.8, 1.0, words, shut=(False, False))


FIBROSIS_RULES: Final = (
    ScoreRule(
        "fib4",
        "FIB-4",
        "index of fibrosis from four values",
        "1",
        "age x AST / (platelets x root of ALT)",
        "limits and age rules: McPherson, Am J Gastroenterol 2017",
        "35 years and older; raised lower limit from 65 years",
        ("age_years", "ast_u_l", "alt_u_l", "platelets_10e9_l"),
        fibrosis_4,
        lambda v: _cut_words(_fib4_limits(v)),
        lambda x, v: _fibrosis_words(x, v, _fib4_limits(v)),
        remark=_fib4_raised,
    ),
    ScoreRule(
        "nfs",
        "NFS",
        "NAFLD fibrosis score",
        "1",
        "-1.675 + 0.037 age + 0.094 BMI + 1.13 (IFG or diabetes) + 0.99 AST/ALT - 0.013 platelets - 0.66 albumin g/dL",
        "Angulo, Hepatology 2007; age rules: McPherson, Am J Gastroenterol 2017",
        "35 years and older; raised lower limit from 65 years",
        ("age_years", "bmi_kg_m2", "hyperglycaemia", "ast_u_l", "alt_u_l", "platelets_10e9_l", "albumin_g_dl"),
        nafld_fibrosis_score,
        lambda v: _cut_words(_nfs_limits(v)),
        lambda x, v: _fibrosis_words(x, v, _nfs_limits(v)),
        remark=_raised,
    ),
    ScoreRule(
        "apri",
        "APRI",
        "AST to platelet ratio index",
        "1",
        "(AST / upper limit of normal) / platelets x 100",
        "limits derived in hepatitis C",
        "adults",
        ("ast_u_l", "ast_uln_u_l", "platelets_10e9_l"),
        apri,
        lambda _: "< 0.5 low, > 1.5 high; 1.0 to 2.0 cirrhosis zone",
        lambda x, _: between(
            x,
            0.5,
            1.5,
            ("significant fibrosis is unlikely", "indeterminate", "significant fibrosis is possible"),
            shut=(False, False),
        ),
        remark=lambda _: "The limits come from hepatitis C",
    ),
    ScoreRule(
        "fast",
        "FAST",
        "FibroScan-AST score",
        "1",
        "x = -1.65 + 1.07 ln(LSM kPa) + 2.66e-8 CAP^3 - 63.3/AST; e^x / (1 + e^x)",
        "Newsome, Lancet Gastroenterol Hepatol 2020; coefficients not verified",
        "adults with FibroScan values",
        ("lsm_kpa", "cap_db_m", "ast_u_l"),
        fast,
        lambda _: "≤ 0.35 low, ≥ 0.67 high",
        lambda x, _: between(
            x,
            0.35,
            0.67,
            ("steatohepatitis with fibrosis is unlikely", "indeterminate", "steatohepatitis with fibrosis is possible"),
            shut=(True, True),
        ),
        remark=lambda _: "The coefficients could not be verified against the publication",
        verified=False,
    ),
    ScoreRule(
        "ast_alt",
        "AST/ALT",
        "ratio of AST to ALT",
        "1",
        "AST / ALT",
        "ratio of two enzymes",
        "adults",
        ("ast_u_l", "alt_u_l"),
        lambda v: float(v["ast_u_l"] / v["alt_u_l"]),
        lambda _: "< 0.8 low, > 1 high",
        _ratio_words,
    ),
)
