"""Research pages: projects, cohort builder, a question's answers site by site.

A researcher sees counts after each site's own disclosure gate and never a person. The builder is a form
that works without JavaScript; what it makes is a CCDL document. Above: the shell. Below: `asker`,
`core.mii.ccdl`.
"""
