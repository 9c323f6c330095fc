"""The HTTP face of the jobs: it parses, calls one operation, renders. Only here is HTTP known."""
