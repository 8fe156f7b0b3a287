"""What Fettle can do: every folder here is one skill, with the same three files."""
