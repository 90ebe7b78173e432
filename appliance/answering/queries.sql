-- name: turns
-- The turns of a conversation before a question, newest first; only answers that have a text.
SELECT question.text AS question, answer.text AS answer
FROM chat.message AS answer
JOIN chat.message AS question ON question.conversation_id = answer.conversation_id
                             AND question.ordinal = answer.ordinal - 1
WHERE answer.conversation_id = %(conversation)s AND answer.ordinal < %(before)s
  AND answer.author = 'cloister' AND answer.state IN ('complete', 'stopped')
ORDER BY answer.ordinal DESC
LIMIT %(limit)s;

-- name: save_progress
-- Save the texts of all unfinished answers; return the ids of the answers that still exist.
UPDATE chat.message AS message
SET state = 'writing', text = written.text, model = written.model,
    passages_found = written.found, passages_used = written.used,
    passages_shortened = written.shortened, questions_left_out = written.left_out
FROM unnest(%(ids)s::uuid[], %(texts)s::text[], %(models)s::text[], %(found)s::integer[],
            %(used)s::integer[], %(shortened)s::integer[], %(left_out)s::integer[])
     AS written (id, text, model, found, used, shortened, left_out)
WHERE message.id = written.id AND message.state IN ('waiting', 'writing')
  AND message.worker = %(worker)s
RETURNING message.id;

-- name: finish
-- Save how an answer ended, with its citations; nothing if it was deleted in the meantime. The
-- conversation is locked first, as a deletion does: the other order could deadlock.
WITH locked AS (
    SELECT conversation.id FROM chat.conversation AS conversation
    JOIN chat.message AS message ON message.conversation_id = conversation.id
    WHERE message.id = %(id)s
    FOR NO KEY UPDATE OF conversation
), ended AS (
    UPDATE chat.message
    SET state = %(state)s, kind = %(kind)s, text = %(text)s, model = %(model)s,
        passages_found = %(found)s, passages_used = %(used)s,
        passages_shortened = %(shortened)s, questions_left_out = %(left_out)s,
        error_code = %(error_code)s, error_message = %(error_message)s,
        error_hint = %(error_hint)s, finished_at = now(),
        html = %(html)s, html_version = %(html_version)s
    WHERE id = %(id)s AND state IN ('waiting', 'writing') AND worker = %(worker)s
      AND conversation_id IN (SELECT id FROM locked)
    RETURNING id, conversation_id
), seen AS (
    UPDATE chat.conversation SET updated_at = now()
    WHERE id IN (SELECT conversation_id FROM ended)
)
INSERT INTO chat.citation (message_id, number, document_id, file_name, page, start_at, end_at)
SELECT ended.id, cited.number, document.id, cited.file_name, cited.page, cited.start_at,
       cited.end_at
FROM ended
CROSS JOIN unnest(%(numbers)s::integer[], %(documents)s::uuid[], %(files)s::text[],
                  %(pages)s::integer[], %(starts)s::integer[], %(ends)s::integer[])
     AS cited (number, document_id, file_name, page, start_at, end_at)
LEFT JOIN library.document AS document ON document.id = cited.document_id;

-- name: interrupt
-- Mark the answers that a worker left unfinished when it died, and those of removed workers.
UPDATE chat.message
SET state = 'interrupted', kind = CASE WHEN text = '' THEN kind ELSE 'generated' END,
    error_code = %(code)s, error_message = %(message)s, error_hint = %(hint)s,
    finished_at = now()
WHERE state IN ('waiting', 'writing')
  AND (worker = %(worker)s OR (%(worker)s = 1 AND worker > %(workers)s));

-- name: interrupt_one
-- Mark an answer that no task writes.
UPDATE chat.message
SET state = 'interrupted', error_code = %(code)s, error_message = %(message)s,
    error_hint = %(hint)s, finished_at = now()
WHERE id = %(id)s AND state IN ('waiting', 'writing') AND worker = %(worker)s;

-- name: unfinished
-- The answers of a conversation that are being written.
SELECT message.id, message.worker
FROM chat.message AS message
JOIN chat.conversation AS conversation ON conversation.id = message.conversation_id
WHERE message.conversation_id = %(conversation)s AND conversation.account_id = %(reader)s
  AND message.state IN ('waiting', 'writing');

-- name: notify
-- Send a notice to all chat servers.
SELECT pg_notify('cloister_chat', %(notice)s);
