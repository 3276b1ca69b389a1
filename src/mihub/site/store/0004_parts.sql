-- Values that belong together because they stand in one element of a resource (the code and the value of one component):
-- one row a value, `part` numbers the element. Composite search parameters read it; most resources have no row.
CREATE TABLE index_part (
    param integer NOT NULL,
    part integer NOT NULL,
    system text COLLATE "C",
    code text COLLATE "C",
    unit text COLLATE "C",
    value double precision,
    folded text COLLATE "C",
    written text COLLATE "C",
    low timestamptz,
    high timestamptz,
    type text COLLATE "C",
    id text COLLATE "C",
    rid bigint NOT NULL
);
CREATE INDEX index_part_rid ON index_part (rid, param);
CREATE INDEX index_part_code ON index_part (param, code, system, rid) WHERE code IS NOT NULL;
CREATE INDEX index_part_value ON index_part (param, value, rid) WHERE value IS NOT NULL;
