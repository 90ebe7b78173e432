"""A soak: hostile members beside ordinary ones, on one whole appliance."""
