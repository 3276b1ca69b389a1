-- Times are seconds of the epoch by the site's clock. Events name versions of the record; no content is kept twice.

-- How far the change log was followed. What was in the record before these tables came is not told to anybody.
CREATE TABLE subscription_cursor (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    position    bigint NOT NULL
);
INSERT INTO subscription_cursor (position) SELECT coalesce(max(position), 0) FROM record_state;

-- `body` is the version that a client wrote last, `owner` the access with which they did. `told`: the state that the
-- resource itself says. `lease`: who delivers at the moment, and until when nobody else may.
CREATE TABLE subscription (
    id          text COLLATE "C" PRIMARY KEY,
    version     integer NOT NULL,
    body        bytea NOT NULL,
    digest      bytea NOT NULL,
    owner       text NOT NULL,
    channel     text NOT NULL,
    state       text NOT NULL CHECK (state IN ('requested', 'active', 'error', 'off')),
    told        text NOT NULL DEFAULT '',
    shaken      boolean NOT NULL DEFAULT false,
    fault       text NOT NULL DEFAULT '',
    reason      text NOT NULL DEFAULT '',
    events      bigint NOT NULL DEFAULT 0,
    attempts    integer NOT NULL DEFAULT 0,
    refused     boolean NOT NULL DEFAULT false,
    failing_at  double precision NOT NULL DEFAULT 0,
    next_at     double precision NOT NULL DEFAULT 0,
    heartbeat_at double precision NOT NULL DEFAULT 'infinity',
    ends_at     double precision NOT NULL DEFAULT 'infinity',
    lease       text NOT NULL DEFAULT '',
    lease_until double precision NOT NULL DEFAULT 0,
    delivered_at double precision NOT NULL DEFAULT 0
);

-- "kept": for who fetches it ($events, websocket). "withheld": may no longer be read by the subscriber.
CREATE TABLE subscription_event (
    subscription text COLLATE "C" NOT NULL,
    number      bigint NOT NULL,
    position    bigint NOT NULL,
    type        text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    version_id  integer NOT NULL,
    effect      text NOT NULL CHECK (effect IN ('create', 'update', 'leave', 'delete')),
    at          timestamptz NOT NULL,
    queued_at   double precision NOT NULL,
    state       text NOT NULL CHECK (state IN ('queued', 'kept', 'sent', 'withheld', 'dead', 'discarded')),
    reason      text NOT NULL DEFAULT '',
    noted       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (subscription, number),
    UNIQUE (subscription, position)
);
CREATE INDEX subscription_event_queued ON subscription_event (subscription, number) WHERE state = 'queued';
CREATE INDEX subscription_event_dead ON subscription_event (subscription, number) WHERE state = 'dead';
CREATE INDEX subscription_event_age ON subscription_event (queued_at);

-- Tokens to bind a websocket: known by their hash only, good once and for a short while.
CREATE TABLE subscription_token (
    digest      bytea PRIMARY KEY,
    access      text NOT NULL,
    ids         text[] NOT NULL,
    expires_at  double precision NOT NULL
);
