"""Any log as one lazy response table: files, databases, and what cannot be read."""
