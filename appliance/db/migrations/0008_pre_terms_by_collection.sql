-- Words and chunks are counted by collection: a ranking counts only what its reader may see.
-- The previous version adds up the rows of all collections, as it did before.
LOCK TABLE library.chunk IN SHARE ROW EXCLUSIVE MODE;

DROP TABLE library.term;
CREATE TABLE library.term (
    collection_id uuid NOT NULL,
    language      text NOT NULL,
    lexeme        text NOT NULL,
    chunks        integer NOT NULL,
    PRIMARY KEY (collection_id, language, lexeme)
);
CREATE TABLE library.collection_language (
    collection_id uuid NOT NULL,
    language      text NOT NULL,
    chunks        integer NOT NULL,
    PRIMARY KEY (collection_id, language)
);

INSERT INTO library.term (collection_id, language, lexeme, chunks)
    SELECT chunk.collection_id, chunk.language, word.lexeme, count(*)
    FROM library.chunk, unnest(chunk.words) AS word
    GROUP BY chunk.collection_id, chunk.language, word.lexeme;
INSERT INTO library.collection_language (collection_id, language, chunks)
    SELECT collection_id, language, count(*) FROM library.chunk GROUP BY collection_id, language;

CREATE OR REPLACE FUNCTION library.count_terms() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('library.term ' || changed.collection_id, 0))
        FROM (SELECT DISTINCT collection_id FROM changed ORDER BY collection_id) AS changed;
    INSERT INTO library.collection_language (collection_id, language, chunks)
        SELECT collection_id, language, sign * count(*) FROM changed
        GROUP BY collection_id, language
        ON CONFLICT (collection_id, language)
            DO UPDATE SET chunks = collection_language.chunks + excluded.chunks;
    INSERT INTO library.term (collection_id, language, lexeme, chunks)
        SELECT changed.collection_id, changed.language, word.lexeme, sign * count(*)
        FROM changed, unnest(changed.words) AS word
        GROUP BY changed.collection_id, changed.language, word.lexeme
        ON CONFLICT (collection_id, language, lexeme)
            DO UPDATE SET chunks = term.chunks + excluded.chunks;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM library.collection_language USING (
            SELECT DISTINCT collection_id, language FROM changed
        ) AS gone
        WHERE collection_language.collection_id = gone.collection_id
          AND collection_language.language = gone.language AND collection_language.chunks <= 0;
        DELETE FROM library.term USING (
            SELECT DISTINCT changed.collection_id, changed.language, word.lexeme
            FROM changed, unnest(changed.words) AS word
        ) AS gone
        WHERE term.collection_id = gone.collection_id AND term.language = gone.language
          AND term.lexeme = gone.lexeme AND term.chunks <= 0;
    END IF;
    RETURN NULL;
END $$;

GRANT SELECT ON library.term, library.collection_language TO cloister_chat, cloister_ingest;
