"""The tumour board: register a case, present it, decide, release, and follow every recommendation to its end.

The room writes Task, ServiceRequest, CarePlan and Communication in the care record and reads through what
hospitals and practices know; hospital facts are shown with their origin and never kept. The CarePlan is
the MII profile Tumorkonferenz. The words and catalogues stand in `content/board`. Above:
`portals/team/board*`. Below: `core`.
"""
