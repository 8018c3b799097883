# P-values of the summed total variation distance from R, written to permutation.json.
#   Rscript tests/reference/permutation.R
# (a) One stratum, two answers: the distance is a multiple of |a - E a|, so coin's exact two-sided
#     oneway_test() is the same test.
# (b) Several strata and answers: coin has no such statistic, but its engine, libcoin, returns the linear
#     statistics of its blocked permutations. With X = treated and Y = one indicator a (stratum, answer), they
#     are the treated counts of every stratum, from which the summed distance follows.
suppressPackageStartupMessages({library(coin); library(libcoin)})

N_RESAMPLE <- 200000
cases <- list(
  two_answers_equal = list(treated = rbind(c(21, 9)), control = rbind(c(12, 18))),
  two_answers_unequal = list(treated = rbind(c(17, 4)), control = rbind(c(11, 15))),
  three_strata = list(
    treated = rbind(c(6, 12, 5, 7), c(11, 14, 8, 9), c(6, 5, 10, 15)),
    control = rbind(c(10, 8, 7, 5), c(20, 9, 6, 3), c(4, 7, 12, 8))),
  equal_arms = list(
    treated = rbind(c(12, 10, 5, 3, 0), c(20, 5, 5, 0, 0), c(6, 6, 6, 6, 6), c(29, 1, 0, 0, 0)),
    control = rbind(c(18, 6, 3, 2, 1), c(12, 10, 6, 1, 1), c(9, 2, 5, 8, 6), c(26, 2, 1, 0, 1))),
  between = list(treated = rbind(c(23, 30, 8)), control = rbind(c(44, 15, 0)))
)

answers_of <- function(case) {
  n_answers <- ncol(case$treated)
  rows <- NULL
  for (s in seq_len(nrow(case$treated))) for (arm in c("treated", "control"))
    rows <- rbind(rows, data.frame(
      stratum = s, arm = arm, answer = rep(seq_len(n_answers), case[[arm]][s, ])))
  rows
}

summed_distance <- function(counts, case) {
  # counts: strata x answers, treated
  margin <- case$treated + case$control
  n1 <- rowSums(case$treated); n0 <- rowSums(case$control)
  sum(abs(counts / n1 - (margin - counts) / n0)) / 2
}

exact_two_answers <- function(case) {
  rows <- answers_of(case)
  as.numeric(pvalue(oneway_test(
    as.numeric(rows$answer == 1) ~ factor(rows$arm), distribution = exact(), alternative = "two.sided")))
}

blocked_monte_carlo <- function(case) {
  rows <- answers_of(case)
  n_strata <- nrow(case$treated); n_answers <- ncol(case$treated)
  cell <- factor((rows$stratum - 1) * n_answers + rows$answer, levels = seq_len(n_strata * n_answers))
  X <- matrix(as.numeric(rows$arm == "treated"))
  Y <- model.matrix(~ cell - 1)
  permuted <- LinStatExpCov(X, Y, block = factor(rows$stratum), nresample = N_RESAMPLE)
  drawn <- apply(permuted$PermutedLinearStatistic, 2, function(linear)
    summed_distance(matrix(linear, n_strata, n_answers, byrow = TRUE), case))
  observed <- summed_distance(case$treated, case)
  list(statistic = observed / n_strata, null_mean = mean(drawn) / n_strata,
       pvalue = mean(drawn >= observed - 1e-9))
}

matrix_json <- function(m) paste0(
  "[", paste(apply(m, 1, function(row) paste0("[", paste(row, collapse = ", "), "]")), collapse = ", "), "]")

set.seed(20260605)
entries <- vapply(names(cases), function(name) {
  case <- cases[[name]]
  drawn <- blocked_monte_carlo(case)
  exact <- if (ncol(case$treated) == 2) sprintf("%.15g", exact_two_answers(case)) else "null"
  sprintf(paste0(
    '    {"name": "%s", "treated": %s, "control": %s,\n     "statistic": %.15g, "null_mean": %.15g, ',
    '"pvalue": %.15g, "pvalue_exact": %s}'),
    name, matrix_json(case$treated), matrix_json(case$control),
    drawn$statistic, drawn$null_mean, drawn$pvalue, exact)
}, "")
script <- sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))
writeLines(c(
  "{",
  '  "made_by": "tests/reference/permutation.R",',
  sprintf('  "with": "%s, coin %s, libcoin %s",', R.version.string, packageVersion("coin"),
          packageVersion("libcoin")),
  sprintf('  "n_resample": %d,', N_RESAMPLE),
  '  "cases": [', paste(entries, collapse = ",\n"), "  ]", "}"),
  file.path(dirname(script), "permutation.json"))
