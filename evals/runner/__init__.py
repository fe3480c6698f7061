"""How cases are run and scored."""
