"""The autoencoder: encoder, decoder, posterior, likelihood, the ELBO's terms, encoding and decoding many."""
