"""The sources that the report names: cited where a method was used, and listed if cited."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reference:
    """One source.

    Attributes
    ----------
    short : str
        Authors and year, as in a sentence.
    full : str
        Authors, year, title, venue.
    link : str
        Where it can be read; empty if not known.
    """

    short: str
    full: str
    link: str = ""


REFERENCES = {
    "allen": Reference(
        "Allen et al. 2015",
        "Allen, Burgess, Davidson and Windmeijer (2015). More reliable inference for the dissimilarity index of "
        "segregation. The Econometrics Journal 18(1), 40-66.",
    ),
    "benjamini": Reference(
        "Benjamini and Hochberg 1995",
        "Benjamini and Hochberg (1995). Controlling the false discovery rate: a practical and powerful approach to "
        "multiple testing. Journal of the Royal Statistical Society B 57(1), 289-300.",
    ),
    "fisher21": Reference(
        "Fisher 1921",
        "Fisher (1921). On the probable error of a coefficient of correlation deduced from a small sample. Metron 1, "
        "3-32.",
    ),
    "fisher": Reference("Fisher 1935", "Fisher (1935). The Design of Experiments. Oliver and Boyd."),
    "fuller": Reference("Fuller 1987", "Fuller (1987). Measurement Error Models. Wiley."),
    "concordance": Reference(
        "Lin 1989",
        "Lin (1989). A concordance correlation coefficient to evaluate reproducibility. Biometrics 45(1), 255-268.",
    ),
    "fisher25": Reference("Fisher 1925", "Fisher (1925). Statistical Methods for Research Workers. Oliver and Boyd."),
    "light": Reference(
        "Light and Margolin 1971",
        "Light and Margolin (1971). An analysis of variance for categorical data. Journal of the American Statistical "
        "Association 66, 534-544.",
    ),
    "arvesen": Reference(
        "Arvesen and Schmitz 1970",
        "Arvesen and Schmitz (1970). Robust procedures for variance component problems using the jackknife. Biometrics "
        "26(4), 677-686.",
    ),
    "ppi": Reference(
        "Angelopoulos, Duchi and Zrnic 2023",
        "Angelopoulos, Duchi and Zrnic (2023). PPI++: efficient prediction-powered inference. arXiv 2311.01453.",
    ),
    "holm": Reference(
        "Holm 1979",
        "Holm (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics "
        "6(2), 65-70.",
    ),
    "landis": Reference(
        "Landis, Heyman and Koch 1978",
        "Landis, Heyman and Koch (1978). Average partial association in three-way contingency tables: a review and "
        "discussion of alternative tests. International Statistical Review 46(3), 237-254.",
    ),
    "lin": Reference(
        "Lin et al. 2026",
        "Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026). The Illusion of Intervention: Your LLM-Simulated "
        "Experiment is an Observational Study. arXiv 2605.20767.",
        "https://arxiv.org/abs/2605.20767",
    ),
    "lipsitch": Reference(
        "Lipsitch, Tchetgen Tchetgen and Cohen 2010",
        "Lipsitch, Tchetgen Tchetgen and Cohen (2010). Negative controls: a tool for detecting confounding and bias in "
        "observational studies. Epidemiology 21(3), 383-388.",
    ),
    "mccullagh": Reference(
        "McCullagh 1980",
        "McCullagh (1980). Regression models for ordinal data. Journal of the Royal Statistical Society B 42(2), "
        "109-142.",
    ),
    "minka": Reference(
        "Minka 2001",
        "Minka (2001). Expectation propagation for approximate Bayesian inference. Uncertainty in Artificial "
        "Intelligence 17, 362-369.",
    ),
    "paananen": Reference(
        "Paananen et al. 2021",
        "Paananen, Piironen, Bürkner and Vehtari (2021). Implicitly adaptive importance sampling. Statistics and "
        "Computing 31(2), 16.",
    ),
    "pagano": Reference(
        "Pagano and Tritchler 1983",
        "Pagano and Tritchler (1983). On obtaining permutation distributions in polynomial time. Journal of the "
        "American Statistical Association 78, 435-440.",
    ),
    "phipson": Reference(
        "Phipson and Smyth 2010",
        "Phipson and Smyth (2010). Permutation p-values should never be zero: calculating exact p-values when "
        "permutations are randomly drawn. Statistical Applications in Genetics and Molecular Biology 9(1), article 39.",
    ),
    "robins": Reference(
        "Robins 1986",
        "Robins (1986). A new approach to causal inference in mortality studies with a sustained exposure period: "
        "application to control of the healthy worker survivor effect. Mathematical Modelling 7, 1393-1512.",
    ),
    "rotnitzky": Reference(
        "Robins, Rotnitzky and Zhao 1994",
        "Robins, Rotnitzky and Zhao (1994). Estimation of regression coefficients when some regressors are not always "
        "observed. Journal of the American Statistical Association 89, 846-866.",
    ),
    "student": Reference("Student 1908", "Student (1908). The probable error of a mean. Biometrika 6(1), 1-25."),
    "tian": Reference(
        "Tian, Kong and Valiant 2017",
        "Tian, Kong and Valiant (2017). Learning populations of parameters. Advances in Neural Information Processing "
        "Systems 30.",
    ),
    "vargha": Reference(
        "Vargha and Delaney 2000",
        "Vargha and Delaney (2000). A critique and improvement of the CL common language effect size statistics of "
        "McGraw and Wong. Journal of Educational and Behavioral Statistics 25(2), 101-132.",
    ),
    "loo": Reference(
        "Vehtari, Gelman and Gabry 2017",
        "Vehtari, Gelman and Gabry (2017). Practical Bayesian model evaluation using leave-one-out cross-validation "
        "and WAIC. Statistics and Computing 27, 1413-1432.",
    ),
    "stacking": Reference(
        "Yao et al. 2018",
        "Yao, Vehtari, Simpson and Gelman (2018). Using stacking to average Bayesian predictive distributions. "
        "Bayesian Analysis 13(3), 917-1007.",
    ),
    "vehtari": Reference(
        "Vehtari et al. 2021",
        "Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021). Rank-normalization, folding, and localization: an "
        "improved R-hat for assessing convergence of MCMC. Bayesian Analysis 16(2), 667-718.",
    ),
    "vinayak": Reference(
        "Vinayak et al. 2019",
        "Vinayak, Kong, Valiant and Kakade (2019). Maximum likelihood estimation for learning populations of "
        "parameters. International Conference on Machine Learning 36.",
    ),
    "welch": Reference(
        "Welch 1947",
        "Welch (1947). The generalization of 'Student's' problem when several different population variances are "
        "involved. Biometrika 34(1/2), 28-35.",
    ),
    "zou": Reference(
        "Zou and Donner 2008",
        "Zou and Donner (2008). Construction of confidence limits about effect measures: a general approach. "
        "Statistics in Medicine 27(10), 1693-1702.",
    ),
    "westfall": Reference(
        "Westfall and Young 1993",
        "Westfall and Young (1993). Resampling-Based Multiple Testing. Wiley.",
    ),
}


@dataclass(slots=True)
class Citations:
    """Remembers what was cited, so that the list of references holds that and nothing else."""

    _used: set[str] = field(default_factory=set)

    def cite(self, *keys: str) -> str:
        """Cite sources by their keys in `REFERENCES`."""
        self._used.update(keys)
        return f"({'; '.join(REFERENCES[key].short for key in keys)})"

    @property
    def listed(self) -> list[Reference]:
        """What was cited, by author."""
        return sorted((REFERENCES[key] for key in self._used), key=lambda reference: reference.full)
