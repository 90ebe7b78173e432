"""Words, languages and scripts: one set of rules for what is stored and what is asked."""
