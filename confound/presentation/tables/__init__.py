"""Tables for a paper: laid out once, written as LaTeX, HTML, Markdown and Word."""
