-- What was refused, as it came. `mark` says when the same bytes come again; only one open item has it.
-- The bodies are a patient's data; they are forgotten when the item is done.
CREATE TABLE quarantine (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state           text NOT NULL CHECK (state IN ('waiting', 'repaired', 'retried-ok', 'discarded')),
    kind            text NOT NULL CHECK (kind IN ('resource', 'entry', 'bundle', 'obds', 'file')),
    source          text NOT NULL,
    resource_type   text NOT NULL,
    resource_id     text NOT NULL,
    file            text NOT NULL,
    line            integer,
    entry           integer,
    client          text NOT NULL,
    mark            bytea NOT NULL,
    body            bytea,
    repaired        bytea,
    size_bytes      bigint NOT NULL,
    findings        jsonb NOT NULL,
    troubles        jsonb NOT NULL,
    rules           text[] NOT NULL,
    profiles        text[] NOT NULL,
    received_at     timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    times           integer NOT NULL DEFAULT 1,
    tries           integer NOT NULL DEFAULT 0,
    decided_by      text NOT NULL DEFAULT '',
    decided_at      timestamptz,
    reason          text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX quarantine_open ON quarantine (mark) WHERE state IN ('waiting', 'repaired');
CREATE INDEX quarantine_state ON quarantine (state, id DESC);

-- What an open item still waits for: `Type/id` of the resources it would have written.
CREATE TABLE quarantine_key (
    item            bigint NOT NULL REFERENCES quarantine (id) ON DELETE CASCADE,
    key             text NOT NULL,
    PRIMARY KEY (key, item)
);
CREATE INDEX quarantine_key_item ON quarantine_key (item);

-- How conformant, by day: numbers only, no value of a patient. `place` is a path without positions.
CREATE TABLE conformance_day (
    day             date NOT NULL,
    source          text NOT NULL,
    type            text NOT NULL,
    profile         text NOT NULL,
    checked         bigint NOT NULL,
    with_errors     bigint NOT NULL,
    with_warnings   bigint NOT NULL,
    refused         bigint NOT NULL,
    PRIMARY KEY (day, source, type, profile)
);
CREATE TABLE finding_day (
    day             date NOT NULL,
    source          text NOT NULL,
    type            text NOT NULL,
    profile         text NOT NULL,
    rule            text NOT NULL,
    place           text NOT NULL,
    severity        text NOT NULL,
    seen            bigint NOT NULL,
    -- The last resource that had it, `Type/id`: for people who may see the record, and for nobody else.
    example         text NOT NULL,
    example_at      text NOT NULL,
    finding         jsonb NOT NULL,
    PRIMARY KEY (day, source, type, profile, rule, place, severity)
);
