"""Small synthetic oBDS 3.0 files for tests, put together from parts. All persons are invented."""

from __future__ import annotations

NAMESPACE = "http://www.basisdatensatz.de/oBDS/XML"
# What must never appear in a reason.
SECRETS = (
    "Xantippe",
    "Quersumme",
    "Zauberfels",
    "Z987654321",
    "1957-08-23",
    "Prunkweg",
    "04711",
    "Geheimbefund",
)

MASTER = """
<Patienten_Stammdaten>
  <Versichertendaten_GKV><IKNR>109999999</IKNR>
  <GKV_Versichertennummer>Z987654321</GKV_Versichertennummer></Versichertendaten_GKV>
  <Nachname>Quersumme</Nachname><Titel>Dr.</Titel><Namensvorsatz>von</Namensvorsatz>
  <Vornamen>Xantippe Rosa</Vornamen>
  <Geburtsname>Zauberfels</Geburtsname><Geschlecht>W</Geschlecht>
  <Geburtsdatum Datumsgenauigkeit="E">1957-08-23</Geburtsdatum>
  <Adresse><Strasse>Prunkweg</Strasse><Hausnummer>7</Hausnummer><Land>DE</Land><PLZ>04711</PLZ><Ort>Mustertal</Ort></Adresse>
</Patienten_Stammdaten>"""

HISTOLOGY = """
<Histologie Histologie_ID="h1">
  <Tumor_Histologiedatum Datumsgenauigkeit="E">2025-01-14</Tumor_Histologiedatum>
  <Histologie_EinsendeNr>E-1</Histologie_EinsendeNr>
  <Morphologie_ICD_O><Code>8140/3</Code><Version>33</Version></Morphologie_ICD_O>
  <Morphologie_Freitext>Adenokarzinom</Morphologie_Freitext><Grading>2</Grading>
  <LK_untersucht>12</LK_untersucht><LK_befallen>1</LK_befallen>
</Histologie>"""

TNM = """
<Datum>2025-01-20</Datum><Version>8</Version><c_p_u_Praefix_T>c</c_p_u_Praefix_T><T>1b</T>
<c_p_u_Praefix_N>c</c_p_u_Praefix_N><N>2</N><c_p_u_Praefix_M>c</c_p_u_Praefix_M><M>0</M><UICC_Stadium>IIIA</UICC_Stadium>"""

DIAGNOSIS = f"""
<Diagnose>
  <Primaertumor_Diagnosetext>Lungenkarzinom</Primaertumor_Diagnosetext>
  <Primaertumor_Topographie_ICD_O><Code>C34.1</Code><Version>33</Version></Primaertumor_Topographie_ICD_O>
  <Diagnosesicherung>7.1</Diagnosesicherung>
  {HISTOLOGY}
  <cTNM ID="t1">{TNM}</cTNM>
  <Allgemeiner_Leistungszustand>1</Allgemeiner_Leistungszustand>
</Diagnose>"""

OPERATION = """
<OP OP_ID="op1">
  <Intention>K</Intention><Datum>2025-02-10</Datum>
  <Menge_OPS><OPS><Code>5-324.71</Code><Version>2025</Version></OPS><OPS><Code>5-404.0</Code><Version>2025</Version></OPS></Menge_OPS>
  <Residualstatus><Lokale_Beurteilung_Residualstatus>R0</Lokale_Beurteilung_Residualstatus>
  <Gesamtbeurteilung_Residualstatus>R0</Gesamtbeurteilung_Residualstatus></Residualstatus>
  <Komplikationen><Menge_Komplikation><Komplikation><Kuerzel>PMN</Kuerzel></Komplikation></Menge_Komplikation></Komplikationen>
</OP>"""

RADIOTHERAPY = """
<ST ST_ID="st1">
  <Meldeanlass>behandlungsende</Meldeanlass><Intention>K</Intention><Stellung_OP>A</Stellung_OP>
  <Menge_Bestrahlung><Bestrahlung><Beginn>2025-04-01</Beginn><Ende>2025-05-12</Ende><Applikationsart><Perkutan>
    <Radiochemo>RCN</Radiochemo><Zielgebiet><CodeVersion2014>3.4.+</CodeVersion2014></Zielgebiet>
    <Seite_Zielgebiet>R</Seite_Zielgebiet><Strahlenart>UH</Strahlenart>
    <Gesamtdosis><Dosis>60</Dosis><Einheit>Gy</Einheit></Gesamtdosis>
    <Einzeldosis><Dosis>1.8</Dosis><Einheit>Gy</Einheit></Einzeldosis><Boost>SIB</Boost>
  </Perkutan></Applikationsart></Bestrahlung></Menge_Bestrahlung>
  <Ende_Grund>E</Ende_Grund>
  <Nebenwirkungen><Menge_Nebenwirkung><Nebenwirkung><Art><Bezeichnung>Dermatitis</Bezeichnung></Art><Grad>3</Grad>
  <Version>5.0</Version></Nebenwirkung></Menge_Nebenwirkung></Nebenwirkungen>
</ST>"""

