-- The library says of each document how many pages gave no text, without reading those that did.
CREATE INDEX page_without_text ON library.page (document_id) WHERE state <> 'read';
