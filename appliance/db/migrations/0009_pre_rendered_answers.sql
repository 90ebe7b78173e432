-- The HTML of an answer, made once when it ends. Answers that have none are rendered when they are
-- first shown, and so are those of which another version of the program made the HTML.
ALTER TABLE chat.message
    ADD COLUMN html text,
    ADD COLUMN html_version integer;
