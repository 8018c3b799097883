"""User drift: distances between the arms' answers, their null laws, tests, corrections and power."""
