"""The mixture model: sufficient statistics, parameters and the EM loop."""
