"""What all areas of the portal share: sign-in, guards, pages, texts, forms, static files. No clinical
content.
"""