SYSTEMIC = """
<SYST SYST_ID="sy1">
  <Meldeanlass>behandlungsbeginn</Meldeanlass><Intention>K</Intention><Stellung_OP>A</Stellung_OP>
  <Therapieart>CH</Therapieart><Protokoll>Cis/Vino</Protokoll>
  <Beginn Datumsgenauigkeit="T">2025-03-15</Beginn>
  <Menge_Substanz><Substanz><Bezeichnung>Cisplatin</Bezeichnung></Substanz>
  <Substanz><ATC><Code>L01CA04</Code><Version>2025</Version></ATC></Substanz>
  <Substanz><Bezeichnung>Hauselixier</Bezeichnung></Substanz></Menge_Substanz>
  <Nebenwirkungen><Grad_maximal2_oder_unbekannt>2</Grad_maximal2_oder_unbekannt></Nebenwirkungen>
</SYST>"""

COURSE = """
<Verlauf Verlauf_ID="v1">
  <Meldeanlass>statusaenderung</Meldeanlass><Untersuchungsdatum_Verlauf>2026-01-08</Untersuchungsdatum_Verlauf>
  <Gesamtbeurteilung_Tumorstatus>P</Gesamtbeurteilung_Tumorstatus><Verlauf_Lokaler_Tumorstatus>K</Verlauf_Lokaler_Tumorstatus>
  <Verlauf_Tumorstatus_Lymphknoten>R</Verlauf_Tumorstatus_Lymphknoten>
  <Verlauf_Tumorstatus_Fernmetastasen>R</Verlauf_Tumorstatus_Fernmetastasen>
  <Menge_FM><Fernmetastase><Diagnosedatum Datumsgenauigkeit="E">2026-01-08</Diagnosedatum>
  <Lokalisation>BRA</Lokalisation></Fernmetastase></Menge_FM>
  <Allgemeiner_Leistungszustand>80%</Allgemeiner_Leistungszustand>
</Verlauf>"""

BOARD = """
<Tumorkonferenz Tumorkonferenz_ID="k1">
  <Meldeanlass>diagnose</Meldeanlass><Datum Datumsgenauigkeit="E">2025-01-28</Datum><Typ>praeth</Typ>
  <Therapieempfehlung><Menge_Typ_Therapieempfehlung><Typ_Therapieempfehlung>OP</Typ_Therapieempfehlung>
  <Typ_Therapieempfehlung>CH</Typ_Therapieempfehlung></Menge_Typ_Therapieempfehlung>
  <Abweichung_Patientenwunsch>N</Abweichung_Patientenwunsch></Therapieempfehlung>
</Tumorkonferenz>"""

PATHOLOGY = f"""
<Pathologie Befund_ID="b1"><Diagnosesicherung>7.1</Diagnosesicherung>{HISTOLOGY.replace("h1", "h2")}
  <Befundtext>Geheimbefund im Text</Befundtext></Pathologie>"""

DEATH = """
<Tod Abschluss_ID="a1"><Sterbedatum>2026-06-30</Sterbedatum><Tod_tumorbedingt>J</Tod_tumorbedingt>
  <Menge_Todesursachen><Todesursache_ICD><Code>C34.1</Code>
  <Version>10 2026 GM</Version></Todesursache_ICD></Menge_Todesursachen></Tod>"""

ALL = (DIAGNOSIS, PATHOLOGY, OPERATION, RADIOTHERAPY, SYSTEMIC, COURSE, BOARD, DEATH)


def meldung(report: str, number: str = "m1", tumour: str = "1") -> str:
    """A Meldung about one tumour."""
    return f"""
<Meldung Meldung_ID="{number}" Melder_ID="x">
  <Meldebegruendung>I</Meldebegruendung><Eigene_Leistung>J</Eigene_Leistung>
  <Tumorzuordnung Tumor_ID="{tumour}">
    <Primaertumor_ICD><Code>C34.1</Code><Version>10 2025 GM</Version></Primaertumor_ICD>
    <Diagnosedatum Datumsgenauigkeit="E">2025-01-12</Diagnosedatum><Seitenlokalisation>R</Seitenlokalisation>
    <Morphologie_ICD_O><Code>8140/3</Code><Version>33</Version></Morphologie_ICD_O>
  </Tumorzuordnung>
  {report}
</Meldung>"""


def patient(*meldungen: str, number: str = "p1", master: str = MASTER) -> str:
    """A Patient with these Meldungen."""
    listed = f"<Menge_Meldung>{''.join(meldungen)}</Menge_Meldung>"
    return f'<Patient Patient_ID="{number}">{master}{listed}</Patient>'


def obds(
    *patients: str, reported: str = "2026-10-01", version: str = "3.0.4", encoding: str = "UTF-8"
) -> str:
    """A whole file."""
    return f"""<?xml version="1.0" encoding="{encoding}"?>
<oBDS xmlns="{NAMESPACE}" Schema_Version="{version}">
<Absender Absender_ID="a" Software_ID="s" Software_Version="1"/><Meldedatum>{reported}</Meldedatum>
<Menge_Patient>{"".join(patients)}</Menge_Patient>
<Menge_Melder><Melder ID="x"/></Menge_Melder></oBDS>"""


def one_of_each(reported: str = "2026-10-01") -> str:
    """One patient with one report of each kind."""
    return obds(patient(*(meldung(report, f"m{at}") for at, report in enumerate(ALL))), reported=reported)
