"""How much unseen drift it would take to explain an effect away, and what a given drift could do to it.

Whatever the users differ in, ``|ASB| <= range(Y) TVD(p_1, p_0)`` over the latent user; and no negative control drifts
more than that latent distance, since its answer depends on the user alone (data processing).
"""


def drift_to_explain_away(estimate: float, width: float) -> float:
    """Return the least total variation distance of the users at which an effect may be selection bias alone.

    Parameters
    ----------
    estimate : float
        The observed effect.
    width : float
        Range of the outcome, above 0. Above 1, no drift explains the effect.

    Returns
    -------
    float
        0 or more.

    Examples
    --------
    >>> drift_to_explain_away(-0.5, 4)
    0.125
    """
    return abs(estimate) / width


def bounds(low: float, high: float, *, width: float, tvd: float) -> tuple[float, float]:
    """Widen an effect's interval by the selection bias that a distance between the arms' users allows.

    Parameters
    ----------
    low, high : float
        The interval's ends.
    width : float
        Range of the outcome.
    tvd : float
        Total variation distance of the users, in [0, 1].

    Returns
    -------
    tuple of (float, float)
        Where the causal effect may lie.

    Examples
    --------
    >>> bounds(0.5, 1.0, width=4, tvd=0.25)
    (-0.5, 2.0)
    """
    return low - width * tvd, high + width * tvd
