CREATE TABLE signing_key (
    -- The change that reserved the name. Numbers of changes only grow, so it stands for this
    -- reservation and no later one, even of the same name.
    id          INTEGER PRIMARY KEY,
    -- The change that made it a key: the order and the cursor of a listing. What becomes a key while
    -- a client walks the listing lies ahead of the client.
    listed      INTEGER,
    scope       TEXT    NOT NULL,
    key_id      TEXT    NOT NULL,
    provider    TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'rotating', 'retired')),
    is_current  INTEGER NOT NULL CHECK (is_current IN (0, 1)),
    handle_id   TEXT    UNIQUE,
    public_key  BLOB    CHECK (length(public_key) = 32),
    -- Instants are microseconds since the Unix epoch, UTC.
    reserved_at INTEGER NOT NULL,
    valid_from  INTEGER,
    valid_until INTEGER,
    -- 0 while pending; one more with each change since.
    version     INTEGER NOT NULL CHECK (version >= 0),
    -- The change that wrote this row last.
    seq         INTEGER NOT NULL UNIQUE,
    UNIQUE (scope, key_id),
    CHECK (is_current = 0 OR state = 'active'),
    CHECK ((state = 'pending') = (version = 0)),
    CHECK ((state = 'pending') = (listed IS NULL)),
    CHECK (listed > id),
    CHECK ((state = 'pending') = (handle_id IS NULL)),
    CHECK ((state = 'pending') = (public_key IS NULL)),
    CHECK ((state = 'pending') = (valid_from IS NULL)),
    CHECK (state <> 'retired' OR valid_until IS NOT NULL),
    CHECK (handle_id IS NULL OR substr(handle_id, 1, length(provider) + 1) = provider || ':')
) STRICT;

-- At most one key of a scope is the current one.
CREATE UNIQUE INDEX signing_key_current ON signing_key (scope) WHERE is_current = 1;

-- The listings: of all keys, and of a scope. With the state, so that rows of another state are passed
-- over without reading them.
CREATE INDEX signing_key_listed ON signing_key (listed, state) WHERE listed IS NOT NULL;
CREATE INDEX signing_key_scope ON signing_key (scope, listed, state) WHERE listed IS NOT NULL;

-- Repair at start reads the reservations without reading the keys.
CREATE INDEX signing_key_pending ON signing_key (id) WHERE state = 'pending';

-- Counts every change, deletions too, and never goes back.
CREATE TABLE registry_change (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;

INSERT INTO registry_change (id, seq) VALUES (1, 0);
