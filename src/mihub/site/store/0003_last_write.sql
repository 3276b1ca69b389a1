-- The time of the newest version: a clock that steps back must not give a later version an earlier time, so that the
-- change log can be cut at a moment (_since) by looking for its position.
ALTER TABLE record_state ADD COLUMN last_write timestamptz;
UPDATE record_state SET last_write = greatest(
    (SELECT max(last_updated) FROM resource), (SELECT max(last_updated) FROM superseded)
);
