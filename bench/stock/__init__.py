"""A log of messages as a project writes it that uses Django's admin as it comes."""
