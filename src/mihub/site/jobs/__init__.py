"""Work that outlives a request: kept as a folder each, done by one process of the site, gone on with after a restart.

Exports of views, bulk exports, imports and large bundles are such work. Knows nothing of what is done. Below: `core.policy`.
Above: `site.views`, `site.export`, `site.api`.
"""
