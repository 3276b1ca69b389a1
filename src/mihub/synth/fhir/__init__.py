"""Lives written as FHIR R4, as each site's systems would export them: MII-shaped where the core data set
has a profile.

Each file writes one subject. Never invents facts: what it writes is in `life`, `events`,
`screening_course`; only times of day and laboratory values are drawn here.
"""
