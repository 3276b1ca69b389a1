-- The record of one organisation: current resources, superseded versions, search index, audit.
-- Texts compare byte by byte (COLLATE "C"), so that a prefix search can use the index and every machine sorts alike.

-- One row: where the change log stands. Locking it lets one writer at a time through, so that positions are committed
-- in order and a reader of the change log never misses one.
CREATE TABLE record_state (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    position bigint NOT NULL,
    resources bigint NOT NULL,
    catalogue text NOT NULL,
    page_key bytea NOT NULL
);

CREATE TABLE resource (
    rid bigint PRIMARY KEY,
    type text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version_id integer NOT NULL,
    position bigint NOT NULL,
    last_updated timestamptz NOT NULL,
    digest bytea,           -- null: deleted
    body bytea              -- null: deleted
);
CREATE UNIQUE INDEX resource_key ON resource (type, id);
CREATE INDEX resource_position ON resource (position);
CREATE INDEX resource_order ON resource (type, rid) WHERE digest IS NOT NULL;
CREATE INDEX resource_updated ON resource (type, last_updated, rid) WHERE digest IS NOT NULL;

CREATE TABLE superseded (
    rid bigint NOT NULL,
    version_id integer NOT NULL,
    position bigint NOT NULL,
    last_updated timestamptz NOT NULL,
    body bytea,
    PRIMARY KEY (rid, version_id)
);
CREATE INDEX superseded_position ON superseded (position);

CREATE TABLE compartment (
    patient text COLLATE "C" NOT NULL,
    rid bigint NOT NULL,
    PRIMARY KEY (patient, rid)
);
CREATE INDEX compartment_rid ON compartment (rid);

CREATE TABLE index_token (
    param integer NOT NULL,
    system text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    rid bigint NOT NULL
);
CREATE INDEX index_token_value ON index_token (param, code, system, rid);
CREATE INDEX index_token_rid ON index_token (rid, param);

CREATE TABLE index_text (
    param integer NOT NULL,
    folded text COLLATE "C" NOT NULL,
    written text COLLATE "C" NOT NULL,
    rid bigint NOT NULL
);
CREATE INDEX index_text_value ON index_text (param, folded, rid);
CREATE INDEX index_text_rid ON index_text (rid, param);

CREATE TABLE index_date (
    param integer NOT NULL,
    low timestamptz NOT NULL,
    high timestamptz NOT NULL,
    rid bigint NOT NULL
);
CREATE INDEX index_date_value ON index_date (param, low, high, rid);
CREATE INDEX index_date_rid ON index_date (rid, param);

CREATE TABLE index_quantity (
    param integer NOT NULL,
    value double precision NOT NULL,
    system text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    rid bigint NOT NULL
);
CREATE INDEX index_quantity_value ON index_quantity (param, value, rid);
CREATE INDEX index_quantity_rid ON index_quantity (rid, param);

CREATE TABLE index_link (
    param integer NOT NULL,
    type text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    rid bigint NOT NULL
);
CREATE INDEX index_link_value ON index_link (param, id, type, rid);
CREATE INDEX index_link_rid ON index_link (rid, param);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded timestamptz NOT NULL,
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    role text NOT NULL,
    organization text NOT NULL,
    purpose text NOT NULL,
    subject text NOT NULL,
    relation text NOT NULL,
    action "char" NOT NULL,
    interaction text NOT NULL,
    resource_type text NOT NULL,
    resource_id text COLLATE "C" NOT NULL,
    patient text COLLATE "C" NOT NULL,
    count integer NOT NULL,
    outcome "char" NOT NULL,
    parameters text NOT NULL,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL
);
CREATE INDEX audit_patient ON audit (patient, id) WHERE patient <> '';
CREATE INDEX audit_resource ON audit (resource_id, resource_type, id) WHERE resource_id <> '';
