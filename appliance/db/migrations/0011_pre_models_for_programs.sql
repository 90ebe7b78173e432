-- Chat servers read which models a request may name, beside the settings that they read already.
CREATE OR REPLACE VIEW core.operator_setting AS
    SELECT name, value FROM core.setting
    WHERE name IN ('upload_limit', 'document_quota', 'context_tokens', 'allowed_models');
