"""The organisations of the synthetic region and the people who work there.

Every name carries "Demo"; telephone numbers lie in the ranges that the Bundesnetzagentur keeps free for
film and print. Neighbours: `fhir/organizations.py` writes them down.
"""

from __future__ import annotations

from dataclasses import dataclass

from mihub.synth import check_digits


@dataclass(frozen=True, slots=True)
class Staff:
    """A person who works at a member and whom a patient may call."""

    key: str
    prefix: str
    given: str
    family: str
    role: str
    role_de: str
    phone: str

    @property
    def name(self) -> str:
        """As written on a door sign."""
        return " ".join(part for part in (self.prefix, self.given, self.family) if part)


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation of the region."""

    id: str
    name: str
    kind: str
    place: str
    postal_code: str
    street: str
    phone: str
    factor: int
    staff: tuple[Staff, ...] = ()

    @property
    def is_hospital(self) -> bool:
        """Whether it documents tumours."""
        return self.kind in ("hospital", "university-hospital")

    @property
    def institution_code(self) -> str:
        """IKNR of the institution: kind 26 for hospitals, synthetic."""
        return check_digits.iknr(f"26999{self.factor % 1000:03d}")

    def person(self, role: str) -> Staff:
        """Who has this role here; the first of the staff when nobody does."""
        return next((staff for staff in self.staff if staff.role == role), self.staff[0])


def _staff(key: str, name: str, role: str, role_de: str, extension: str) -> Staff:
    *prefix, given, family = name.split(" ")
    return Staff(key, " ".join(prefix), given, family, role, role_de, f"+49 30 23125 {extension}")


MEMBERS: tuple[Member, ...] = (
    Member(
        "dresden",
        "Uniklinikum Elbaue (Demo, Dresden)",
        "university-hospital",
        "Dresden",
        "01307",
        "Elbaue 1",
        "+49 30 23125 100",
        2_718_281,
        (
            _staff("weiss", "Prof. Dr. Helene Weiß", "oncologist", "Onkologin, Thoraxzentrum", "110"),
            _staff("boerner", "Anja Börner", "board-coordinator", "Koordination Tumorboard", "120"),
            _staff("petzold", "Dr. Volkmar Petzold", "radiologist", "Zweitbefunder Lungenscreening", "130"),
            _staff("haenel", "Dr. Rita Hänel", "pathologist", "Pathologie", "140"),
            _staff("forscher", "Dr. Tobias Lindner", "researcher", "Versorgungsforschung", "150"),
        ),
    ),
    Member(
        "chemnitz",
        "Klinikum Erzgebirgsblick (Demo, Chemnitz)",
        "hospital",
        "Chemnitz",
        "09116",
        "Erzgebirgsblick 5",
        "+49 30 23125 200",
        3_141_593,
        (
            _staff("uhlig", "Dr. Matthias Uhlig", "surgeon", "Thoraxchirurgie", "210"),
            _staff("jaehnig", "Dr. Carola Jähnig", "oncologist", "Onkologie", "220"),
            _staff("illgen", "Sven Illgen", "site-engineer", "Datenintegration", "230"),
        ),
    ),
    Member(
        "cottbus",
        "Klinikum Spreewald (Demo, Cottbus)",
        "hospital",
        "Cottbus",
        "03048",
        "Spreewaldring 9",
        "+49 30 23125 300",
        1_618_033,
        (
            _staff("kubisch", "Dr. Jana Kubisch", "oncologist", "Onkologische Tagesklinik", "310"),
            _staff("noack", "Grit Noack", "nurse", "Onkologische Fachpflege", "320"),
            _staff("jurisch", "Dr. Bernd Jurisch", "palliative-team", "Palliativteam", "330"),
        ),
    ),
    Member(
        "praxis-a",
        "Hausarztpraxis Lindenhof (Demo, Freiberg)",
        "practice",
        "Freiberg",
        "09599",
        "Lindenhof 3",
        "+49 30 23125 400",
        1_414_213,
        (
            _staff("schoenherr", "Dr. Ute Schönherr", "gp", "Hausärztin", "410"),
            _staff("fiedler", "Peggy Fiedler", "assistant", "Praxisteam", "420"),
        ),
    ),
    Member(
        "praxis-b",
        "Hausarztpraxis am Fließ (Demo, Lübben)",
        "practice",
        "Lübben (Spreewald)",
        "15907",
        "Am Fließ 12",
        "+49 30 23125 500",
        1_732_051,
        (
            _staff("handrick", "Dr. Rolf Handrick", "gp", "Hausarzt", "510"),
            _staff("balzer", "Ines Balzer", "assistant", "Praxisteam", "520"),
        ),
    ),
    Member(
        "radiologie",
        "Radiologie am Markt (Demo, Chemnitz)",
        "radiology-practice",
        "Chemnitz",
        "09111",
        "Am Markt 7",
        "+49 30 23125 600",
        2_236_067,
        (
            _staff("voigt", "Dr. Steffen Voigt", "radiologist", "Radiologe, Erstbefunder", "610"),
            _staff("wuensche", "Doreen Wünsche", "assistant", "Anmeldung", "620"),
        ),
    ),
    Member(
        "netzwerk",
        "MiHUB-Netzwerk (Demo)",
        "care-record",
        "Dresden",
        "01069",
        "Netzwerkplatz 1",
        "+49 30 23125 700",
        2_645_753,
        (
            _staff("rudolph", "Katrin Rudolph", "care-coordinator", "Lotsin", "710"),
            _staff(
                "datenschutz", "Holger Thiele", "data-protection-officer", "Datenschutzbeauftragter", "720"
            ),
        ),
    ),
)

BY_ID = {member.id: member for member in MEMBERS}
HOSPITALS = tuple(member.id for member in MEMBERS if member.is_hospital)
