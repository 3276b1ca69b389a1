-- How far the store's change log has been handed to the trust centre.
CREATE TABLE linkage_cursor (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    position    bigint NOT NULL
);
