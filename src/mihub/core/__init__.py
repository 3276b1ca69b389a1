"""The languages of MiHUB: pure values and functions, no input or output."""
