"""HTML that notebooks show for models and their merge histories: static, without scripts."""
