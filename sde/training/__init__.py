"""Heavy-tailed stochastic gradient descent: recursion (2) for networks that people use."""
