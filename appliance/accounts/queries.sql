-- name: add_account
-- A new person. The name is unique; a conflict raises.
INSERT INTO core.account (name, display_name, role, password_hash)
VALUES (%(name)s, %(display_name)s, %(role)s, %(password_hash)s)
RETURNING id, name, display_name, role, created_at, locked_at;

-- name: account_by_name
SELECT id, name, display_name, role, created_at, locked_at
FROM core.account WHERE name = %(name)s;

-- name: account_by_id
SELECT id, name, display_name, role, created_at, locked_at
FROM core.account WHERE id = %(id)s;

-- name: password_by_name
-- Only sign-in reads this. It tells a locked person of the lock if the password is right.
SELECT id, password_hash, locked_at IS NOT NULL AS is_locked
FROM core.account WHERE name = %(name)s;

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
UPDATE core.account SET password_hash = %(password_hash)s WHERE id = %(id)s;

-- name: replace_password
-- By its owner, who has proved the old one: nothing changes if it is another one by now.
UPDATE core.account SET password_hash = %(password_hash)s
WHERE id = %(id)s AND password_hash = %(old_hash)s AND locked_at IS NULL;

-- name: remove_account
-- Its rows go with it. The ingest process is notified at the commit and removes the files.
DELETE FROM core.account WHERE id = %(id)s RETURNING pg_notify('library_removed', '');

-- name: has_operator
SELECT EXISTS (SELECT FROM core.account WHERE role = 'operator' AND locked_at IS NULL);

-- name: add_session
-- Only for a person whose password is still the one that was checked, and who is not locked. The
-- row's lock waits for a change that is being made; a later change ends this session.
INSERT INTO core.session (digest, account_id, seen_at, expires_at)
SELECT %(digest)s, id, %(now)s, %(expires_at)s FROM core.account
WHERE id = %(account_id)s AND password_hash = %(password_hash)s AND locked_at IS NULL
FOR SHARE;

-- name: account_by_session
-- Who is signed in with this token, if it is still good and the account is not locked.
SELECT a.id, a.name, a.display_name, a.role, a.created_at, a.locked_at
FROM core.session s JOIN core.account a ON a.id = s.account_id
WHERE s.digest = %(digest)s AND s.expires_at > %(now)s AND a.locked_at IS NULL;

-- name: prolong_session
-- At most once in a while, so that reading a page is not a write.
UPDATE core.session SET seen_at = %(now)s, expires_at = %(expires_at)s
WHERE digest = %(digest)s AND seen_at < %(stale)s;

-- name: end_session
DELETE FROM core.session WHERE digest = %(digest)s;

-- name: end_sessions_of
DELETE FROM core.session WHERE account_id = %(account_id)s;

-- name: sweep
-- Forget what has expired.
WITH sessions AS (DELETE FROM core.session WHERE expires_at < %(now)s RETURNING 1),
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
