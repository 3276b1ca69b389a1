"""Referrals to screening, second readings, results, and the letter to the patient in plain words.

Task code `referral` with the ServiceRequest as focus, owner and requester by member id; the result is a
DiagnosticReport in the Task's output. Letters say who wrote them. Shapes: care.referrals, care.screening.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from mihub.synth.calendar import add_months, instant
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, member_reference
from mihub.synth.fhir.screening import FINDING, FINDING_CODE, conclusion
from mihub.synth.life import Life
from mihub.synth.members import BY_ID
from mihub.synth.screening_course import CONTROL_MONTHS, Scan

_SERVICE = f"{url.OWN}/CodeSystem/service"
_TITLE = "Niedrigdosis-CT der Lunge zur Früherkennung"


def write_referrals(chart: Chart, life: Life, today: date) -> None:
    """The screening referral with all that followed; open while nobody scanned."""
    if life.screening is None or life.practice is None:
        return
    scans = life.screening.scans
    receiver = scans[0].site if scans else "radiologie"
    request = _request(chart, life, receiver, life.screening.referred, done=bool(scans))
    if not scans:
        _task(chart, life, receiver, request, life.screening.referred, None, None)
        return
    for scan in scans:
        report = _report(chart, request, scan)
        _task(chart, life, receiver, request, life.screening.referred, scan, report)
        _second_reading(chart, scan, report)
        _letter(chart, life, scan, report)
        _next_appointment(chart, scan, today)


def _request(chart: Chart, life: Life, receiver: str, day: date, *, done: bool) -> dict[str, str]:
    return chart.add(
        "ServiceRequest",
        status="completed" if done else "active",
        intent="order",
        code=concept(_SERVICE, "lung-screening-ldct", text=_TITLE),
        subject=chart.patient,
        authoredOn=day.isoformat(),
        requester=member_reference(life.practice or ""),
        performer=[member_reference(receiver)],
        reasonCode=[{"text": "LuKrFrühErkV § 2"}],
    )


def _task(
    chart: Chart,
    life: Life,
    receiver: str,
    request: dict[str, str],
    day: date,
    scan: Scan | None,
    report: dict[str, str] | None,
) -> None:
    practice = life.practice or ""
    own = life.record_at(practice)
    status = "completed" if scan else chart.dice.pick(("requested", "requested", "accepted"))
    note = [_note(practice, day, "requested")]
    if scan:
        note.append(_note(receiver, scan.reported, "completed"))
    patient: dict[str, Any] = dict(chart.patient)
    if own:
        patient["identifier"] = {"system": url.patient_system(practice), "value": own.id}
    output = [{"type": {"text": "report"}, "valueReference": report}] if report else None
    chart.add(
        "Task",
        status=status,
        intent="order",
        code=concept(url.TASK, "referral", text=_TITLE),
        focus=request,
        **{"for": patient},
        authoredOn=instant(day, 11),
        lastModified=instant(scan.reported if scan else day, 16),
        requester=member_reference(practice),
        owner=member_reference(receiver),
        note=note,
        output=output,
    )


def _note(member: str, day: date, word: str) -> dict[str, str]:
    return {"authorString": BY_ID[member].staff[0].name, "time": instant(day, 16), "text": word}


def _report(chart: Chart, request: dict[str, str], scan: Scan) -> dict[str, str]:
    return chart.add(
        "DiagnosticReport",
        status="final",
        code=concept(_SERVICE, "lung-screening-ldct", text=_TITLE),
        basedOn=[request],
        subject=chart.patient,
        effectiveDateTime=scan.day.isoformat(),
        issued=instant(scan.reported, 16),
        performer=[member_reference(scan.site)],
        conclusion=conclusion(scan),
        conclusionCode=[concept(FINDING, FINDING_CODE[scan.action])],
    )


def _second_reading(chart: Chart, scan: Scan, report: dict[str, str]) -> None:
    if scan.second_reading is None:
        return
    chart.add(
        "Task",
        status="completed",
        intent="order",
        code=concept(url.TASK, "second-reading", text="Zweitbefundung"),
        focus=report,
        **{"for": chart.patient},
        authoredOn=instant(scan.reported, 17),
        lastModified=instant(scan.second_reading, 15),
        requester=member_reference(scan.site),
        owner=member_reference("dresden"),
        description="Zweitbefundung Lungenscreening",
    )


def _letter(chart: Chart, life: Life, scan: Scan, report: dict[str, str]) -> None:
    """The result in plain German, from the practice, within the time that the programme asks for."""
    practice = BY_ID[life.practice or "praxis-a"]
    doctor = practice.person("gp")
    text = _plain(scan).format(doctor=doctor.name, phone=doctor.phone)
    chart.add(
        "Communication",
        status="completed",
        category=[concept(url.COMMUNICATION, "result-letter", text="Ergebnis")],
        topic={"text": "Ergebnis Ihrer Lungen-Untersuchung"},
        about=[report],
        subject=chart.patient,
        recipient=[chart.patient],
        sent=instant((scan.second_reading or scan.reported) + timedelta(days=1), 12),
        sender=member_reference(practice.id),
        language="de",
        payload=[{"contentString": text}],
        note=[{"text": f"Untersucht bei: {BY_ID[scan.site].name}, am {scan.day:%d.%m.%Y}."}],
    )


_CALL = "\n\nSie haben Fragen? Rufen Sie uns an: {doctor}, {phone}."


def _plain(scan: Scan) -> str:
    if scan.action == "unremarkable":
        return (
            "Ihr Ergebnis ist unauffällig.\n\nWir haben nichts gefunden, was behandelt werden muss. "
            "In 12 Monaten dürfen Sie wieder zur Früherkennung kommen." + _CALL
        )
    size = str(scan.nodule.diameter).replace(".", ",") if scan.nodule else ""
    if scan.action == "control":
        months = CONTROL_MONTHS[scan.category]
        return (
            f"In Ihrer Lunge ist ein kleiner Fleck zu sehen. Er ist {size} Millimeter groß.\n\n"
            "Solche Flecken sind meistens harmlos. Wir wollen sichergehen. "
            f"Deshalb machen wir in {months} Monaten noch ein Bild." + _CALL
        )
    return (
        f"In Ihrer Lunge ist ein Fleck zu sehen. Er ist {size} Millimeter groß.\n\n"
        "Das muss bald genauer untersucht werden. Es kann Krebs sein, es kann aber auch etwas anderes sein. "
        "Das Uniklinikum ruft Sie für einen Termin an. Hören Sie drei Tage lang nichts, rufen Sie uns an."
        + _CALL
    )


def _next_appointment(chart: Chart, scan: Scan, today: date) -> None:
    if scan.action != "control":
        return
    due = add_months(scan.day, CONTROL_MONTHS[scan.category])
    if due < today:
        return
    chart.add(
        "Appointment",
        status="proposed",
        serviceType=[concept(_SERVICE, "lung-screening-ldct", text=_TITLE)],
        description="Kontroll-CT der Lunge",
        requestedPeriod=[{"start": (due - timedelta(days=14)).isoformat(), "end": due.isoformat()}],
        participant=[
            {"actor": chart.patient, "status": "needs-action"},
            {"actor": member_reference(scan.site), "status": "needs-action"},
        ],
    )
