-- What the model did not read in full is told with the answer: nothing is cut silently.
ALTER TABLE chat.message
    ADD COLUMN passages_shortened integer,
    ADD COLUMN questions_left_out integer;
