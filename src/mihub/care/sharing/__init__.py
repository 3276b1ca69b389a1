"""What a patient allows and who used it: consents and access records as plain values for readers."""
