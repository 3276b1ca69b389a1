"""Research projects and who may ask for them."""
