-- Times are seconds of the epoch by the site's clock.

CREATE TABLE mailbox_member_list (
    version     integer PRIMARY KEY,
    token       text NOT NULL
);

-- What research projects may do here; `token` is signed by the site, so that an edit of the table is noticed.
CREATE TABLE mailbox_allowance (
    project     text PRIMARY KEY,
    token       text NOT NULL
);

-- Ids stay for ever: they are what makes a second delivery harmless. `told` is the state the hub has a receipt for.
CREATE TABLE mailbox_inbox (
    id          text PRIMARY KEY,
    arrival     bigint GENERATED ALWAYS AS IDENTITY,
    sender      text NOT NULL,
    stream      text NOT NULL,
    seq         bigint NOT NULL,
    head_sha256 text NOT NULL,
    expires_at  bigint NOT NULL,
    letter      bytea NOT NULL,
    state       text NOT NULL CHECK (state IN ('received', 'done', 'refused', 'failed', 'expired')),
    reason      text NOT NULL DEFAULT '',
    told        text NOT NULL DEFAULT '',
    attempts    integer NOT NULL DEFAULT 0,
    next_at     double precision NOT NULL DEFAULT 0,
    tell_at     double precision NOT NULL DEFAULT 0,
    UNIQUE (sender, stream, seq)
);
CREATE INDEX mailbox_inbox_due ON mailbox_inbox (arrival) WHERE state = 'received';
CREATE INDEX mailbox_inbox_untold ON mailbox_inbox (arrival) WHERE told <> state;

CREATE TABLE mailbox_stream (
    receiver    text NOT NULL,
    stream      text NOT NULL,
    seq         bigint NOT NULL,
    prev        text NOT NULL,
    PRIMARY KEY (receiver, stream)
);

CREATE TABLE mailbox_outbox (
    id          text PRIMARY KEY,
    receiver    text NOT NULL,
    stream      text NOT NULL,
    seq         bigint NOT NULL,
    head_sha256 text NOT NULL,
    letter      bytea NOT NULL,
    state       text NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
    reason      text NOT NULL DEFAULT '',
    attempts    integer NOT NULL DEFAULT 0,
    next_at     double precision NOT NULL DEFAULT 0,
    receipt     text NOT NULL DEFAULT '',
    UNIQUE (receiver, stream, seq)
);
CREATE INDEX mailbox_outbox_due ON mailbox_outbox (receiver, stream, seq) WHERE state = 'queued';

-- Every change of a letter's state and every alert.
CREATE TABLE mailbox_event (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          bigint NOT NULL,
    letter      text NOT NULL,
    event       text NOT NULL,
    reason      text NOT NULL DEFAULT ''
);
