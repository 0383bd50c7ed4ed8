"""log p(x) and the true posterior: quadrature, importance sampling, both sides of the ELBO's identity."""
