-- The audit becomes a chain: each entry has a link with the SHA-256 of the link before and of the
-- entry itself. The previous version goes on to add entries: a trigger links them.

-- An entry that was noted while the database was down has its own time, and the number of its note,
-- so that it is added once.
ALTER TABLE core.audit
    ADD COLUMN happened_at timestamptz,
    ADD COLUMN note_id uuid UNIQUE;
COMMENT ON COLUMN core.audit.at IS 'when the entry was added';
COMMENT ON COLUMN core.audit.happened_at IS 'when it happened, if the database was down then';

CREATE TABLE core.audit_link (
    position bigint PRIMARY KEY,
    entry_id bigint NOT NULL UNIQUE,
    hash     bytea NOT NULL
);
-- What the first link continues: nothing, or the last link that was removed for its age. Its one row
-- is also the lock of the end of the chain.
CREATE TABLE core.audit_start (
    is_only  boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    position bigint NOT NULL,
    hash     bytea NOT NULL
);
INSERT INTO core.audit_start (position, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

-- Each field with its length, so that no two entries are written alike.
-- appliance/audit/chain.py computes the same.
CREATE FUNCTION core.audit_hash(previous bytea, entry core.audit) RETURNS bytea
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(previous || convert_to(
        string_agg(octet_length(field) || ':' || field, '' ORDER BY place), 'UTF8'))
    FROM unnest(ARRAY[
        entry.id::text,
        round(extract(epoch FROM entry.at) * 1000000)::text,
        entry.actor, entry.action, entry.object_type, entry.object_id, entry.object,
        entry.detail::text,
        coalesce(round(extract(epoch FROM entry.happened_at) * 1000000)::text, ''),
        coalesce(entry.note_id::text, '')]) WITH ORDINALITY AS fields (field, place)
$$;

-- The entries that are there, in the order of their ids; one at a time, however many there are.
DO $$
DECLARE
    entry core.audit;
    place bigint := 0;
    latest bytea := (SELECT hash FROM core.audit_start);
BEGIN
    FOR entry IN SELECT * FROM core.audit ORDER BY id LOOP
        place := place + 1;
        latest := core.audit_hash(latest, entry);
        INSERT INTO core.audit_link VALUES (place, entry.id, latest);
    END LOOP;
END $$;

-- Runs when a transaction commits: by then it waits for no other lock, so that no two wait for each
-- other, and others wait for its commit and not for its work.
CREATE FUNCTION core.link_audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    latest record;
BEGIN
    SELECT s.position, s.hash INTO STRICT latest FROM core.audit_start s FOR UPDATE;
    -- A statement of its own sees what the transaction before has committed.
    SELECT coalesce(l.position, s.position) AS position, coalesce(l.hash, s.hash) AS hash
    INTO STRICT latest
    FROM core.audit_start s LEFT JOIN core.audit_link l
        ON l.position = (SELECT max(m.position) FROM core.audit_link m);
    INSERT INTO core.audit_link
    VALUES (latest.position + 1, NEW.id, core.audit_hash(latest.hash, NEW));
    PERFORM pg_notify('core_audit', '');
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_linked AFTER INSERT ON core.audit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION core.link_audit();

-- Removes the oldest entries, as long as they are older than `age` and not more than `most`. Where
-- the chain begins then is in an entry of its own. Returns how many were removed.
CREATE FUNCTION core.prune_audit(age interval, most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    link record;
    last_position bigint;
    last_hash bytea;
    removed bigint;
BEGIN
    IF age < interval '30 days' THEN
        RAISE EXCEPTION 'entries of the audit are kept for 30 days at least';
    END IF;
    -- One removal at a time; transactions that add entries do not wait for it.
    LOCK TABLE core.audit_link IN SHARE UPDATE EXCLUSIVE MODE;
    FOR link IN
        SELECT l.position, l.hash, a.at
        FROM core.audit_link l LEFT JOIN core.audit a ON a.id = l.entry_id
        ORDER BY l.position LIMIT most
    LOOP
        EXIT WHEN link.at >= now() - age;
        -- What lacks its entry has no age; it goes with an older one after it.
        IF link.at IS NOT NULL THEN
            last_position := link.position;
            last_hash := link.hash;
        END IF;
    END LOOP;
    IF last_position IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM core.audit a USING core.audit_link l
    WHERE a.id = l.entry_id AND l.position <= last_position;
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM core.audit_link WHERE position <= last_position;
    INSERT INTO core.audit (actor, action, object_type, object_id, object, detail)
    VALUES ('the appliance', 'audit.prune', 'audit', '', '', jsonb_build_object(
        'removed', removed, 'position', last_position, 'hash', encode(last_hash, 'hex')));
    -- The lock of the chain is taken last.
    UPDATE core.audit_start SET position = last_position, hash = last_hash;
    RETURN removed;
END $$;

-- The owner of the tables has no login. A superuser is stopped as well, unless it means to do it.
CREATE FUNCTION core.keep_audit() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user <> 'cloister_audit' THEN
        RAISE EXCEPTION 'the audit is only added to'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'The setting audit_days removes old entries.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON core.audit
    FOR EACH STATEMENT EXECUTE FUNCTION core.keep_audit();
CREATE TRIGGER audit_link_kept BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON core.audit_link
    FOR EACH STATEMENT EXECUTE FUNCTION core.keep_audit();
CREATE TRIGGER audit_start_kept BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON core.audit_start
    FOR EACH STATEMENT EXECUTE FUNCTION core.keep_audit();

GRANT USAGE ON SCHEMA core TO cloister_audit;
ALTER TABLE core.audit OWNER TO cloister_audit;
ALTER TABLE core.audit_link OWNER TO cloister_audit;
ALTER TABLE core.audit_start OWNER TO cloister_audit;
ALTER FUNCTION core.link_audit OWNER TO cloister_audit;
ALTER FUNCTION core.prune_audit OWNER TO cloister_audit;
REVOKE ALL ON FUNCTION core.link_audit, core.prune_audit FROM PUBLIC;
GRANT SELECT, INSERT ON core.audit TO cloister;
GRANT SELECT ON core.audit_link, core.audit_start TO cloister;
GRANT EXECUTE ON FUNCTION core.prune_audit TO cloister;
-- A chat server says what was done, and neither when nor under which number.
REVOKE INSERT ON core.audit FROM cloister_chat;
GRANT INSERT (actor, action, object_type, object_id, object, detail) ON core.audit TO cloister_chat;
