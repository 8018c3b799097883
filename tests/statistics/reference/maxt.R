# Step-down maxT adjusted p-values from R, written to maxt.json.
#   Rscript tests/reference/maxt.R
# Sixteen personas, eight an arm, answer five questions with two answers, each given by eight of them. As the
# questions have one margin, multtest's |t| and coin's standardised |T| are both the same increasing function of the
# distance, for all questions alike, and the adjusted p-values of maxT must be the same.
suppressPackageStartupMessages({library(multtest); library(coin)})

treated <- rep(0:1, each = 8)
answers <- rbind(
  c(0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0),
  c(0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1),
  c(1, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0, 1),
  c(0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1),
  c(0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1))
stopifnot(rowSums(answers) == 8)

# B = 0: all 12,870 relabellings.
all_of_them <- mt.maxT(answers, treated, test = "t.equalvar", side = "abs", B = 0)
all_of_them <- all_of_them[order(all_of_them$index), ]

set.seed(20260605)
frame <- data.frame(t(answers), arm = factor(treated))
drawn <- independence_test(X1 + X2 + X3 + X4 + X5 ~ arm, data = frame, teststat = "maximum",
                           distribution = approximate(nresample = 200000))
row <- function(x) paste0("[", paste(sprintf("%.10g", x), collapse = ", "), "]")
script <- sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE))
writeLines(c(
  "{",
  '  "made_by": "tests/reference/maxt.R",',
  sprintf('  "with": "%s, multtest %s, coin %s",', R.version.string, packageVersion("multtest"), packageVersion("coin")),
  sprintf('  "treated": %s,', row(treated)),
  sprintf('  "answers": [%s],', paste(apply(answers, 1, row), collapse = ",\n              ")),
  sprintf('  "multtest_pvalue": %s,', row(all_of_them$rawp)),
  sprintf('  "multtest_adjusted": %s,', row(all_of_them$adjp)),
  sprintf('  "coin_adjusted": %s', row(as.numeric(pvalue(drawn, method = "step-down")))),
  "}"), file.path(dirname(script), "maxt.json"))
