"""The command ``vmfmix``."""
