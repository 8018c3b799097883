"""Speed, against what an analyst would write instead."""
