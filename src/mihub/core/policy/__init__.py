"""Who may do what, for which purpose. Unknown means no."""
