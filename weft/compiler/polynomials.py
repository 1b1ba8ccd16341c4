"""Coefficients that more than one target evaluates, highest power first; where each comes from is in its docstring."""

from __future__ import annotations

from math import factorial

EXPM1 = tuple(1 / factorial(k) for k in range(9, 1, -1))
"""(e^r - 1 - r) / r² in r, for |r| <= 0.35: Taylor's series, off by less than 1e-10 of e^r - 1."""

ATANH = tuple(1 / k for k in range(13, 2, -2))
"""(atanh(s) / s - 1) / s² in s², for s² <= 0.0295: Taylor's series, off by less than 1e-11."""

ERF = tuple((-1) ** n * 1.1283791670955126 / (factorial(n) * (2 * n + 1)) for n in range(11, -1, -1))
"""erf(x) / x in x², for |x| <= 1: Taylor's series, off by less than 1e-10."""

ERFC = (
    0.09434162882467147, -0.3841040280511887, 0.4344718977552826, 0.0011952698992126476, 0.29712775954055265,
    0.2742441012932103, 0.2826126230422005,
)  # fmt: skip
"""erfc(x) · e^(x²) / t in t = 1 / (1 + x/2), for x in [1, 4]: interpolated at 400 Chebyshev points by least squares, so
that erf = 1 - erfc is off by less than 1e-9."""
