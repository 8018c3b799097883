"""Backends that call a server."""
