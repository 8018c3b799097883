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
KINDS += [(f"own{c:g}", INF) for c in LEAKS] + [("redraw", INF)]
SHAPE_PRIOR = 1.0
BASE_PRIOR = 1.0
DRAWS = 300
U = np.array([0.0, *(1 / (1 + np.exp(-np.linspace(-4.5, 4.5, 19)))), 1.0])
PRIOR_U0 = 0.3
PRIOR_U1 = 0.2


def log_beta(shape):
    return gammaln(shape).sum(-1) - gammaln(shape.sum(-1))


def dictionary(pooled):
    """Dirichlet parameters (H, K): about the mean of all, and about each nearly pure answer."""
    K = len(pooled)
    rows = [s * pooled for s in np.geomspace(0.3, 90, 9)] + [s * np.full(K, 1 / K) for s in (K / 4, K / 2, K)]
    for r in (0.02, 0.06, 0.18):
        for c in (0.7, 2.0, 8.0):
            rows += [np.full(K, c * 1.0 / K) + (c / r - c) * np.eye(K)[k] for k in range(K)]
    return np.array(rows)


def base(b, alphas, weight):
    """Mixing weights of the dictionary by EM over one arm's rows."""
    ll = log_beta(alphas + b[:, None, :]) - log_beta(alphas)
    return em(np.exp(ll - ll.max(1, keepdims=True)), weight, 60)


def draw_shares(a, b, alphas, pi, rng):
    """p0 from its posterior given b and some of a, with log weights towards that given b alone."""
    P, K = a.shape
    seen = b[:, None, :] + PULLS[:, None] * a[:, None, :]  # P,T,K
    logz = np.log(pi) + log_beta(alphas + seen[:, :, None, :]) - log_beta(alphas)  # P,T,H
    total = logsumexp(logz, axis=2)
    cum = np.cumsum(np.exp(logz - total[..., None]), axis=2)
    x = (np.arange(SHARES_PER_PULL) + rng.random((P, len(PULLS), SHARES_PER_PULL))) / SHARES_PER_PULL
    h = np.minimum((cum[:, :, None, :] < x[..., None]).sum(-1), len(pi) - 1)
    g = np.maximum(rng.standard_gamma(alphas[h] + seen[:, :, None, :]), 1e-300).reshape(P, -1, K)
    p = g / g.sum(-1, keepdims=True)
    logp = np.log(np.maximum(p, LOWEST))
    s = np.einsum("psk,pk->ps", logp, a)
    logw = -(logsumexp(PULLS * s[:, :, None] - total[:, None, :], axis=2) - np.log(len(PULLS)))
    return p, logp, logw


OWN_PULLS = 3


def draw_own(a, b, alphas, pi, rng):
    """Other shares q of the treated arm's base, drawn where they may explain its counts; with log weights."""
    P, K = a.shape
    S = len(PULLS) * SHARES_PER_PULL
    excess = np.maximum(0.0, a - b * (a.sum(1) / b.sum(1))[:, None])
    pulls = np.stack([0 * excess, a * 1.0, excess], axis=1)
    n = S // 3
    logz = np.log(pi) + log_beta(alphas + pulls[:, :, None, :]) - log_beta(alphas)
    total = logsumexp(logz, axis=2)
    cum = np.cumsum(np.exp(logz - total[..., None]), axis=2)
    x = (np.arange(n) + rng.random((P, 3, n))) / n
    h = np.minimum((cum[:, :, None, :] < x[..., None]).sum(-1), len(pi) - 1)
    g = np.maximum(rng.standard_gamma(alphas[h] + pulls[:, :, None, :]), 1e-300).reshape(P, S, K)
    q = g / g.sum(-1, keepdims=True)
    q = q[:, rng.permutation(S)]
    logq = np.log(np.maximum(q, LOWEST))
    terms = np.einsum("psk,ptk->pst", logq, pulls) - total[:, None, :]
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


def centres(p, logp, v, q):
    return {"same": p, **{f"shift{c:g}": tilt(logp, c * v) for c in SHIFTS},
            **{f"own{w:g}": (1 - w) * p + w * q for w in LEAKS},
            "redraw": q}


def log_rising(kappa, nmax):
    q = np.geomspace(LOWEST, 1.0, GRID)
    t = np.zeros((GRID, nmax + 1))
    t[:, 1:] = np.cumsum(np.log(kappa * q[:, None] + np.arange(nmax)), axis=1)
    return t.ravel()


def likelihoods(a, b, v, p, logp, logw, q, logwq, kinds):
    P, S, K = p.shape
    C = centres(p, logp, v, q)
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
        lq, i, f = pos[name]
        if kappa == INF:
            out[j] = np.einsum("psk,pk->ps", lq, a)
        else:
            t = log_rising(kappa, nmax)
            lo = t[i]
            hi = t[i + (nmax + 1)]
            out[j] = (lo + f * (hi - lo)).sum(-1) - (gammaln(kappa + n1) - gammaln(kappa))[:, None]
        if name.startswith("own") or name == "redraw":
            out[j] += logwq
    out += logw
    return out, C


