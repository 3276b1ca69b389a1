-- Times are seconds of the epoch. No name, birth date, insurance number or medical fact has a column here.

CREATE TABLE trust_member_list (
    version      integer PRIMARY KEY,
    token        text NOT NULL
);

CREATE UNLOGGED TABLE trust_nonce (
    member       text NOT NULL,
    nonce        text NOT NULL,
    seen_at      bigint NOT NULL,
    PRIMARY KEY (member, nonce)
);

-- A person that became part of another keeps its row, so that an id once given out still leads somewhere.
CREATE TABLE trust_person (
    id           text PRIMARY KEY,
    merged_into  text REFERENCES trust_person (id)
);

CREATE TABLE trust_record (
    member       text NOT NULL,
    transport_id text NOT NULL,
    person       text NOT NULL REFERENCES trust_person (id),
    clk          bytea NOT NULL,
    blocks       text[] NOT NULL,
    insurance    text NOT NULL DEFAULT '',
    PRIMARY KEY (member, transport_id)
);
CREATE INDEX trust_record_person ON trust_record (person);
CREATE INDEX trust_record_blocks ON trust_record USING gin (blocks);
CREATE INDEX trust_record_insurance ON trust_record (insurance) WHERE insurance <> '';

-- Who asked which person, and what they were told.
CREATE TABLE trust_access (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           bigint NOT NULL,
    actor        text NOT NULL,
    actor_name   text NOT NULL,
    role         text NOT NULL,
    organization text NOT NULL,
    purpose      text NOT NULL,
    relation     text NOT NULL,
    person       text NOT NULL,
    outcome      text NOT NULL
);
CREATE INDEX trust_access_person ON trust_access (person, position);
