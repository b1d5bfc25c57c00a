"""What a CT header says about contrast: the agent, its route, and the words of the series.

Absence proves nothing: an empty agent leaves the question open. Oral and rectal agents do not enhance the liver.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from steatoscope.core.image import CTFacts

HeaderPhase = Literal["enhanced", "unenhanced"]

_IV: Final = r"(?:i\.?\s?v\.?|intra\s?-?ven\w+|intra\s?-?vas\w+)(?!\w)"
_CONTRAST: Final = r"(?:contrast\w*|contr|con|c|km|ce|enhanc\w*)(?!\w)"
_AND: Final = r"(?:and|und|et|plus|or|&|\+|/)"
_AGENTS: Final = (
    r"omnipaque|ultravist|visipaque|isovue|iopamiro\w*|iopamidol|iohexol|iopromid\w*|iodixanol|iomeron|iomeprol|"
    r"optiray|ioversol|oxilan|ioxilan|imeron|xenetix|iobitridol|optiject|iopentol|imagopaque|accupaque|solutrast|"
    r"hexabrix|conray|iothalamat\w*"
)
_ENTERIC: Final = re.compile(
    r"\b(?:oral\w*|p\.?\s?o\.?|per os|rectal\w*|rect|enema|enteric|water|wasser|milk|barium|baso4|readi-?\s?cat|"
    r"gastrografin\w*|gastroview|telebrix gastro|peritrast)(?!\w)"
)
_INTRAVENOUS: Final = re.compile(rf"\b{_IV}")
_NO_INTRAVENOUS: Final = re.compile(rf"\b(?:no|non|without|wo|ohne|not)\s*-?\s*{_IV}")
_AGENT_NAME: Final = re.compile(rf"\b(?:{_AGENTS})(?!\w)")
_NOT_GIVEN: Final = re.compile(
    r"(?:no|none|n|nil|nein|non|not|without|wo|ohne|sans|nativ|native|plain|false|unenhanced|0)(?!\w)(?!\s*-?\s*ionic)"
)
_UNKNOWN: Final = re.compile(r"(?:unknown|unk|n/?a|n\.a\.|\?+|-+|x+|\.+)$")
_BOTH: Final = re.compile(
    rf"\b(?:(?:with|w)\s*{_AND}?\s*(?:without|wo)|(?:without|wo)\s*{_AND}\s*(?:with|w)|wwo|pre\s*{_AND}\s*post)(?!\w)"
    rf"(?:\s*(?:{_IV}|{_CONTRAST}))*"
)
_ENTERIC_PHRASE: Final = re.compile(
    r"\b(?:(?:with|w|mit|without|wo|no|non|only|ohne)\s*-?\s*)?(?:oral|rectal|p\.o\.|po|enteric)"
    rf"(?:\s*{_AND}\s*(?:oral|rectal))?(?:\s*-?\s*{_CONTRAST})?(?!\w)"
)
_VIRTUAL: Final = re.compile(r"\b(?:vnc|vue|virtual\s*-?\s*(?:non|un)\w*|monoenerg\w*|mono\s*\+?\s*\d{2,3}\s*kev)")
_OTHER_NON: Final = r"(?!\s*-?\s*(?:ionic|diagn|gat|helic|rigid|specif|stand|breath|atem|tilt|arm|ecg|ekg|gap))"
_UNENHANCED_TEXT: Final = re.compile(
    rf"\b(?:(?:without|wo|ohne|sans|senza|non)\s*-?\s*(?:{_IV}\s*-?\s*)?(?:{_CONTRAST})?(?!\w){_OTHER_NON}|"
    rf"(?:no|sin)\s*-?\s*(?:{_IV}(?:\s*-?\s*{_CONTRAST})?|{_CONTRAST})|"
    rf"pre\s*-?\s*{_CONTRAST}|noncon\w*|unenhanced|un-enhanced|nativ\w*|plain|ncct|nect|tnc)(?!\w)"
)
_ENHANCED_TEXT: Final = re.compile(
    r"(?<!\w)(?:art|arter\w*|port|portal\w*|porto\w*|pvp|pv|ven|venous|ven[oö]s\w*|venoes\w*|veneu\w*|venph\w*|"
    r"delay\w*|late\s*(?:art\w*|ven\w*|phase)|equilib\w*|nephrog\w*|excretory|enhanced|contrast\w*|cect|ce\s?-?ct|km|"
    rf"post\s*-?\s*(?:{_CONTRAST}|inj\w*)|{_IV}|\+\s?c|c\s?\+|{_AGENTS})(?!\w)"
)
_PORTAL_TEXT: Final = re.compile(r"(?<!\w)(?:port|portal\w*|porto\w*|pvp|pv)(?!\w)")


def phase_from_header(facts: CTFacts) -> HeaderPhase | None:
    """Enhanced where an intravenous agent is named, unenhanced where the words say so, None where they do not decide.

    An agent counts as intravenous unless its own words or its route are oral or rectal, and outweighs the series text.
    """
    agent = _agent_phase(_clean(facts.contrast_agent), _clean(facts.contrast_route))
    if agent == "enhanced":
        return agent
    return phase_from_text(facts.series_text) or agent


def phase_from_text(text: str) -> HeaderPhase | None:
    """Phase by the words of a series; text that speaks of scans with and without contrast does not decide.

    A named agent counts as given. Virtual non-contrast and monoenergetic images count as enhanced: the agent was given
    for the former, and the HU of both differ from those of a plain 120 kV scan.
    """
    words = _clean(text)
    if _VIRTUAL.search(words):
        return "enhanced"
    words = _ENTERIC_PHRASE.sub(" ", _BOTH.sub(" ", words))
    rest = _UNENHANCED_TEXT.sub(" ", words)
    plain = rest != words
    if _AGENT_NAME.search(rest):
        return "enhanced"
    if _ENHANCED_TEXT.search(rest):
        return None if plain else "enhanced"
    return "unenhanced" if plain else None


def portal_venous_text(facts: CTFacts) -> bool:
    """Whether the series text names the portal-venous phase."""
    return bool(_PORTAL_TEXT.search(_clean(facts.series_text)))


def _agent_phase(agent: str, route: str) -> HeaderPhase | None:
    if not agent or _UNKNOWN.match(agent):
        return None
    if _INTRAVENOUS.search(_NO_INTRAVENOUS.sub(" ", agent)):
        return "enhanced"
    answers = [_part_phase(part) for part in re.split(rf"\s*(?:;|{_AND}(?!\w))\s*", agent) if part]
    if "enhanced" in answers:
        oral_route = _ENTERIC.search(route) and not _INTRAVENOUS.search(route)
        return None if oral_route else "enhanced"
    return "unenhanced" if "unenhanced" in answers else None


def _part_phase(part: str) -> HeaderPhase | None:
    """One agent of a list: given by vein, not given, or oral and rectal (None)."""
    enteric = _ENTERIC.search(part) is not None
    if not _NOT_GIVEN.match(part):
        return None if enteric else "enhanced"
    if _AGENT_NAME.search(part):
        return "enhanced"
    return None if enteric else "unenhanced"


def _clean(text: str | None) -> str:
    words = re.sub(r"[\s_\^]+", " ", text or "").strip().lower()
    words = re.sub(r"\bw\s?[/\\]\s?o(?!\w)", "without", words)
    return re.sub(r"\bw\s?/(?=\s?\w)", "with ", words)
