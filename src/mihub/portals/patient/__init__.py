"""The patient's own area `/p`: what is next, my journey, my results, who saw my data. Reads only, in the
patient's name.
"""
