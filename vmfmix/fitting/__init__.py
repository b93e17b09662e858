"""From the parameters of the estimator and the rows to a fitted mixture."""
