"""Errata of the paper: what is printed, why it fails, and the form that is right."""

from dataclasses import dataclass

__all__ = ["ERRATA", "Erratum"]


@dataclass(frozen=True)
class Erratum:
    """
    One slip in print.

    Parameters
    ----------
    where : str
        The statement and its part.
    printed : str
        What is printed, in other words.
    reason : str
        Why it fails: a counterexample within the paper's assumptions, or the step that is wrong.
    correction : str
        The form that is right.
    claim : str
        Identifier of the claim whose check measures it.
    false : bool
        Whether the statement itself is false as printed, and not only its proof or notation.

    Examples
    --------
    >>> [erratum.claim for erratum in ERRATA if erratum.false]
    ['section-4-moment', 'proposition-A.1', 'proposition-B.1', 'lemma-C.1', 'equation-14']
    """

    where: str
    printed: str
    reason: str
    correction: str
    claim: str
    false: bool = False


FALSE = (
    Erratum(
        "Section 4, after (5)",
        "The α-th moment of the supremum of one particle of the limit is finite: "
        "E sup_{t≤T} ‖θ_t^∞‖^α < ∞.",
        "The drift is bounded, so ‖θ_t^∞‖ has the tail of the noise, P(‖θ_t^∞‖ > x) ~ t σ^α C(p) "
        "x^(-α). Then the moment of order α is the integral of α x^(α-1) P(‖θ_t^∞‖ > x), which "
        "grows like α t σ^α C(p) log x: it is infinite at every time t > 0, for every network.",
        "Every moment of an order below α is finite, if the initial state has it.",
        "section-4-moment",
        false=True,
    ),
    Erratum(
        "Proposition A.1",
        "With Gaussian noise there is one error level ε that the relative error exceeds in the "
        "limit for every share κ of units kept.",
        "As κ approaches 1 nothing is pruned. For free particles started at 0 the limit of the "
        "error is G(κ), with G(κ)² = F_{p+2}(F_p^{-1}(1-κ)) and F_p the distribution function of a "
        "chi-square law with p degrees of freedom; G(κ) vanishes like (1-κ)^(1/2+1/p), so that no "
        "ε > 0 lies below it for every κ.",
        "For each κ < 1 the error has a positive limit G(κ) = (E[W²; W ≤ q] / E W²)^(1/2), W the "
        "norm of one particle of the limit and q its (1-κ)-quantile; ε may depend on κ.",
        "proposition-A.1",
        false=True,
    ),
    Erratum(
        "Proposition B.1",
        "The noise adds a term of order n^(-2) to the bound of the least mean squared gradient.",
        "The descent inequality for the risk contains the noise of all n units; the proof bounds "
        "that of one. A counterexample: features 0.3 sin θ of one datum, logistic loss, all units "
        "started at 0, α = 1.5, σ = 1, η = 0.5, γ = 0.1, K = 2000. The gradient exceeds the "
        "printed bound from n of about 1000 on, by a factor that grows like n.",
        "The second term is of order n^(-1). The last sentence then needs a step η above "
        "n^{α/(γ+1-α)+ε}, not n^{2α/(γ+1-α)+ε}, for the bound to vanish.",
        "proposition-B.1",
        false=True,
    ),
    Erratum(
        "Lemma C.1, last line",
        "The drift is Lipschitz in each of the n particles of the empirical measure, with "
        "constant B/n.",
        "The drift is Lipschitz with constant B in the mean of h, and h has slopes up to B: the "
        "proof loses one of the two factors. For features c tanh(θ) of one datum and the logistic "
        "loss the derivative reaches c²/(4n), while the least B of Assumption 1 is 4.43 c: the "
        "printed constant is too small for every c > 17.8, at c = 40 less than half of what is "
        "needed.",
        "The constant is B²/n. The first inequality and the bound ‖b‖ ≤ B are right.",
        "lemma-C.1",
        false=True,
    ),
    Erratum(
        "Equation (14)",
        "The mean error of one step is at most B² η² + B (M_n + M_1) α/(α+1) η^(1+1/α), M_k the "
        "mean of the largest of k norms of L_1.",
        "It takes its constant from the last line of Lemma C.1, and drops σ. For features "
        "c tanh(θ) of one datum, the logistic loss and all particles at 0 the error of a short "
        "step grows like c², the bound like B, that is, like c.",
        "B² in front of M_1, B²(1+B)/2 in front of η², and σ in front of both M. The orders in η "
        "and n stay.",
        "equation-14",
        false=True,
    ),
)

SLIPS = (
    Erratum(
        "Proof of Lemma C.3",
        "The variables are truncated from below, by max(X, K), at a level where the mean is C + 1.",
        "The mean of max(X, K) is infinite together with that of X, for every K.",
        "min(X, K): its mean runs continuously from 0 to infinity, and it bounds X from below.",
        "lemma-C.3",
    ),
    Erratum(
        "Lemma D.1, assumption",
        "The tail of the norm is at least C_α t^(-α) for large t.",
        "A lower bound of the tail bounds no maximum from above; the proof uses an upper bound.",
        "P(‖X‖ ≥ t) ≤ C_α t^(-α) for large t. A stable law satisfies both.",
        "lemma-D.1",
    ),
    Erratum(
        "Proof of Lemma D.1, last line",
        "The constant is 1 + 2^(1+1/α) / (2 - 2^(1/α)), whatever the tail constant C_α.",
        "X may be multiplied by any number, which multiplies the left-hand side but not the "
        "constant; C_α was lost from the line before.",
        "1 + C_α 2^(1+1/α) / (2 - 2^(1/α)). Sharp, by the Fréchet law: the mean of the maximum is "
        "asymptotic to (C_α n)^(1/α) Γ(1 - 1/α) if C_α is the limit of t^α P(‖X‖ ≥ t).",
        "lemma-D.1",
    ),
    Erratum(
        "Proof of Theorem 4.1",
        "The explicit constants have B where one particle acts on the others.",
        "They use the last line of Lemma C.1.",
        "B² in its place: exp(B(1+B)T) for exp(2BT), and B²(1+B)/2 for the B² of (14).",
        "theorem-4.1",
    ),
    Erratum(
        "Proof of Theorem 4.2",
        "The exponent of the last line is BT(1 + E[Ψ]).",
        "A particle acts on the others with constant B², and Gronwall's inequality puts the "
        "B(1+B) of the lines before into the exponent; E[Ψ] may be less than B.",
        "The bound B² T exp(B(1+B)T) n^(-1/2), as E[Ψ²] ≤ B².",
        "theorem-4.2",
    ),
    Erratum(
        "Equation (5)",
        "The limit is driven by L, without the scale σ of (4).",
        "With σ ≠ 1 the particles of (4) do not converge to it; (14) and (16) drop σ as well.",
        "σ dL_t.",
        "theorem-4.2",
    ),
    Erratum(
        "Equation (19)",
        "The norm of the matrix of the iterates is that of w*, which holds the norms of the limit.",
        "The matrix is that of the scheme, whose norms are in ŵ.",
        "‖ŵ‖.",
        "theorem-3.1",
    ),
)

#: The false statements first, each part in the order of the paper.
ERRATA: tuple[Erratum, ...] = FALSE + SLIPS
