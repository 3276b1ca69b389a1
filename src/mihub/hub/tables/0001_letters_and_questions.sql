-- Times are seconds of the epoch by the hub's clock. Nothing here can hold a patient's value: contents are sealed.

CREATE TABLE hub_member_list (
    version     integer PRIMARY KEY,
    token       text NOT NULL
);

CREATE TABLE hub_letter (
    id          text PRIMARY KEY,
    arrival     bigint GENERATED ALWAYS AS IDENTITY,
    sender      text NOT NULL,
    receiver    text NOT NULL,
    stream      text NOT NULL,
    seq         bigint NOT NULL,
    kind        text NOT NULL,
    corr        text NOT NULL,
    head        text NOT NULL,
    head_sha256 text NOT NULL,
    expires_at  bigint NOT NULL,
    letter      bytea NOT NULL,
    state       text NOT NULL CHECK (state IN
                ('queued', 'leased', 'received', 'done', 'refused', 'failed', 'expired')),
    since       bigint NOT NULL,
    lease_until bigint NOT NULL DEFAULT 0,
    reason      text NOT NULL DEFAULT '',
    receipt     text NOT NULL DEFAULT '',
    UNIQUE (sender, receiver, stream, seq)
);
CREATE INDEX hub_letter_due ON hub_letter (receiver, arrival) WHERE state IN ('queued', 'leased');
CREATE INDEX hub_letter_expiring ON hub_letter (expires_at) WHERE state IN ('queued', 'leased', 'received');

-- Every change of a letter's state and every alert, for the operator and the data protection officer.
CREATE TABLE hub_event (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          bigint NOT NULL,
    member      text NOT NULL,
    letter      text NOT NULL,
    event       text NOT NULL,
    reason      text NOT NULL DEFAULT ''
);

-- A nonce lives 15 minutes; a crash may forget them, the ±300 s of the signature still hold.
CREATE UNLOGGED TABLE hub_nonce (
    member      text NOT NULL,
    nonce       text NOT NULL,
    seen_at     bigint NOT NULL,
    PRIMARY KEY (member, nonce)
);

CREATE TABLE hub_project (
    id          text PRIMARY KEY,
    title       text NOT NULL,
    askers      text[] NOT NULL DEFAULT '{}',
    active      boolean NOT NULL DEFAULT true
);

CREATE TABLE hub_question (
    id          text PRIMARY KEY,
    project     text NOT NULL REFERENCES hub_project (id),
    asker       text NOT NULL,
    asked_at    bigint NOT NULL,
    expires_at  bigint NOT NULL,
    note        text NOT NULL
);
CREATE INDEX hub_question_asker ON hub_question (asker, asked_at DESC);

CREATE TABLE hub_question_site (
    question    text NOT NULL REFERENCES hub_question (id),
    member      text NOT NULL,
    letter      text NOT NULL UNIQUE REFERENCES hub_letter (id),
    answer      text REFERENCES hub_letter (id),
    PRIMARY KEY (question, member)
);
