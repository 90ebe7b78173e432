-- name: add_account
-- A new person. The name is unique; a conflict raises.
INSERT INTO core.account (name, display_name, role, password_parameters, password_digest)
VALUES (%(name)s, %(display_name)s, %(role)s, %(parameters)s, sha256(%(key)s::bytea))
RETURNING id, name, display_name, role, created_at, locked_at;

-- name: account_by_name
SELECT id, name, display_name, role, created_at, locked_at
FROM core.account WHERE name = %(name)s;

-- name: account_by_id
SELECT id, name, display_name, role, created_at, locked_at
FROM core.account WHERE id = %(id)s;

-- name: all_accounts
SELECT id, name, display_name, role, created_at, locked_at
FROM core.account ORDER BY display_name, name;

-- name: lock_operators
-- Taken before an operator is removed, locked or demoted, so that two at once cannot leave none.
SELECT id FROM core.account WHERE role = 'operator' AND locked_at IS NULL ORDER BY id FOR UPDATE;

-- name: set_role
UPDATE core.account SET role = %(role)s WHERE id = %(id)s;

-- name: set_locked
UPDATE core.account SET locked_at = CASE WHEN %(locked)s THEN now() END WHERE id = %(id)s;

-- name: set_password
-- By a claim; other ways go through the functions.
UPDATE core.account SET password_parameters = %(parameters)s, password_digest = sha256(%(key)s::bytea)
WHERE id = %(id)s;

-- name: remove_account
-- Its rows go with it. The ingest process is notified at the commit and removes the files.
DELETE FROM core.account WHERE id = %(id)s RETURNING pg_notify('library_removed', '');

-- name: belongings
-- What is a person's alone, over all features, and what stays of them; without an id, of everybody.
SELECT a.id AS account_id,
       (SELECT count(*) FROM library.document d
        JOIN library.collection c ON c.id = d.collection_id AND c.owner_id = a.id) AS documents,
       (SELECT count(*) FROM library.document d
        JOIN library.collection c ON c.id = d.collection_id AND c.owner_id IS NULL
        WHERE d.uploaded_by = a.id) AS shared_documents,
       (SELECT count(*) FROM chat.conversation v WHERE v.account_id = a.id) AS conversations,
       (SELECT count(*) FROM core.api_key k
        WHERE k.account_id = a.id AND k.expires_at > now()) AS api_keys,
       (SELECT count(*) FROM core.session s
        WHERE s.account_id = a.id AND s.expires_at > now()) AS sessions
FROM core.account a WHERE %(id)s::uuid IS NULL OR a.id = %(id)s;

-- name: has_operator
SELECT EXISTS (SELECT FROM core.account WHERE role = 'operator' AND locked_at IS NULL);

-- name: begin_attempt
SELECT attempt, seconds, parameters, is_known
FROM core.begin_attempt(%(name)s::text, %(network)s::text, %(device)s::bytea);

-- name: withdraw_attempt
SELECT core.withdraw_attempt(%(attempt)s::uuid);

-- name: sign_in
SELECT core.sign_in(%(attempt)s::uuid, %(name)s::text, %(key)s::bytea, %(digest)s::bytea,
                    %(device)s::bytea, %(opened_at)s::timestamptz, %(expires_at)s::timestamptz);

-- name: change_password
SELECT core.change_password(%(attempt)s::uuid, %(name)s::text, %(old_key)s::bytea,
                            %(parameters)s::text, %(key)s::bytea);

-- name: invited
SELECT id, name, display_name, role, created_at, locked_at FROM core.account
WHERE id = core.invited(%(code)s::bytea, %(now)s::timestamptz);

-- name: accept_invitation
SELECT core.accept_invitation(%(code)s::bytea, %(parameters)s::text, %(key)s::bytea,
                              %(digest)s::bytea, %(device)s::bytea,
                              %(opened_at)s::timestamptz, %(expires_at)s::timestamptz);

