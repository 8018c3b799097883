"""``python -m benchmarks.validity``: the page on the corrected distance."""

from benchmarks.validity.drift.corrected_distance import main

if __name__ == "__main__":
    main()
