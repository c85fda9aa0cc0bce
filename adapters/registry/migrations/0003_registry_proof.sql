-- What says nothing: writing it proves that the registry can be written. The first row is proof on one
-- page; the second takes the room of any change of the registry.
CREATE TABLE registry_proof (
    id    INTEGER PRIMARY KEY CHECK (id IN (1, 2)),
    value BLOB    NOT NULL
) STRICT;

INSERT INTO registry_proof (id, value) VALUES (1, randomblob(16)), (2, randomblob(131072));
