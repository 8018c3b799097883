"""dev"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

PULLS = np.array([0.0, 0.25, 0.6, 1.0])
SHARES_PER_PULL = 48
BANK = 40
GRID = 256
LOWEST = 1e-9
INF = np.inf
# centre kind, kappa
SHIFTS = (0.25, 0.5, 0.75, 1.0, 1.3, 1.7)
LEAKS = (0.1, 0.2, 0.35, 0.5, 0.7)
KINDS = [("same", INF)]
KINDS += [("same", k) for k in (100.0, 50.0, 25.0, 12.0, 6.0, 3.0, 1.5, 0.7)]
KINDS += [(f"shift{c:g}", INF) for c in SHIFTS] + [("shift1", 60.0), ("shift1", 15.0), ("shift1", 5.0)]
KINDS += [(f"own{c:g}", INF) for c in LEAKS] + [("redraw", 0.0)]
SHAPE_PRIOR = 3.0
U = np.array([0.0, *(1 / (1 + np.exp(-np.linspace(-4.5, 4.5, 19)))), 1.0])
PRIOR_U0 = 0.3
PRIOR_U1 = 0.2


def base(b, pooled):
    """Return the concentration and mean of an arm's shares over personas."""
    P, K = b.shape
    n = b.sum(1)
    m = (b.sum(0) / n.sum() * P + pooled) / (P + 1.0)
    s = np.geomspace(0.2, 80, 28)
    al = s[:, None, None] * m
    ll = (gammaln(al + b) - gammaln(al)).sum((1, 2)) + (gammaln(s[:, None]) - gammaln(s[:, None] + n)).sum(1)
    ll = ll - 0.5 * ((np.log(s) - np.log(K)) / 1.5) ** 2
    return float(s[ll.argmax()]), m


def draw_shares(a, b, alpha, rng):
    P, K = a.shape
    shape = alpha + b[:, None, :] + PULLS[:, None] * a[:, None, :]  # P,T,K
    g = rng.standard_gamma(np.repeat(shape, SHARES_PER_PULL, axis=1))
    g = np.maximum(g, 1e-300)
    p = g / g.sum(-1, keepdims=True)
    logp = np.log(np.maximum(p, LOWEST))
    logc = gammaln(shape).sum(-1) - gammaln(shape.sum(-1))  # P,T
    s = np.einsum("psk,pk->ps", logp, a)
    logmix = logsumexp(PULLS[None, None, :] * s[:, :, None] - logc[:, None, :], axis=2) - np.log(len(PULLS))
    logw = -logmix  # times constant alpha normaliser
    return p, logp, logw, s


OWN_PULLS = np.array([0.0, 0.3, 1.0])


def draw_own(a, b, alpha, rng):
    """Other shares q ~ Dir(alpha), drawn where they may explain the treated counts; with log weights."""
    P, K = a.shape
    excess = np.maximum(0.0, a - b * (a.sum(1) / b.sum(1))[:, None])
    pulls = np.stack([0 * excess, a * 1.0, excess], axis=1)
    S = len(PULLS) * SHARES_PER_PULL
    n = S // 3
    shape = alpha + pulls
    g = np.maximum(rng.standard_gamma(np.repeat(shape, n, axis=1)), 1e-300)
    q = g / g.sum(-1, keepdims=True)
    q = rng.permuted(q.reshape(P, S, K).view(), axis=1) if False else q[:, rng.permutation(S)]
    logq = np.log(np.maximum(q, LOWEST))
    logc = gammaln(shape).sum(-1) - gammaln(shape.sum(-1))
    logc -= gammaln(alpha).sum() - gammaln(alpha.sum())
    terms = np.einsum("psk,ptk->pst", logq, pulls) - logc[:, None, :]
    return q, -(logsumexp(terms, axis=2) - np.log(3))


def tilt(logp, v):
    z = logp + v
    z = np.exp(z - z.max(-1, keepdims=True))
    return z / z.sum(-1, keepdims=True)


def direction(a, logp, logw, n=12):
    """Common shift of log odds by EM under the shift model, shrunk by positive-part James-Stein."""
    n1 = a.sum(1)
    K = a.shape[1]
    v = np.zeros(K)
    for _ in range(n):
        q = tilt(logp, v)
        z = v + logp
        lse = np.log(np.exp(z - z.max(-1, keepdims=True)).sum(-1)) + z.max(-1)
        ll = logw + np.einsum("psk,pk->ps", logp, a) + (a @ v)[:, None] - n1[:, None] * lse
        w = np.exp(ll - ll.max(1, keepdims=True))
        w /= w.sum(1, keepdims=True)
        mq = np.einsum("ps,psk->pk", w, q)
        score = (a - n1[:, None] * mq).sum(0)
        H = np.diag(n1 @ mq) - np.einsum("ps,psk,psl->kl", w * n1[:, None], q, q)
        H += 0.5 * np.eye(K)
        v = v + 1.8 * np.linalg.solve(H, score - 0.5 * v) if _ < n - 1 else v + np.linalg.solve(H, score - 0.5 * v)
        v -= v.mean()
    # complete-data information about halves for the missing p0
    q2 = v @ (H / 2) @ v
    return v * max(0.0, 1 - (K - 1) / max(q2, 1e-9))


def centres(p, logp, v, m, q):
    return {"same": p, **{f"shift{c:g}": tilt(logp, c * v) for c in SHIFTS},
            **{f"own{w:g}": (1 - w) * p + w * q for w in LEAKS},
            "redraw": np.broadcast_to(m, p.shape)}


