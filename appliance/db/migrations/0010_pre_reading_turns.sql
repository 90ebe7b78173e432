-- People take turns in the reading queue, and a document that was in hand when ingest ended is read
-- alone. From here on `attempts` counts ends of ingest with this document alone in hand.
ALTER TABLE library.document
    ADD COLUMN turn bigint NOT NULL DEFAULT 0,
    ADD COLUMN read_alone boolean NOT NULL DEFAULT false;
UPDATE library.document SET attempts = 0 WHERE state IN ('queued', 'reading');

DROP INDEX library.document_queue;
CREATE INDEX document_queue ON library.document (turn, created_at, id) WHERE state = 'queued';
CREATE INDEX document_in_hand ON library.document (turn) WHERE state = 'reading';
CREATE INDEX document_turns ON library.document (coalesce(uploaded_by, collection_id), turn)
    WHERE state IN ('queued', 'reading');

CREATE FUNCTION library.take_turn() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid := coalesce(NEW.uploaded_by, NEW.collection_id);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(person::text, 1));
    NEW.turn := greatest(
        (SELECT max(turn) + 1 FROM library.document
         WHERE coalesce(uploaded_by, collection_id) = person AND state IN ('queued', 'reading')),
        coalesce((SELECT max(turn) FROM library.document WHERE state = 'reading'),
                 (SELECT min(turn) FROM library.document WHERE state = 'queued'), 0));
    RETURN NEW;
END $$;
CREATE TRIGGER document_queued BEFORE INSERT ON library.document
    FOR EACH ROW WHEN (NEW.state = 'queued') EXECUTE FUNCTION library.take_turn();
CREATE TRIGGER document_queued_again BEFORE UPDATE OF state ON library.document
    FOR EACH ROW WHEN (NEW.state = 'queued' AND OLD.state NOT IN ('queued', 'reading'))
    EXECUTE FUNCTION library.take_turn();
