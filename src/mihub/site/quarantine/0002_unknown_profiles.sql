-- Of the resources that were looked at, those whose profile nobody has loaded: neither right nor wrong.
ALTER TABLE conformance_day ADD COLUMN unknown bigint NOT NULL DEFAULT 0;
