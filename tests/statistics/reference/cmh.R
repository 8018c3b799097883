# Generalized Cochran-Mantel-Haenszel tests from R, written to cmh.json.
#   Rscript tests/reference/cmh.R
# mantelhaen.test() where it takes the data (two strata or more, each with two answers or more); coin's cmh_test()
# throughout, with one stratum too. coin takes empty answers and singular covariances by a pseudo-inverse.
suppressPackageStartupMessages(library(coin))

cases <- list(
  three_strata = list(
    rbind(c(10, 8, 7, 5), c(6, 12, 5, 7)), rbind(c(20, 9, 6, 3), c(11, 14, 8, 9)),
    rbind(c(4, 7, 12, 8), c(6, 5, 10, 15))),
  one_stratum = list(rbind(c(0, 44, 15, 0), c(0, 23, 30, 8))),
  unequal_arms = list(
    rbind(c(12, 3, 5), c(2, 4, 1)), rbind(c(9, 9, 2), c(5, 0, 1)), rbind(c(1, 0, 14), c(3, 2, 2)),
    rbind(c(6, 6, 6), c(1, 1, 5))),
  disconnected = list(
    rbind(c(12, 8, 0, 0), c(7, 13, 0, 0)), rbind(c(0, 0, 9, 11), c(0, 0, 15, 5)),
    rbind(c(0, 0, 10, 10), c(0, 0, 13, 7)), rbind(c(20, 0, 0, 0), c(20, 0, 0, 0))),
  three_arms = list(
    rbind(c(10, 8, 7, 5), c(6, 12, 5, 7), c(9, 9, 9, 3)), rbind(c(20, 9, 6, 3), c(11, 14, 8, 9), c(14, 13, 9, 2)),
    rbind(c(4, 7, 12, 8), c(6, 5, 10, 15), c(8, 9, 10, 4))),
  four_arms_two_answers = list(
    rbind(c(12, 18), c(15, 15), c(20, 10), c(9, 21)), rbind(c(8, 2), c(9, 1), c(3, 7), c(6, 4)))
)

rows_of <- function(strata) {
  rows <- NULL
  for (s in seq_along(strata)) for (a in seq_len(nrow(strata[[s]])))
    rows <- rbind(rows, data.frame(stratum = s, arm = a, answer = rep(seq_len(ncol(strata[[s]])), strata[[s]][a, ])))
  data.frame(lapply(rows, factor))
}

matrix_json <- function(m) paste0(
  "[", paste(apply(m, 1, function(row) paste0("[", paste(row, collapse = ", "), "]")), collapse = ", "), "]")
number <- function(x) if (is.null(x)) "null" else sprintf("%.15g", x)

entries <- vapply(names(cases), function(name) {
  strata <- cases[[name]]
  rows <- rows_of(strata)
  test <- if (length(strata) > 1) cmh_test(answer ~ arm | stratum, data = rows) else cmh_test(answer ~ arm, data = rows)
  base <- tryCatch(
    mantelhaen.test(rows$arm, rows$answer, rows$stratum, correct = FALSE), error = function(e) NULL)
  sprintf('    {"name": "%s", "counts": [%s],\n     "statistic": %.15g, "df": %d, "pvalue": %.15g, "mantelhaen": %s}',
    name, paste(vapply(strata, matrix_json, ""), collapse = ", "), as.numeric(statistic(test)),
    as.integer(test@statistic@df), as.numeric(pvalue(test)), number(unname(base$statistic)))
}, "")
script <- sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))
writeLines(c(
  "{",
  '  "made_by": "tests/reference/cmh.R",',
  sprintf('  "with": "%s, coin %s",', R.version.string, packageVersion("coin")),
  '  "cases": [', paste(entries, collapse = ",\n"), "  ]", "}"),
  file.path(dirname(script), "cmh.json"))
