-- Whether an operator has blocked the key. A key whose retirement has begun is blocked as well, without
-- this.
ALTER TABLE signing_key ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0
    CHECK (blocked IN (0, 1) AND (blocked = 0 OR state IN ('active', 'rotating')));

-- Whether a signature by the key did not verify under the registered public key.
ALTER TABLE signing_key ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0
    CHECK (quarantined IN (0, 1) AND (quarantined = 0 OR state IN ('active', 'rotating')));

-- The keys that an operator should know of.
CREATE INDEX signing_key_blocked ON signing_key (listed) WHERE blocked = 1;
CREATE INDEX signing_key_quarantined ON signing_key (listed) WHERE quarantined = 1;

-- The scopes that have keys and no current one. The same changes that give a scope its current key or
-- take it away keep this table, so that nobody has to search for such scopes.
CREATE TABLE scope_without_current (
    scope TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

INSERT INTO scope_without_current (scope)
    SELECT scope FROM signing_key WHERE listed IS NOT NULL
    GROUP BY scope HAVING max(is_current) = 0;
