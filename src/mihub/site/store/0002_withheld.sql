-- Resources labelled as not to be disclosed to patients (meta.security NOPAT). Part of the index: a new version of the
-- extraction fills it for what is already there.
CREATE TABLE withheld (
    rid bigint PRIMARY KEY
);
