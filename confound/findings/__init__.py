"""The tables of an analysis, one module a table: its columns and how its rows are made."""
