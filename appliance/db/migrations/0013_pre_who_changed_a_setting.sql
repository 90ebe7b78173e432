-- Each setting says who changed it last, and when. A reset keeps the row with a JSON null.
ALTER TABLE core.setting
    ADD COLUMN changed_by text,
    ADD COLUMN changed_at timestamptz;

-- Chat servers also read what every page shows, and how long a browser stays signed in.
CREATE OR REPLACE VIEW core.operator_setting AS
    SELECT name, value FROM core.setting
    WHERE name IN ('upload_limit', 'document_quota', 'context_tokens', 'allowed_models',
                   'banner_text', 'session_days', 'time_zone');
