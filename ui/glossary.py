"""What the field's words mean, told where a word stands: to the pointer, to the keyboard and to a finger."""

from __future__ import annotations

from html import escape
from pathlib import Path

SHEET = Path(__file__).with_suffix(".css")
"""How such a word looks, on the page and within a component."""

MEANINGS = {
    "nats": (
        "Nats measure information with the natural logarithm: an event of probability p carries −log p nats. 1 nat is "
        "1.44 bits."
    ),
    "held out": (
        "Held-out images were never trained on, so numbers on them tell how the model does on images that are new to it."
    ),
    "prior": (
        "The prior p(z) is the distribution that z has before any image is seen; here N(0, I): each dimension "
        "of z is normal with mean 0 and variance 1, independent of the others."
    ),
    "posterior": (
        "The posterior p(z|x) tells which z may have made the image x: p(x|z) p(z) / p(x). It is hard to compute, so the "
        "encoder gives a Gaussian q(z|x) in its place, the approximate posterior."
    ),
    "approximate posterior": (
        "The approximate posterior q(z|x) is the Gaussian that the encoder gives for the image x. It stands for the true "
        "posterior p(z|x), which is hard to compute."
    ),
    "ELBO": (
        "The evidence lower bound: the reconstruction term minus the KL term KL(q(z|x) ‖ p(z)). It is never above log "
        "p(x); with beta 1, training makes it as large as it can."
    ),
    "evidence": (
        "The evidence p(x) is the probability (for a Gaussian likelihood: the density) of the image x under the model, "
        "whatever z made it: p(x|z) averaged over all z of the prior. Here is its logarithm."
    ),
    "reconstruction term": (
        "The mean of log p(x|z) over z drawn from q: decode such a z, and take the logarithm of the probability (for a "
        "Gaussian likelihood: the density) of the image x. The larger, the better the reconstruction."
    ),
    "KL": (
        "The Kullback-Leibler divergence KL(q ‖ p) is the mean, over z drawn from q, of log q(z) − log p(z). It is 0 "
        "where both distributions are the same, and larger than 0 otherwise."
    ),
    "KL term": (
        "KL(q(z|x) ‖ p(z)): how far the Gaussian of this image is from the prior. It is 0 only where q is the prior "
        "itself: then z tells nothing about the image."
    ),
    "gap": "KL(q(z|x) ‖ p(z|x)): how far q is from the true posterior of this image. By so much the ELBO lies below log p(x).",
    "amortisation": (
        "One encoder, with the same weights, gives q for all images, in place of a search for the best q of each. This is "
        "fast, but the q of an image is seldom the best one; what the ELBO loses by it is the amortisation gap."
    ),
}


def term(word: str, shown: str = "") -> str:
    """HTML of a word that is explained when it is pointed at, tapped or reached by Tab; `shown` is its markup, ours as well."""
    return f'<dfn tabindex="0" aria-description="{escape(MEANINGS[word])}">{shown or word}</dfn>'
