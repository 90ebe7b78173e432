"""Certificates and keys of the web server: what they say, what is wrong with them, and new ones."""
