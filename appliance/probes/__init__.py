"""One question each, answered by a ProbeResult; a probe never raises."""
