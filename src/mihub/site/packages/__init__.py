"""FHIR NPM packages a site has loaded: kept in one file, read as canonical resources, hot while the site runs."""
