"""Finding resources: the parameters as data, their extraction, questions and two engines that answer them
alike.

`protocol` is the seam; `memory` the reference, `postgres` the product. Every search has an access and obeys a
restriction inside the engine, so that totals and pages can not tell more than the resources do. Below:
`site.store`.
"""