-- name: open_session
-- By a claim; other ways go through the functions.
SELECT core.open_session(%(account_id)s::uuid, %(digest)s::bytea, %(device)s::bytea,
                         %(opened_at)s::timestamptz, %(expires_at)s::timestamptz);

-- name: account_by_session
-- Who is signed in with this token, if it is still good and the account is not locked.
SELECT id, name, display_name, role, created_at, locked_at FROM core.account
WHERE id = core.session_holder(%(digest)s::bytea, %(now)s::timestamptz) AND locked_at IS NULL;

-- name: extend_session
SELECT core.extend_session(%(digest)s::bytea, %(now)s::timestamptz, %(stale)s::timestamptz,
                           %(expires_at)s::timestamptz);

-- name: end_session
SELECT core.end_session(%(digest)s::bytea);

-- name: end_sessions_of
DELETE FROM core.session WHERE account_id = %(account_id)s;

-- name: sweep
-- Forget what has expired. Attempts end at the server's time, at which they began.
WITH attempts AS (DELETE FROM core.login_attempt WHERE started_at < now() - interval '1 hour'),
     devices AS (DELETE FROM core.device WHERE expires_at < now()),
     sessions AS (DELETE FROM core.session
                  WHERE expires_at < %(now)s OR seen_at < %(unseen)s RETURNING 1),
     invitations AS (DELETE FROM core.invitation WHERE expires_at < %(now)s RETURNING 1)
SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM invitations);

-- name: add_invitation
INSERT INTO core.invitation (digest, purpose, account_id, expires_at)
VALUES (%(digest)s, %(purpose)s, %(account_id)s, %(expires_at)s);

-- name: withdraw_claims
DELETE FROM core.invitation WHERE purpose = 'claim';

-- name: withdraw_invitations_of
DELETE FROM core.invitation WHERE account_id = %(account_id)s;

-- name: claim_is_open
SELECT EXISTS (SELECT FROM core.invitation
               WHERE digest = %(digest)s AND purpose = 'claim' AND expires_at > %(now)s);

-- name: use_invitation
-- For a claim; accept_invitation uses up the others.
-- Deleting is using: of two people with one code, one gets a row.
DELETE FROM core.invitation
WHERE digest = %(digest)s AND purpose = %(purpose)s AND expires_at > %(now)s
RETURNING account_id;

-- name: add_api_key
INSERT INTO core.api_key (account_id, name, prefix, digest, scopes, expires_at)
VALUES (%(account_id)s, %(name)s, %(prefix)s, %(digest)s, %(scopes)s, %(expires_at)s)
RETURNING id, account_id, name, prefix, scopes, created_at, expires_at, used_at;

-- name: api_keys_of
SELECT id, account_id, name, prefix, scopes, created_at, expires_at, used_at
FROM core.api_key WHERE account_id = %(account_id)s ORDER BY created_at DESC;

-- name: remove_api_key
DELETE FROM core.api_key WHERE id = %(id)s AND account_id = %(account_id)s RETURNING prefix;

-- name: remove_api_keys_of
DELETE FROM core.api_key WHERE account_id = %(account_id)s RETURNING id, prefix;

-- name: holder
-- Whose key it is, and whether its last use was written down lately.
SELECT a.id, a.name, a.display_name, a.role, a.created_at, a.locked_at,
       k.id, k.scopes, k.used_at IS NULL OR k.used_at < %(stale)s
FROM core.api_key k JOIN core.account a ON a.id = k.account_id
WHERE k.digest = %(digest)s AND k.expires_at > %(now)s AND a.locked_at IS NULL;

-- name: touch_api_key
UPDATE core.api_key SET used_at = %(now)s WHERE id = %(id)s;

-- name: announce
-- Each chat server closes its open streams of the account, or of the API key.
SELECT pg_notify('cloister_chat', 'revoked:' || %(revoked)s::text);
