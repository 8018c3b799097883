"""What leaves the house: text, tables, figures, the page, the folder, the terminal."""
