"""One question each, answered by a Reading; a probe never raises."""
