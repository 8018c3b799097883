# Rscript coin.R CSV RESAMPLES: coin's blocked general association test of one cell by Monte Carlo, timed without the
# start of R. Prints: seconds p-value version.
suppressPackageStartupMessages(library(coin))
given <- commandArgs(trailingOnly = TRUE)
cell <- data.frame(lapply(read.csv(given[1]), factor))
set.seed(1)
took <- system.time(
  p <- pvalue(independence_test(answer ~ arm | persona, data = cell, teststat = "quadratic",
                                distribution = approximate(nresample = as.integer(given[2])))))
cat(took[["elapsed"]], as.numeric(p), as.character(packageVersion("coin")))
