"""Tests of `confound.statistics.people`."""
