-- What an operation was done to: its kind and its id, beside the name that people know it by. The
-- previous version writes the name alone, so both columns have a default.
ALTER TABLE core.audit
    ADD COLUMN object_type text NOT NULL DEFAULT '',
    ADD COLUMN object_id   text NOT NULL DEFAULT '';
COMMENT ON COLUMN core.audit.object IS 'what people call the object, or its id';

-- Rows of the previous version: the action tells the kind, and some objects are an id.
UPDATE core.audit
SET object_type = CASE split_part(action, '.', 1)
        WHEN 'machine' THEN 'person'
        WHEN 'password' THEN 'person'
        WHEN 'rescue' THEN 'rescue_code'
        ELSE split_part(action, '.', 1) END,
    object_id = CASE WHEN action LIKE 'unit.%' OR action LIKE 'model.%'
                       OR action IN ('document.add', 'document.delete', 'document.retry')
                     THEN object ELSE '' END;

-- The console filters by who acted and by what was acted on.
CREATE INDEX audit_actor ON core.audit (actor, id DESC);
CREATE INDEX audit_object ON core.audit (object_type, object_id, id DESC);
