"""What the command line asks of the running supervisor: JSON on a unix socket."""
