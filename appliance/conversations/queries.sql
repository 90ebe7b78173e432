-- name: newest
-- One page of a person's conversations, newest first, after the conversation `before`.
SELECT * FROM chat.conversation
WHERE account_id = %(reader)s
  AND (%(before)s::uuid IS NULL OR (updated_at, id) < (
        SELECT last.updated_at, last.id FROM chat.conversation AS last
        WHERE last.id = %(before)s AND last.account_id = %(reader)s))
ORDER BY updated_at DESC, id DESC
LIMIT %(limit)s;

-- name: one
-- A conversation, for its owner only.
SELECT * FROM chat.conversation
WHERE id = %(id)s AND account_id = %(reader)s;

-- name: messages
-- The last messages of a conversation before an ordinal, in order: at most so many, and no more
-- than so many characters of text and HTML, but always the last question with its answer.
WITH recent AS (
    SELECT id, ordinal, length(text) + coalesce(length(html), 0) AS size FROM chat.message
    WHERE conversation_id = %(id)s AND (%(before)s::integer IS NULL OR ordinal < %(before)s)
    ORDER BY ordinal DESC
    LIMIT %(limit)s
), measured AS (
    SELECT id, row_number() OVER newest AS place, sum(size) OVER newest AS characters
    FROM recent
    WINDOW newest AS (ORDER BY ordinal DESC)
)
SELECT message.* FROM chat.message AS message
JOIN measured ON measured.id = message.id
WHERE measured.place <= 2 OR measured.characters <= %(characters)s
ORDER BY message.ordinal;

-- name: keep_html
-- Keep the HTML of an answer that has not changed since its text was read.
UPDATE chat.message SET html = %(html)s, html_version = %(version)s
WHERE id = %(id)s AND text = %(text)s AND state NOT IN ('waiting', 'writing');

-- name: citations
-- The citations of some answers, by answer and number.
SELECT citation.message_id, citation.number, citation.document_id, citation.file_name,
       citation.page, citation.start_at, citation.end_at, page.label
FROM chat.citation AS citation
JOIN chat.message AS message ON message.id = citation.message_id
LEFT JOIN library.page AS page ON page.document_id = citation.document_id
                              AND page.number = citation.page
WHERE message.id = ANY(%(ids)s::uuid[])
ORDER BY message.ordinal, citation.number;

-- name: message
-- One message, for the owner of its conversation only.
SELECT message.*
FROM chat.message AS message
JOIN chat.conversation AS conversation ON conversation.id = message.conversation_id
WHERE message.id = %(id)s AND conversation.account_id = %(reader)s;

-- name: message_citations
-- The citations of one answer.
SELECT citation.message_id, citation.number, citation.document_id, citation.file_name,
       citation.page, citation.start_at, citation.end_at, page.label
FROM chat.citation AS citation
LEFT JOIN library.page AS page ON page.document_id = citation.document_id
                              AND page.number = citation.page
WHERE citation.message_id = %(id)s
ORDER BY citation.number;

-- name: start
-- A new conversation with its first question and the answer that waits, all or nothing.
WITH conversation AS (
    INSERT INTO chat.conversation (account_id, title) VALUES (%(reader)s, %(title)s)
    RETURNING id
), question AS (
    INSERT INTO chat.message (conversation_id, ordinal, author, state, text, finished_at)
    SELECT id, 1, 'person', 'complete', %(text)s, now() FROM conversation
    RETURNING *
), answer AS (
    INSERT INTO chat.message (conversation_id, ordinal, author, state, worker)
    SELECT id, 2, 'cloister', 'waiting', %(worker)s FROM conversation
    RETURNING *
), both_messages AS (
    SELECT * FROM question UNION ALL SELECT * FROM answer
)
SELECT * FROM both_messages ORDER BY ordinal;

-- name: ask
-- The next question of a conversation and the answer that waits; no row if the reader does not own
-- the conversation or it is being answered. The second of two at once violates the unique ordinal.
WITH conversation AS (
    UPDATE chat.conversation SET updated_at = now()
    WHERE id = %(id)s AND account_id = %(reader)s AND NOT EXISTS (
        SELECT FROM chat.message
        WHERE conversation_id = %(id)s AND state IN ('waiting', 'writing'))
    RETURNING id
), question AS (
    INSERT INTO chat.message (conversation_id, ordinal, author, state, text, finished_at)
    SELECT id, (SELECT coalesce(max(ordinal), 0) + 1 FROM chat.message
                WHERE conversation_id = %(id)s),
           'person', 'complete', %(text)s, now()
    FROM conversation
    RETURNING *
), answer AS (
    INSERT INTO chat.message (conversation_id, ordinal, author, state, worker)
    SELECT conversation_id, ordinal + 1, 'cloister', 'waiting', %(worker)s FROM question
    RETURNING *
), both_messages AS (
    SELECT * FROM question UNION ALL SELECT * FROM answer
)
SELECT * FROM both_messages ORDER BY ordinal;

-- name: ask_again
-- Empty an answer that may be tried again; return its question and it. No row if the reader does
-- not own it, if it is complete, or if another answer of the conversation is being written.
WITH answer AS (
    UPDATE chat.message AS message
    SET state = 'waiting', kind = NULL, text = '', error_code = NULL, error_message = NULL,
        error_hint = NULL, model = NULL, worker = %(worker)s, passages_found = NULL,
        passages_used = NULL, passages_shortened = NULL, questions_left_out = NULL,
        finished_at = NULL, html = NULL, html_version = NULL
    FROM chat.conversation AS conversation
    WHERE message.id = %(id)s AND message.author = 'cloister'
      AND (message.state IN ('stopped', 'interrupted', 'failed')
           OR (message.state = 'complete' AND message.kind = 'quoted'))
      AND conversation.id = message.conversation_id AND conversation.account_id = %(reader)s
      AND NOT EXISTS (
        SELECT FROM chat.message AS other
        WHERE other.conversation_id = message.conversation_id
          AND other.state IN ('waiting', 'writing'))
    RETURNING message.*
), forgotten AS (
    DELETE FROM chat.citation WHERE message_id IN (SELECT id FROM answer)
), both_messages AS (
    SELECT question.* FROM chat.message AS question
    JOIN answer ON answer.conversation_id = question.conversation_id
               AND answer.ordinal = question.ordinal + 1
    UNION ALL
    SELECT * FROM answer
)
SELECT * FROM both_messages ORDER BY ordinal;

-- name: rename
-- Change a conversation's title; its place in the list stays the same.
UPDATE chat.conversation SET title = %(title)s
WHERE id = %(id)s AND account_id = %(reader)s
RETURNING *;

-- name: delete
-- Delete a conversation with its messages and citations.
DELETE FROM chat.conversation WHERE id = %(id)s AND account_id = %(reader)s;
