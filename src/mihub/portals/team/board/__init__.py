"""The tumour board's pages: boards and dates, registration, session, one-page case, decision, release,
follow-up.

Pages read and show; every change is an action of `care.tumour_board`. Texts: `content/texts/board.*.yaml`,
catalogues: `content/board`. Above: the shell. Below: `care.tumour_board`, `portals.shell`.
"""
