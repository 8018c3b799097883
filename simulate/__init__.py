"""A thin simulator: a study of language-model users in, a long response table out."""
