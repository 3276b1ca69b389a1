"""What connects the members: their list, their letters, the questions between them. No record of a
patient."""
