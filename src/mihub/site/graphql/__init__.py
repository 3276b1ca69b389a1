"""`$graphql`: the parts of resources a client names, and their references, in one answer.

Reading only, through a `Source` that knows who asks. Source: https://hl7.org/fhir/R4/graphql.html.
"""
