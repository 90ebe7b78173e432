-- name: serving_model
-- The embedding model whose vectors are searched, if any.
SELECT id, name, digest, dimensions FROM library.embedding_model WHERE state = 'serving';

-- name: hybrid
-- The readable chunks nearest to a question, by words and by meaning; see
-- docs/explanation/decisions/0001-lexical-ranking.md. Ranked chunks have a score, their neighbours
-- on the page have none. {model} and {dimensions} are literals, because the planner needs them to
-- choose the model's own index; so are the numbers of `Ranking`, which bound the row estimates.
WITH readable (collections, searched) AS MATERIALIZED (
    -- What words weigh depends on all that the reader may see and on nothing else, so that a
    -- ranking tells nothing about the documents of others. What is searched may be a part of it.
    SELECT array_agg(id),
           array_agg(id) FILTER (
               WHERE %(collection)s::uuid IS NULL OR id = %(collection)s::uuid)
    FROM library.collection WHERE owner_id IS NULL OR owner_id = %(reader)s
),
part AS MATERIALIZED (
    -- The chunks of each language in each readable collection.
    SELECT collection_id, language, chunks FROM library.collection_language
    WHERE collection_id = ANY ((SELECT collections FROM readable)::uuid[])
),
size (chunks) AS MATERIALIZED (SELECT coalesce(sum(chunks), 0)::float8 FROM part),
language (name) AS MATERIALIZED (SELECT DISTINCT language FROM part),
asked AS MATERIALIZED (
    -- The words, stemmed for each language. One lexeme may belong to several languages, and every
    -- stem to `simple`, which unstemmed texts too short for language detection are stored under.
    SELECT word.number, word.factor, lexeme, count(*) AS stemmers,
           array_agg(language.name) || 'simple'::text AS languages
    FROM unnest(%(words)s::text[], %(weights)s::float8[])
         WITH ORDINALITY AS word (text, factor, number)
    CROSS JOIN language
    CROSS JOIN LATERAL
         unnest(tsvector_to_array(to_tsvector(language.name::regconfig, word.text))) AS lexeme
    GROUP BY word.number, word.factor, lexeme
),
counted AS MATERIALIZED (
    SELECT asked.number, asked.factor, asked.lexeme, asked.stemmers, asked.languages,
           (SELECT coalesce(sum(term.chunks), 0)
            FROM part JOIN library.term USING (collection_id, language)
            WHERE language = ANY (asked.languages) AND term.lexeme = asked.lexeme) AS chunks
    FROM asked
),
word AS MATERIALIZED (
    -- The weight of a word: the rarer, the higher (IDF). A word in no document has the highest,
    -- unless it is a stop word of a language of the readable documents.
    SELECT number, CASE
        WHEN sum(chunks) = 0 AND sum(stemmers) < (SELECT count(name) FROM language) THEN 0
        ELSE min(factor) * ln(1 + (greatest((SELECT chunks FROM size) - sum(chunks), 0) + 0.5)
                                 / (sum(chunks) + 0.5)) END AS weight
    FROM counted GROUP BY number
),
term AS MATERIALIZED (
    -- The terms that occur, rarest first, with the running total of the chunks that they find.
    SELECT counted.lexeme, counted.languages, word.weight,
           ('''' || replace(replace(counted.lexeme, '\', '\\'), '''', '''''') || '''')::tsquery
               AS query,
           sum(counted.chunks) OVER rarest AS chunks_so_far, row_number() OVER rarest AS place
    FROM counted JOIN word USING (number) WHERE counted.chunks > 0
    WINDOW rarest AS (ORDER BY counted.chunks, counted.number, counted.lexeme)
),
own AS MATERIALIZED (
    -- The chunks to search, up to the number that may be compared one by one.
    SELECT chunk.id
    FROM (SELECT unnest(searched) AS id FROM readable) AS collection
    CROSS JOIN LATERAL (
        SELECT id FROM library.chunk WHERE chunk.collection_id = collection.id
        LIMIT {cap} + 1) AS chunk
    LIMIT {cap} + 1
),
listed AS MATERIALIZED (
    -- The chunks of the rarest terms: of as many terms as stay below the cap, but at least one, and
    -- of that the newest chunks. (OFFSET keeps the planner from scanning the chunks in their order
    -- and testing each for the term.)
    SELECT found.id, sum(term.weight) AS weight
    FROM term CROSS JOIN LATERAL (
        SELECT id FROM (
            SELECT chunk.id FROM library.chunk
            WHERE chunk.words @@ term.query AND chunk.language = ANY (term.languages)
              AND chunk.collection_id = ANY ((SELECT searched FROM readable)::uuid[])
            OFFSET 0) AS all_found
        ORDER BY id DESC LIMIT {cap}) AS found
    WHERE term.chunks_so_far <= {cap} OR term.place = 1
    GROUP BY found.id ORDER BY weight DESC, found.id DESC LIMIT {ranked}
),
hit AS MATERIALIZED (
    SELECT id FROM listed
    UNION ALL
    -- The rarest terms occur only in collections that are not searched: test the chunks to search
    -- one by one. (OFFSET keeps the planner from using the index of words again.)
    (SELECT own.id
     FROM own CROSS JOIN LATERAL (
         SELECT language, words FROM library.chunk WHERE chunk.id = own.id OFFSET 0) AS chunk
     JOIN term ON chunk.words @@ term.query AND chunk.language = ANY (term.languages)
     WHERE (SELECT count(*) FROM listed) = 0
     GROUP BY own.id ORDER BY sum(term.weight) DESC, own.id LIMIT {ranked})
),
lexical AS MATERIALIZED (
    -- BM25 over the best candidates only; here common words count as well.
    SELECT long.id, row_number() OVER (ORDER BY sum(
               word.weight * matched.times * ({saturation} + 1)
               / (matched.times + {saturation} * (1 + {length} * (long.length / long.usual - 1)))
           ) DESC, long.id) AS place
    FROM (SELECT chunk.id, chunk.words, chunk.language, length(chunk.words)::float8 AS length,
                 avg(length(chunk.words)) OVER ()::float8 AS usual
          FROM hit JOIN library.chunk USING (id)) AS long
    CROSS JOIN LATERAL (
        SELECT counted.number, sum(cardinality(stored.positions)) AS times
        FROM unnest(long.words) AS stored
        JOIN counted ON counted.lexeme = stored.lexeme AND long.language = ANY (counted.languages)
        GROUP BY counted.number) AS matched
    JOIN word USING (number)
    GROUP BY long.id, long.length, long.usual
    ORDER BY place LIMIT 100
),
indexed AS MATERIALIZED (
    SELECT chunk_id AS id,
           vector::public.halfvec({dimensions}) <=> %(vector)s::public.halfvec({dimensions})
               AS distance
    FROM library.embedding
    WHERE model_id = {model} AND %(vector)s::text IS NOT NULL
      AND (SELECT count(*) FROM own) > {cap}
      AND (SELECT collection_id FROM library.chunk WHERE chunk.id = embedding.chunk_id)
          = ANY ((SELECT searched FROM readable)::uuid[])
    ORDER BY distance LIMIT 100
),
compared AS MATERIALIZED (
    -- An exact comparison is faster for a reader with few chunks. It also helps where unreadable
    -- chunks fill the neighbourhood and the index scan ends before it has found enough.
    SELECT own.id,
           vector::public.halfvec({dimensions}) <=> %(vector)s::public.halfvec({dimensions})
               AS distance
    FROM own
    JOIN library.embedding ON embedding.model_id = {model} AND embedding.chunk_id = own.id
    WHERE %(vector)s::text IS NOT NULL AND (SELECT count(*) FROM indexed) < 100
    ORDER BY distance LIMIT 100
),
semantic AS (
    SELECT id, row_number() OVER (ORDER BY distance, id) AS place
    FROM (SELECT * FROM indexed UNION SELECT * FROM compared) AS near
    ORDER BY place LIMIT 100
),
fused AS (
    -- Reciprocal rank fusion; of equal texts only the best remains.
    SELECT id, score FROM (
        SELECT united.id, united.score,
               row_number() OVER (PARTITION BY md5(chunk.text) ORDER BY score DESC, id) AS copy
        FROM (SELECT id, sum(1.0 / (60 + place)) AS score
              FROM (SELECT * FROM lexical UNION ALL SELECT * FROM semantic) AS found
              GROUP BY id) AS united
        JOIN library.chunk USING (id)) AS texts
    WHERE copy = 1 ORDER BY score DESC, id LIMIT {winners}
),
shown AS (
    -- The ranked chunks, and the chunks before and after each on its page.
    SELECT chunk.id, max(fused.score) FILTER (WHERE fused.id = chunk.id) AS score
    FROM fused JOIN library.chunk AS winner USING (id)
    JOIN library.chunk ON chunk.document_id = winner.document_id AND chunk.page = winner.page
     AND chunk.ordinal BETWEEN winner.ordinal - 1 AND winner.ordinal + 1
    GROUP BY chunk.id
)
SELECT chunk.document_id, document.file_name, chunk.page, page.label, chunk.ordinal,
       chunk.start_at AS start, chunk.end_at AS end, chunk.heading_path,
       -- Up to the next chunk: the text between two chunks is needed to merge them.
       substr(page.text, chunk.start_at + 1,
              coalesce(next.start_at, chunk.end_at) - chunk.start_at) AS text,
       shown.score::float8, matched.words, coalesce(matched.coverage, 0)::float8 AS coverage,
       (SELECT 1 - (vector::public.halfvec({dimensions})
                    <=> %(vector)s::public.halfvec({dimensions}))
        FROM library.embedding
        WHERE model_id = {model} AND chunk_id = chunk.id AND %(vector)s::text IS NOT NULL
       ) AS similarity
FROM shown JOIN library.chunk USING (id)
JOIN library.document ON document.id = chunk.document_id
JOIN library.page ON page.document_id = chunk.document_id AND page.number = chunk.page
LEFT JOIN library.chunk AS next ON next.document_id = chunk.document_id
 AND next.ordinal = chunk.ordinal + 1 AND next.page = chunk.page AND next.start_at >= chunk.end_at
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(found.number::integer), ARRAY[]::integer[]) AS words,
           sum(word.weight) / nullif((SELECT sum(weight) FROM word), 0) AS coverage
    FROM (SELECT DISTINCT counted.number
          FROM unnest(chunk.words) AS stored
          JOIN counted ON counted.lexeme = stored.lexeme
           AND chunk.language = ANY (counted.languages)) AS found
    JOIN word USING (number)) AS matched
ORDER BY chunk.document_id, chunk.ordinal