def log_rising(kappa, nmax):
    q = np.geomspace(LOWEST, 1.0, GRID)
    t = np.zeros((GRID, nmax + 1))
    t[:, 1:] = np.cumsum(np.log(kappa * q[:, None] + np.arange(nmax)), axis=1)
    return t.ravel()


def likelihoods(a, b, s1, m, v, p, logp, logw, q, logwq, kinds):
    P, S, K = p.shape
    C = centres(p, logp, v, m, q)
    nmax = int(a.max())
    n1 = a.sum(1)
    out = np.empty((len(kinds), P, S))
    pos = {}
    for name, q in C.items():
        lq = np.log(np.maximum(q, LOWEST))
        x = (lq / -np.log(LOWEST) + 1.0) * (GRID - 1)
        i = np.minimum(x.astype(np.int64), GRID - 2)
        pos[name] = (lq, i * (nmax + 1) + a[:, None, :], x - i)
    for j, (name, kappa) in enumerate(kinds):
        if name == "redraw":
            kappa = s1
        lq, i, f = pos[name]
        if kappa == INF:
            out[j] = np.einsum("psk,pk->ps", lq, a)
        else:
            t = log_rising(kappa, nmax)
            lo = t[i]
            hi = t[i + (nmax + 1)]
            out[j] = (lo + f * (hi - lo)).sum(-1) - (gammaln(kappa + n1) - gammaln(kappa))[:, None]
        if name.startswith("own"):
            out[j] += logwq
    out += logw
    return out, C


def bank(a, s1, C, p, weights, kinds, rng):
    """Draws of TVD: (J, P, BANK)."""
    J, P, S = weights.shape
    cum = np.cumsum(weights, axis=2)
    cum /= cum[..., -1:]
    u = (np.arange(BANK) + rng.random((J, P, BANK))) / BANK
    idx = (cum[:, :, None, :] < u[..., None]).sum(-1) if S * J * P * BANK < 0 else np.stack([
        [np.searchsorted(cum[j, i], u[j, i]) for i in range(P)] for j in range(J)])
    idx = np.minimum(idx, S - 1)
    out = np.empty((J, P, BANK))
    rows = np.arange(P)[:, None]
    for j, (name, kappa) in enumerate(kinds):
        if name == "redraw":
            kappa = s1
        if name == "same" and kappa == INF:
            out[j] = 0.0
            continue
        p0 = p[rows, idx[j]]
        q = C[name][rows, idx[j]]
        if kappa < INF:
            g = rng.standard_gamma(kappa * q + a[:, None, :])
            q = g / np.maximum(g.sum(-1, keepdims=True), 1e-300)
        out[j] = 0.5 * np.abs(p0 - q).sum(-1)
    return out


def gibbs(L, rng, chains=50, sweeps=50, burn=15):
    """L (P,J) likelihoods, scaled by persona; return labels draws (D,P), and u."""
    P, J = L.shape
    prior = np.full(J - 1, SHAPE_PRIOR / (J - 1))
    mid = len(U) - 2
    lpu = np.log(np.r_[PRIOR_U0, np.full(mid, (1 - PRIOR_U0 - PRIOR_U1) / mid), PRIOR_U1])
    w = np.tile(em(L[:, 1:], prior + 0.3), (chains, 1))
    labels, us = [], []
    R = np.ascontiguousarray(L[:, 1:].T)
    for t in range(sweeps):
        M = w @ R  # chains,P
        ll = np.log((1 - U)[:, None, None] * L[:, 0] + U[:, None, None] * M + 1e-300).sum(-1) + lpu[:, None]
        u = U[(ll + rng.gumbel(size=ll.shape)).argmax(0)]
        full = np.column_stack([1 - u, u[:, None] * w])
        c = np.cumsum(full[:, None, :] * L, axis=2)
        x = rng.random((chains, P, 1)) * c[..., -1:]
        z = np.minimum((c <= x).sum(-1), J - 1)
        if t >= burn:
            labels.append(z)
            us.append(u)
        n = np.zeros((chains, J))
        np.add.at(n, (np.arange(chains)[:, None], z), 1.0)
        g = rng.standard_gamma(n[:, 1:] + prior) + 1e-300
        w = g / g.sum(1, keepdims=True)
    return np.concatenate(labels), np.concatenate(us)


def em(L, prior, n=50):
    w = prior / prior.sum()
    for _ in range(n):
        r = w * L
        r /= r.sum(1, keepdims=True)
        w = r.sum(0) + prior
        w /= w.sum()
    return w


def posterior(a, b, rng, kinds=KINDS, full=False):
    pooled = ((a + b).sum(0) + 0.5) / ((a + b).sum() + 0.5 * a.shape[1])
    s0, m0 = base(b, pooled)
    s1, m = base(a, pooled)
    K = a.shape[1]
    alpha = s0 * m0
    alpha_own = min(s1, K / 2) * (0.5 * m + 0.5 / K)
    alpha_redraw = s1 * m
    p, logp, logw, _ = draw_shares(a, b, alpha, rng)
    v = direction(a, logp, logw)
    q, logwq = draw_own(a, b, alpha_own, rng)
    ll, C = likelihoods(a, b, s1, m, v, p, logp, logw, q, logwq, kinds)
    top = ll.max(axis=(0, 2), keepdims=True)
    W = np.exp(ll - top)
    L = W.mean(2).T  # P,J
    L = L / L.max(1, keepdims=True)
    bk = bank(a, s1, C, p, W, kinds, rng)
    z, u = gibbs(L, rng)
    pick = rng.integers(BANK, size=z.shape)
    t = bk[z, np.arange(len(a)), pick]
    draws = t.mean(1)
    if full:
        return draws, z, L, bk, alpha, v, u
    return draws
