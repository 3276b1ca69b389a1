"""What is known about FHIR itself: structures, value sets, code systems, search parameters, by canonical.

`protocol` is the seam: R4 core comes with the program, a site's packages lie over it, a request's own resources over
those. Never holds a patient's data.
"""
