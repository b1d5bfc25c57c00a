"""Who may do what, written down once: every address of the service, its methods and its visitors.

A line is ``METHOD ADDRESS WHO [OWN]``. WHO is ``anybody``, ``signed-in``, the first letters of roles (V viewer,
C clinician, R researcher, A admin), ``local-A`` (anybody on the machine itself, from elsewhere these roles) or
``refused`` (for all). OWN says that the object must be the visitor's own, and how another's is answered: ``own`` by
403, ``hidden`` by 404. An address that is added to the service needs a line here; the tests say so.
"""

from __future__ import annotations

from dataclasses import dataclass

ROLES = {"V": "viewer", "C": "clinician", "R": "researcher", "A": "admin"}
_LINES = """
GET    /                                              signed-in
GET    /setup                                         anybody
POST   /setup                                         anybody
GET    /sign-in                                       anybody
POST   /sign-in                                       anybody
GET    /sign-in/provider                              anybody
GET    /sign-in/provider/back                         anybody
POST   /sign-out                                      signed-in
POST   /preferences                                   anybody
GET    /speech/<language>.json                        anybody
GET    /static/<path:filename>                        anybody
GET    /healthz                                       local-A
GET    /readyz                                        local-A
GET    /metrics                                       local-A

GET    /account                                       signed-in
POST   /account/password                              signed-in
POST   /account/tokens                                signed-in
POST   /account/tokens/<token_id>/revoke              signed-in  hidden
POST   /account/sessions/<session_id>/end             signed-in  hidden
GET    /api/v1/tokens                                 signed-in
POST   /api/v1/tokens                                 signed-in
DELETE /api/v1/tokens/<token_id>                      signed-in  hidden

GET    /studies                                       VCR
POST   /studies/actions                               VCR
GET    /studies/<study_id>                            VCR
GET    /studies/<study_id>/status                     VCR
POST   /studies/<study_id>/status/cancel              CR  own
POST   /studies/<study_id>/status/retry               CR  own
GET    /models/<name>/card                            VCR
GET    /patients/<patient_id>                         VCR
GET    /compare                                       VCR
POST   /compare/healthy                               CR
GET    /cohort                                        R
GET    /agreement                                     R

GET    /api/v1/                                       anybody
GET    /api/v1/openapi.json                           anybody
GET    /api/v1/static/<path:filename>                 refused
GET    /api/v1/jobs                                   VCR
GET    /api/v1/jobs/<job_id>                          VCR
DELETE /api/v1/jobs/<job_id>                          CR  own
POST   /api/v1/jobs/<job_id>/retry                    CR  own
GET    /api/v1/jobs/<job_id>/events                   VCR

GET    /api/v1/studies                                VCR
POST   /api/v1/studies                                CR
GET    /api/v1/studies.csv                            R
GET    /api/v1/studies.xlsx                           R
GET    /api/v1/studies/states                         VCR
POST   /api/v1/studies/actions                        CR
GET    /api/v1/studies/<study_id>                     VCR
GET    /api/v1/studies/<study_id>/versions            VCR
GET    /api/v1/studies/<study_id>/report              VCR
GET    /api/v1/studies/<study_id>/report.html         VCR
GET    /api/v1/studies/<study_id>/report.pdf          VCR
GET    /api/v1/studies/<study_id>/record.pdf          VCR
GET    /api/v1/studies/<study_id>/report.xlsx         VCR
GET    /api/v1/studies/<study_id>/measurements.csv    VCR
GET    /api/v1/studies/<study_id>/overlay.png         VCR
GET    /api/v1/studies/<study_id>/baseline.png        VCR
GET    /api/v1/studies/<study_id>/files               VCR
GET    /api/v1/studies/<study_id>/files/<name>        VCR
GET    /api/v1/studies/<study_id>/viewer              VCR
GET    /api/v1/studies/<study_id>/viewer/<layer>/<int:index>  VCR
GET    /api/v1/studies/<study_id>/reviews             VCR
POST   /api/v1/studies/<study_id>/reviews             C
POST   /api/v1/studies/<study_id>/mask                C
GET    /api/v1/patients                               VCR
GET    /api/v1/patients/<patient_id>                  VCR
GET    /api/v1/patients/<patient_id>/timeline         VCR
GET    /api/v1/cohort                                 R
GET    /api/v1/agreement                              R
GET    /api/v1/agreement.csv                          R

GET    /upload                                        CR
POST   /api/v1/preview                                CR
GET    /api/v1/uploads                                CR
POST   /api/v1/uploads                                CR
GET    /api/v1/uploads/<upload_id>                    CR  own
DELETE /api/v1/uploads/<upload_id>                    CR  own
POST   /api/v1/uploads/<upload_id>/commit             CR  own
PUT    /api/v1/uploads/<upload_id>/files/<int:number>  CR  own
POST   /api/v1/uploads/<upload_id>/preview            CR  own

GET    /admin                                         A
GET    /admin/audit                                   A
GET    /admin/models                                  A
GET    /admin/models/<name>                           A
POST   /admin/models/<role>                           A
GET    /admin/patients                                A
GET    /admin/patients/<patient_id>                   A
POST   /admin/patients/<patient_id>/erase             A
GET    /admin/patients/<patient_id>/export            A
GET    /admin/settings                                A
POST   /admin/settings                                A
GET    /admin/storage                                 A
POST   /admin/storage                                 A
GET    /admin/users                                   A
POST   /admin/users                                   A
POST   /admin/users/<user_id>                         A
GET    /api/v1/audit                                  A
GET    /api/v1/audit.csv                              A
GET    /api/v1/audit.jsonl                            A
GET    /api/v1/audit/check                            A
GET    /api/v1/health                                 A
GET    /api/v1/models                                 A
GET    /api/v1/models/<name>                          A
GET    /api/v1/model-roles/<role>/history             A
POST   /api/v1/model-roles/<role>/activate            A
POST   /api/v1/model-roles/<role>/roll-back           A
GET    /api/v1/erasable-patients                      A
DELETE /api/v1/patients/<patient_id>                  A
GET    /api/v1/patients/<patient_id>/export           A
GET    /api/v1/settings                               A
PATCH  /api/v1/settings                               A
GET    /api/v1/storage                                A
POST   /api/v1/storage/check                          A
POST   /api/v1/storage/collect                        A
GET    /api/v1/users                                  A
POST   /api/v1/users                                  A
GET    /api/v1/users/<user_id>                        A
PATCH  /api/v1/users/<user_id>                        A
POST   /api/v1/users/<user_id>/password               A
DELETE /api/v1/users/<user_id>/sessions               A
DELETE /api/v1/users/<user_id>/tokens                 A
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table."""

    method: str
    address: str
    who: str
    own: str = ""

    @property
    def key(self) -> str:
        """Method and address."""
        return f"{self.method} {self.address}"

    @property
    def changes(self) -> bool:
        """Whether the method may change something."""
        return self.method != "GET"

    @property
    def roles(self) -> frozenset[str]:
        """Roles that may pass from another machine."""
        if self.who in {"anybody", "signed-in"}:
            return frozenset(ROLES.values())
        if self.who == "refused":
            return frozenset()
        return frozenset(ROLES[letter] for letter in self.who.removeprefix("local-"))


TABLE = {rule.key: rule for rule in (Rule(*line.split()) for line in _LINES.splitlines() if line.strip())}
