"""The site engineer's area `/a`: state of the site, import with its account, exact count. No patient is
shown here.
"""
