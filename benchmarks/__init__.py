"""Benchmarks: each prints figures beside what they are measured against, in one run."""
