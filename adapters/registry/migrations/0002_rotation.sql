-- What the key was reserved for.
ALTER TABLE signing_key ADD COLUMN purpose TEXT NOT NULL DEFAULT 'generate'
    CHECK (purpose IN ('generate', 'rotate'));

-- Whether the provider of a retired key still has to be told. Up to version 1 a provider was always
-- told first.
ALTER TABLE signing_key ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 0
    CHECK (unconfirmed IN (0, 1) AND (unconfirmed = 0 OR state = 'retired'));

CREATE INDEX signing_key_unconfirmed ON signing_key (valid_until) WHERE unconfirmed = 1;

-- Whether the provider of a key is about to be told to make it unusable, and may have been.
ALTER TABLE signing_key ADD COLUMN retiring INTEGER NOT NULL DEFAULT 0
    CHECK (retiring IN (0, 1) AND (retiring = 0 OR state IN ('active', 'rotating')));

CREATE INDEX signing_key_retiring ON signing_key (listed) WHERE retiring = 1;

CREATE TABLE rotation (
    -- The change that reserved the name of the new key, and the rotation with it.
    id          INTEGER PRIMARY KEY REFERENCES signing_key (id),
    scope       TEXT    NOT NULL,
    old_key_id  TEXT    NOT NULL,
    new_key_id  TEXT    NOT NULL,
    -- Instants are microseconds since the Unix epoch, UTC.
    reserved_at INTEGER NOT NULL,
    opened_at   INTEGER,
    closes_at   INTEGER,
    closed_at   INTEGER,
    -- The change that wrote this row last.
    seq         INTEGER NOT NULL UNIQUE,
    -- A key takes a place once and gives it up once.
    UNIQUE (scope, new_key_id),
    UNIQUE (scope, old_key_id),
    FOREIGN KEY (scope, old_key_id) REFERENCES signing_key (scope, key_id),
    FOREIGN KEY (scope, new_key_id) REFERENCES signing_key (scope, key_id),
    CHECK (old_key_id <> new_key_id),
    CHECK ((opened_at IS NULL) = (closes_at IS NULL)),
    CHECK (closes_at >= opened_at),
    CHECK (closed_at IS NULL OR opened_at IS NOT NULL)
) STRICT;

-- At most one rotation of a scope is open or being opened.
CREATE UNIQUE INDEX rotation_unclosed ON rotation (scope) WHERE closed_at IS NULL;

-- The open rotations, those due first.
CREATE INDEX rotation_due ON rotation (closes_at)
    WHERE opened_at IS NOT NULL AND closed_at IS NULL;

-- Tells this registry from every other one, and a copy of it from neither.
CREATE TABLE registry_identity (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    value BLOB    NOT NULL CHECK (length(value) = 16)
) STRICT;

INSERT INTO registry_identity (id, value) VALUES (1, randomblob(16));
