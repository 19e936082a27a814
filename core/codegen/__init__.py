"""From a project to Python text; quoting is the only way that a user's text gets in."""