def draw_configs(a, C, p, weights, kinds, z, rng):
    """Draws of (p0, p1), each (D, P, K), for labels z (D, P)."""
    J, P, S = weights.shape
    D = len(z)
    cum = np.cumsum(weights, axis=2)
    cum /= cum[..., -1:]
    # one search over all rows: shift each row's cumulative weights by its number
    flat = (cum + np.arange(J * P).reshape(J, P, 1)).ravel()
    row = z * P + np.arange(P)
    idx = np.searchsorted(flat, row + rng.random((D, P))) - row * S
    idx = np.clip(idx, 0, S - 1)
    persona = np.broadcast_to(np.arange(P), z.shape)
    p0 = p[persona, idx]
    p1 = p0.copy()
    for j, (name, kappa) in enumerate(kinds):
        here = z == j
        if (name == "same" and kappa == INF) or not here.any():
            continue
        q = C[name][persona[here], idx[here]]
        if kappa < INF:
            g = rng.standard_gamma(kappa * q + a[persona[here]])
            q = g / np.maximum(g.sum(-1, keepdims=True), 1e-300)
        p1[here] = q
    return p0, p1


def null_tables(n1, n0):
    """h[row type][margin]: E of half the absolute difference; returns offset per persona, flat table."""
    pairs, inv = np.unique(np.column_stack([n1, n0]), axis=0, return_inverse=True)
    tabs, offs, off = [], [], 0
    for x, y in pairs:
        t = np.arange(x + y + 1)
        above = t * x // (x + y) + 1
        ok = above <= np.minimum(t, x)
        above = np.where(ok, above, np.maximum(0, t - y))
        lc = lambda n, k: gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        mass = np.exp(lc(x, above) + lc(y, t - above) - lc(x + y, t))
        tabs.append(np.where(ok, above * (y - t + above) * mass / (x * y), 0.0))
        offs.append(off)
        off += len(t)
    return np.array(offs)[inv.ravel()], np.concatenate(tabs)


def excess(a, b, n1, n0, off, tab):
    """T: plug-in minus null mean, averaged over personas (last axes P, K)."""
    d = 0.5 * np.abs(a / n1[:, None] - b / n0[:, None])
    return (d - tab[off[:, None] + a + b]).sum(-1).mean(-1)


def calibrate(a, b, p0, p1, rng, few=80):
    n1, n0 = a.sum(1), b.sum(1)
    off, tab = null_tables(n1, n0)
    sim = lambda n, p: rng.multinomial(n, p / p.sum(-1, keepdims=True))
    t_obs = excess(a, b, n1, n0, off, tab)
    c0 = sim(n0, p0)
    t = excess(sim(n1, p1), c0, n1, n0, off, tab)
    dist = 0.5 * np.abs(p1 - p0).sum(-1).mean(-1)
    ts, ds = [], []
    live = np.flatnonzero(dist > 0)[:few]
    if len(live) == 0:
        return t_obs, t, 0.0
    for c in (0.75, 1.3):
        q = np.maximum(p0[live] + c * (p1[live] - p0[live]), 0.0)
        q /= q.sum(-1, keepdims=True)
        ts.append(excess(sim(n1, q), c0[live], n1, n0, off, tab).mean())
        ds.append(0.5 * np.abs(q - p0[live]).sum(-1).mean())
    beta = (ds[1] - ds[0]) / max(ts[1] - ts[0], 1e-9)
    return t_obs, t, min(beta, 3.0)


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
    alphas = dictionary(pooled)
    weight = np.full(len(alphas), BASE_PRIOR / len(alphas))
    pi0 = base(b, alphas, weight)
    pi1 = base(a, alphas, weight)
    top0 = np.flatnonzero(pi0 > 2e-3)
    top1 = np.flatnonzero(pi1 > 2e-3)
    p, logp, logw = draw_shares(a, b, alphas[top0], pi0[top0] / pi0[top0].sum(), rng)
    v = direction(a, logp, logw)
    q, logwq = draw_own(a, b, alphas[top1], pi1[top1] / pi1[top1].sum(), rng)
    alpha = np.array([len(top0)])
    ll, C = likelihoods(a, b, v, p, logp, logw, q, logwq, kinds)
    top = ll.max(axis=(0, 2), keepdims=True)
    W = np.exp(ll - top)
    L = W.mean(2).T  # P,J
    L = L / L.max(1, keepdims=True)
    z, u = gibbs(L, rng)
    use = np.arange(len(z) - 1, -1, -(len(z) // DRAWS))[:DRAWS]
    p0, p1 = draw_configs(a, C, p, W, kinds, z[use], rng)
    draws = 0.5 * np.abs(p1 - p0).sum(-1).mean(-1)
    t_obs, t, beta = calibrate(a, b, p0, p1, rng)
    cal = np.where(draws > 0, np.maximum(draws + beta * (t_obs - t), 0), 0)
    if full:
        return draws, cal, z, L, alpha, v, u, beta, t_obs, t
    return draws, cal
