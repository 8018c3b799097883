# Reference values for tests/test_effects.py; run: Rscript effects.R > effects.json
# R's own t.test, and MASS::polr for the cumulative logit.
suppressMessages(library(MASS))
treated <- c(3.1, 2.4, 3.9, 2.2, 3.3, 3.0, 1.8)
control <- c(2.5, 2.6, 3.1, 2.0, 2.9, 2.2, 1.9)
other <- c(2.5, 2.6, 3.1, 2.0, 2.9)
paired <- t.test(treated, control, paired = TRUE)
welch <- t.test(treated, other)
counts <- data.frame(
  arm = rep(c(0, 1), each = 4),
  answer = factor(rep(1:4, 2), ordered = TRUE),
  n = c(20, 14, 9, 5, 8, 12, 15, 17)
)
polr_fit <- polr(answer ~ arm, data = counts, weights = n, Hess = TRUE)
cat(sprintf(
  '{"paired": {"estimate": %.10f, "ci_low": %.10f, "ci_high": %.10f, "pvalue": %.12g},\n',
  paired$estimate, paired$conf.int[1], paired$conf.int[2], paired$p.value
))
cat(sprintf(
  ' "welch": {"estimate": %.10f, "ci_low": %.10f, "ci_high": %.10f, "pvalue": %.12g},\n',
  welch$estimate[1] - welch$estimate[2], welch$conf.int[1], welch$conf.int[2], welch$p.value
))
cat(sprintf(' "polr": {"estimate": %.8f},\n "r": "%s"}\n', coef(polr_fit)["arm"], R.version.string))
